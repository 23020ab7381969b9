"""What AI costs a game: frames with it on against frames with it off, each figure with how sure it is.

Neighbouring frames depend on each other, so what is drawn again for the intervals are stretches of a second and more,
not single frames (Künsch 1989); with few of them the interval is widened to a t interval's width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bootstrap import expanded
from .capture import Capture, Floats

DRAWS = 2000
AT_ONCE = 100
DOUBT = 0.05
MOST_BLOCKS = 400
LEAST_BLOCKS = 5
BIN = 0.0025  # of the histograms, as a share of the value
LOWEST_MS = 0.05
SLOWEST = 0.01


@dataclass(frozen=True)
class Figure:
    """One number with AI off and on, their difference, and where that lies with 95 % confidence (None: too short)."""

    name: str
    unit: str
    off: float
    on: float
    low: float | None
    high: float | None

    @property
    def delta(self) -> float:
        """On less off."""
        return self.on - self.off

    @property
    def sure(self) -> bool:
        """Whether the whole interval lies on one side of nothing."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def figures(on: Capture, off: Capture, *, seed: int = 1) -> list[Figure]:
    """Every figure that both captures can tell."""
    random = np.random.default_rng(seed)
    drawn = [_Blocks(one).drawn(random) for one in (on, off)]
    blocks = min(one.count for one in drawn)
    doubt = expanded(DOUBT, blocks) if blocks >= LEAST_BLOCKS else None
    found = []
    for name, unit in _wanted(on, off):
        values = [_exact(one, name) for one in (on, off)]
        low = high = None
        if doubt is not None:
            moved = [one.of[name] - one.whole[name] for one in drawn]  # how far draws lie from what was drawn from
            spread = np.quantile(moved[0] - moved[1], (doubt / 2, 1 - doubt / 2))
            low, high = (values[0] - values[1] + spread).tolist()
        found.append(Figure(name, unit, values[1], values[0], low, high))
    return found


def _wanted(on: Capture, off: Capture) -> list[tuple[str, str]]:
    single = not (on.averaged or off.averaged)
    wanted = [("frame time, mean", "ms"), ("frame time, p50", "ms"), ("frame time, p99", "ms")]
    wanted = wanted if single else wanted[:1]
    wanted.append(("missed frames a minute", "frames"))
    wanted.append(("frames a second", "fps"))
    if single:
        wanted.append(("1 % low", "fps"))
    return wanted


def _exact(capture: Capture, name: str) -> float:
    times = capture.frame_ms
    if name == "missed frames a minute":
        return 60 * float(capture.missed.sum()) / capture.seconds
    if name in ("frame time, p50", "frame time, p99"):
        return float(np.quantile(times, 0.5 if name.endswith("p50") else 0.99, method="inverted_cdf"))
    if name == "1 % low":
        slowest = np.sort(times)[-max(1, round(SLOWEST * times.size)) :]
        return 1000 / float(slowest.mean())
    return 1000 / float(times.mean()) if name == "frames a second" else float(times.mean())


@dataclass(frozen=True)
class _Drawn:
    """The figures of every draw, of all blocks taken once, and how many blocks there are."""

    count: int
    of: dict[str, Floats]
    whole: dict[str, float]


