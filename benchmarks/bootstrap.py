"""How sure a difference of two runs is: bootstrap intervals over rounds, or over blocks of one long series.

Samples of a run depend on their neighbours in time, so that single ones must not be drawn (Künsch 1989): what is drawn
with replacement are stretches of rounds, or of calls. Few rounds make a plain percentile interval too narrow; it is
widened to a t interval's width (Hesterberg 2015, "expanded percentile").
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 10_000
MANY_ROUNDS = 12  # from here on neighbouring rounds are drawn together
BLOCK_DRAWS = 2_000
BIN = 0.001  # of a block's histogram, as a share of the value
AT_ONCE = 200
LEAST, MOST = 1e-3, 1e7  # what a histogram tells apart


@dataclass(frozen=True)
class Interval:
    """A relative difference, B / A - 1, and where it lies with the wanted confidence."""

    change: float
    low: float
    high: float


@dataclass(frozen=True)
class Drawn:
    """The measured difference of logs, the drawn ones, and of how many rounds or blocks they are."""

    point: float
    draws: Floats
    count: int

    def interval(self, doubt: float) -> Interval:
        """Where the difference lies; `doubt`: 0.05 for 95 %."""
        wide = expanded(doubt, self.count)
        low, high = np.quantile(self.draws, (wide / 2, 1 - wide / 2))
        return Interval(float(np.expm1(self.point)), float(np.expm1(low)), float(np.expm1(high)))


def of_rounds(
    a: Floats, b: Floats, *, random: np.random.Generator, floors: tuple[Floats, Floats] | None = None
) -> Drawn:
    """The difference of the medians of rounds; `a`, `b`: one positive figure a round.

    `floors` are those of floors that did not run in the same rounds: the ratios to their medians are compared.
    """
    point, drawn = _difference(a, b, random)
    if floors is not None:
        floor_point, floor_drawn = _difference(*floors, random)
        point, drawn = point - floor_point, drawn - floor_drawn
    return Drawn(point, drawn, min(a.size, b.size))


def _difference(a: Floats, b: Floats, random: np.random.Generator) -> tuple[float, Floats]:
    """Of the medians' logs: the measured one, and the drawn ones."""
    one, other = np.log(a), np.log(b)
    return float(np.median(other) - np.median(one)), _medians(other, random) - _medians(one, random)


def _medians(values: Floats, random: np.random.Generator) -> Floats:
    """Of draws of the rounds, in stretches that go round in a circle (Politis and Romano 1992)."""
    length = round(values.size ** (1 / 3)) if values.size >= MANY_ROUNDS else 1
    starts = random.integers(0, values.size, (DRAWS, -(-values.size // length)))
    picks = (starts[:, :, None] + np.arange(length)) % values.size
    medians: Floats = np.median(values[picks.reshape(DRAWS, -1)[:, : values.size]], axis=1)
    return medians


def of_blocks(a: list[Floats], b: list[Floats], quantile: float, *, random: np.random.Generator) -> Drawn:
    """The difference of a quantile of all samples; `a`, `b`: the positive samples of each block of time."""
    found = [_Blocks(blocks) for blocks in (a, b)]
    drawn = [one.drawn(quantile, random) for one in found]
    point = float(found[1].whole(quantile) - found[0].whole(quantile))
    return Drawn(point, drawn[1] - drawn[0], min(len(a), len(b)))


def expanded(doubt: float, count: int) -> float:
    """The doubt for which a percentile interval is as wide as a t interval over `count` rounds with the wanted one."""
    wide = t_quantile(1 - doubt / 2, count - 1) * (count / (count - 1)) ** 0.5
    return 2 * (1 - NormalDist().cdf(wide))


def t_quantile(share: float, freedom: int) -> float:
    """Student's t by the expansion of Hill (1970): good to a few parts in a thousand from 3 degrees of freedom on."""
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(float(term) / freedom ** (power + 1) for power, term in enumerate(terms))


class _Blocks:
    """Histograms of every block over common bins, so that drawing blocks is adding rows."""

    def __init__(self, blocks: list[Floats]) -> None:
        logs = [np.log(np.clip(block, LEAST, MOST)) for block in blocks]
        self._low = min(float(one.min()) for one in logs)
        top = max(float(one.max()) for one in logs)
        self._bins = int((top - self._low) / BIN) + 1
        self._counts = np.stack([self._histogram(one) for one in logs]).astype(np.float64)

    def _histogram(self, logs: Floats) -> NDArray[np.int64]:
        return np.bincount(((logs - self._low) / BIN).astype(np.int64), minlength=self._bins)

    def whole(self, quantile: float) -> float:
        """The log of the quantile of all samples."""
        return float(self._quantile(self._counts.sum(0)[None], quantile)[0])

    def drawn(self, quantile: float, random: np.random.Generator) -> Floats:
        """The log of the quantile in every draw."""
        size = len(self._counts)
        found = []
        for _ in range(BLOCK_DRAWS // AT_ONCE):
            picks = random.multinomial(size, np.full(size, 1 / size), AT_ONCE).astype(np.float64)
            found.append(self._quantile(picks @ self._counts, quantile))
        return np.concatenate(found)

    def _quantile(self, counts: Floats, quantile: float) -> Floats:
        reached = np.cumsum(counts, axis=1)
        wanted = quantile * reached[:, -1:]
        log: Floats = self._low + BIN * np.argmax(reached >= wanted, axis=1)
        return log
