"""When requests should be sent, decided before anything runs: an open loop never waits for answers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.float64]


def steady(rate_hz: float, count: int) -> Offsets:
    """`count` send times in seconds from the start, evenly spaced, as a headset's frames are."""
    _check(rate_hz, count)
    return np.arange(count, dtype=np.float64) / rate_hz


def poisson(rate_hz: float, count: int, *, random: np.random.Generator) -> Offsets:
    """`count` send times with exponential gaps, as independent people's requests are."""
    _check(rate_hz, count)
    gaps = random.exponential(1 / rate_hz, count)
    gaps[0] = 0.0
    times: Offsets = np.cumsum(gaps)
    return times


def for_seconds(
    kind: str, rate_hz: float, seconds: float, *, burst: int = 1, phase_s: float = 0.0, random: np.random.Generator
) -> Offsets:
    """Send times within `seconds`: `kind` is constant or poisson, `burst` of them at once, all `phase_s` later."""
    count = max(1, math.ceil(rate_hz / burst * seconds))
    if kind == "poisson":
        spare = math.ceil(count + 6 * math.sqrt(count) + 10)  # so that hardly any draw ends before the time is over
        times = poisson(rate_hz / burst, spare, random=random)
    else:
        times = steady(rate_hz / burst, count)
    times = phase_s + np.repeat(times, burst)
    within: Offsets = times[times < seconds]
    return within


def _check(rate_hz: float, count: int) -> None:
    if not 0 < rate_hz < 1e6 or count < 1:
        raise ValueError("a rate above 0 and at least one request are needed")