class _Blocks:
    """A capture in stretches of time: for each its frames as a histogram, their sum, its missed frames."""

    def __init__(self, capture: Capture) -> None:
        length_s = max(1.0, capture.seconds / MOST_BLOCKS)
        _, block = np.unique(((capture.at_s - capture.at_s[0]) / length_s).astype(np.int64), return_inverse=True)
        self.count = int(block.max()) + 1
        self._frames = np.bincount(block).astype(np.float64)
        self._sum_ms = np.bincount(block, capture.frame_ms)
        self._missed = np.bincount(block, capture.missed)
        self._seconds = self._frames if capture.averaged else self._sum_ms / 1000
        self._single = not capture.averaged
        self._counts, self._edges = self._histograms(capture.frame_ms, block)

    def _histograms(self, times: Floats, block: NDArray[np.int64]) -> tuple[Floats, Floats]:
        logs = np.log(np.maximum(times, LOWEST_MS))
        low = float(logs.min())
        bins = ((logs - low) / BIN).astype(np.int64)
        width = int(bins.max()) + 1
        counts = np.bincount(block * width + bins, minlength=self.count * width).reshape(self.count, width)
        return counts.astype(np.float64), np.exp(low + BIN * np.arange(width + 1))

    def drawn(self, random: np.random.Generator) -> _Drawn:
        """Every figure of `DRAWS` draws of the blocks."""
        found: dict[str, list[Floats]] = {}
        for _ in range(DRAWS // AT_ONCE):
            picks = random.multinomial(self.count, np.full(self.count, 1 / self.count), AT_ONCE).astype(np.float64)
            for name, values in self._figures(picks).items():
                found.setdefault(name, []).append(values)
        whole = {name: float(values[0]) for name, values in self._figures(np.ones((1, self.count))).items()}
        return _Drawn(self.count, {name: np.concatenate(values) for name, values in found.items()}, whole)

    def _figures(self, picks: Floats) -> dict[str, Floats]:
        frames, mean = picks @ self._frames, (picks @ self._sum_ms) / (picks @ self._frames)
        found = {
            "frame time, mean": mean,
            "frames a second": 1000 / mean,
            "missed frames a minute": 60 * (picks @ self._missed) / (picks @ self._seconds),
        }
        if self._single:
            counts = picks @ self._counts
            reached = np.cumsum(counts, axis=1)
            for name, share in (("frame time, p50", 0.5), ("frame time, p99", 0.99)):
                found[name] = self._quantile(counts, reached, share * frames)
            found["1 % low"] = self._lows(counts, reached, frames)
        return found

    def _quantile(self, counts: Floats, reached: Floats, wanted: Floats) -> Floats:
        """The frame time that so many frames of each draw do not exceed; within a bin they are spread evenly."""
        draws, place = np.arange(len(counts)), (reached >= wanted[:, None]).argmax(axis=1)
        inside = counts[draws, place]
        part = 1 - (reached[draws, place] - wanted) / np.maximum(inside, 1.0)
        found: Floats = self._edges[place] + part * (self._edges[place + 1] - self._edges[place])
        return found

    def _lows(self, counts: Floats, reached: Floats, frames: Floats) -> Floats:
        """1000 / the mean of the slowest hundredth of each draw."""
        wanted = np.maximum(1.0, np.round(SLOWEST * frames))[:, None]
        above = frames[:, None] - reached
        taken = np.clip(wanted - above, 0.0, counts)
        slowest: Floats = 1000 * wanted[:, 0] / (taken @ ((self._edges[1:] + self._edges[:-1]) / 2))
        return slowest


def in_words(found: list[Figure]) -> list[str]:
    """The figures that people ask for, a sentence each."""
    by_name = {figure.name: figure for figure in found}
    return [
        _sentence(by_name[name], words)
        for name, words in (
            ("frame time, mean", "frame time"),
            ("missed frames a minute", "missed frames a minute"),
            ("1 % low", "1 % low"),
        )
        if name in by_name
    ]


def _sentence(figure: Figure, words: str) -> str:
    told = f"{figure.off:.2f} off, {figure.on:.2f} on"
    if figure.low is None or figure.high is None:
        return f"{words}: {figure.delta:+.2f} {figure.unit} with AI ({told}); too short to say how sure that is"
    spread = f"{figure.low:+.2f} to {figure.high:+.2f}"
    if not figure.sure:
        return f"{words}: cannot tell, {figure.delta:+.2f} {figure.unit} with AI ({spread}; {told})"
    return f"{words}: {figure.delta:+.2f} {figure.unit} with AI ({spread}; {told})"
