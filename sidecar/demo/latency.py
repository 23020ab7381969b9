"""The demo's latency table: how old an answer was, how long it took, and which headset refreshes it missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from rich.table import Table

REFRESH_HZ = (72, 80, 90, 120)
WARM_UP_FRAMES = 5


class Answered(Struct, frozen=True):
    """One answered frame: number, capture and arrival in microseconds of one clock, the server's own milliseconds."""

    n: int
    captured_us: int
    arrived_us: int
    queue_ms: float
    total_ms: float

    @property
    def age_ms(self) -> float:
        """From the frame's capture to its try-on picture in our memory."""
        return (self.arrived_us - self.captured_us) / 1000


def measure(answered: Sequence[Answered], *, pushed: int, superseded: int, rate_hz: float) -> dict[str, Any]:
    """The table as plain data. Quantiles are exact (the smallest value that so many reach); warm-up frames are apart.

    `late`: answers that came later than one refresh after their capture. `stale`: refreshes at which no new picture
    had come since the last. Raises `ValueError` when nothing but warm-up was answered.
    """
    counted = answered[WARM_UP_FRAMES:]
    if not counted:
        raise ValueError("too few frames were answered to measure anything")
    span_s = (counted[-1].arrived_us - counted[0].arrived_us) / 1e6
    return {
        "frames": {"pushed": pushed, "answered": len(answered), "superseded": superseded, "rate_hz": rate_hz},
        "answered_per_s": round((len(counted) - 1) / span_s, 1) if span_s > 0 else None,
        "age_ms": _quantiles([frame.age_ms for frame in counted]),
        "service_ms": _quantiles([frame.total_ms - frame.queue_ms for frame in counted]),
        "queue_ms": _quantiles([frame.queue_ms for frame in counted]),
        "missed": {str(hz): _missed(counted, hz) for hz in REFRESH_HZ},
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    found = np.quantile(values, (0.5, 0.95, 0.99, 1.0), method="inverted_cdf")
    return {name: round(float(value), 2) for name, value in zip(("p50", "p95", "p99", "max"), found, strict=True)}


def _missed(answered: Sequence[Answered], hz: int) -> dict[str, float]:
    interval_us = 1e6 / hz
    late = sum(frame.arrived_us - frame.captured_us > interval_us for frame in answered)
    arrivals = np.array([frame.arrived_us for frame in answered])
    ticks = np.arange(arrivals[0], arrivals[-1], interval_us)
    fresh = np.diff(np.searchsorted(arrivals, ticks, side="right")) > 0
    return {
        "interval_ms": round(interval_us / 1000, 1),
        "late": late,
        "late_percent": round(100 * late / len(answered), 1),
        "stale": int(np.count_nonzero(~fresh)),
        "refreshes": len(fresh),
    }


def tables(measured: dict[str, Any]) -> list[Table]:
    """The data as tables for a console or a text file."""
    latency = Table("milliseconds", "p50", "p95", "p99", "max", title="Latency")
    names = {"age_ms": "age: capture to try-on picture", "service_ms": "service", "queue_ms": "waiting before it"}
    for key, name in names.items():
        latency.add_row(name, *(f"{measured[key][column]:.1f}" for column in ("p50", "p95", "p99", "max")))
    columns = ("headset", "frame budget", "answers later than it", "refreshes without a new picture")
    missed = Table(*columns, title="Missed")
    for hz, row in measured["missed"].items():
        late = f"{row['late']} ({row['late_percent']:g} %)"
        missed.add_row(f"{hz} Hz", f"{row['interval_ms']} ms", late, f"{row['stale']} of {row['refreshes']}")
    return [latency, missed]


def summary(measured: dict[str, Any]) -> str:
    """One line of counts."""
    frames = measured["frames"]
    return (
        f"{frames['pushed']} frames sent at {frames['rate_hz']:g} Hz, {frames['answered']} answered "
        f"({measured['answered_per_s']} a second), {frames['superseded']} superseded by a newer one"
    )
