"""Exact quantiles, medians over rounds, and whether a result can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NOISY_SPREAD = 0.10
NOISY_MAX = 0.50
FEW_SAMPLES_BEYOND = 10


@dataclass(frozen=True)
class Summary:
    """Quantiles of one series, in the series' unit: each is the smallest sample that so large a share reaches."""

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    p999: float | None = None

    def as_dict(self) -> dict[str, float]:
        """Plain data; `p99.9` only where it was asked for."""
        plain = asdict(self)
        p999 = plain.pop("p999")
        return plain if p999 is None else {**plain, "p99.9": p999}


def summarise(samples: ArrayLike) -> Summary:
    """The summary of finite samples. Raises `ValueError` for none, or for one that is not a number."""
    values = np.asarray(samples, np.float64).reshape(-1)
    if values.size == 0:
        raise ValueError("nothing was measured")
    if not np.isfinite(values).all():
        raise ValueError("a sample is not a number")
    p50, p90, p95, p99 = np.quantile(values, (0.5, 0.9, 0.95, 0.99), method="inverted_cdf")
    return Summary(
        int(values.size), float(values.mean()), float(p50), float(p90), float(p95), float(p99), float(values.max())
    )


def over_rounds(rounds: Sequence[Summary]) -> Summary:
    """The median of each quantile over rounds, the largest maximum, all samples counted. Raises `ValueError`."""
    if not rounds:
        raise ValueError("no round was measured")
    medians = {
        name: float(np.median([getattr(one, name) for one in rounds])) for name in ("mean", "p50", "p90", "p95", "p99")
    }
    return Summary(count=sum(one.count for one in rounds), max=max(one.max for one in rounds), **medians)


def paired_ratio(measured: Sequence[Summary], floor: Sequence[Summary]) -> float:
    """The median over rounds of p50 over the floor's p50 of the same round: slow drift of the machine cancels out."""
    if len(measured) != len(floor) or not measured:
        raise ValueError("a ratio needs as many rounds of the floor, and at least one")
    return float(np.median([one.p50 / other.p50 for one, other in zip(measured, floor, strict=True)]))


def instability(name: str, rounds: Sequence[Summary]) -> list[str]:
    """Why a result may not be stable, after pyperf's checks: spread of the rounds, an outlying round, thin tails."""
    reasons: list[str] = []
    p50 = np.array([one.p50 for one in rounds])
    centre = float(p50.mean())
    if len(rounds) < 3:
        reasons.append(f"{name}: only {len(rounds)} round(s); take three or more")
    elif (spread := float(p50.std(ddof=1)) / centre) > NOISY_SPREAD:
        reasons.append(f"{name}: may be unstable, the rounds' p50 spread by {100 * spread:.0f} %")
    elif (off := float(np.abs(p50 - centre).max()) / centre) > NOISY_MAX:
        reasons.append(f"{name}: may be unstable, one round is {100 * off:.0f} % off the mean")
    beyond = sum(one.count for one in rounds) / 100
    if beyond < FEW_SAMPLES_BEYOND:
        reasons.append(f"{name}: p99 rests on about {beyond:.0f} sample(s); measure longer")
    return reasons


def slope(times: ArrayLike, values: ArrayLike) -> float:
    """The Theil-Sen slope, the median of the slopes between all pairs: one spike does not tilt it (Sen 1968).

    Raises `ValueError` for fewer than two points or times that do not differ.
    """
    x, y = np.asarray(times, np.float64), np.asarray(values, np.float64)
    if x.size < 2 or x.shape != y.shape:
        raise ValueError("a slope needs two points or more")
    first, second = np.triu_indices(x.size, 1)
    steps: NDArray[np.float64] = x[second] - x[first]
    apart = steps != 0
    if not apart.any():
        raise ValueError("a slope needs points at different times")
    return float(np.median((y[second] - y[first])[apart] / steps[apart]))
