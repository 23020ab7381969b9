"""Whether a run can be trusted, and whether a stream held its display's rate: plain sentences with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..stats import FEW_SAMPLES_BEYOND, NOISY_SPREAD, Summary
from .display import Display
from .record import Floats

SLICES = 5
FEWEST_IN_SLICE = 5
SENT_LATE_MS = 2.0
SENT_LATE_SHARE = 0.01
FLOOR_DRIFT = 0.25
FLOOR_DRIFT_MS = 0.1
HELD_SHARE = 0.01
UNSTABLE = "may be unstable: "


@dataclass(frozen=True)
class Held:
    """Whether every refresh of a display had a new picture."""

    refresh_hz: float
    refreshes: int
    stale: int
    age: Summary

    @property
    def holds(self) -> bool:
        """At most one refresh in a hundred without a new picture."""
        return self.refreshes > 0 and self.stale <= HELD_SHARE * self.refreshes

    def text(self, name: str) -> str:
        """The sentence, in frames as well as in milliseconds."""
        share = 100 * self.stale / max(1, self.refreshes)
        verb = "holds" if self.holds else "does not hold"
        frames = self.refresh_hz / 1000
        return (
            f"{name} {verb} {self.refresh_hz:g} Hz: {self.stale:,} of {self.refreshes:,} refreshes ({share:.1f} %) had "
            f"no new picture; the one shown was {self.age.p50:.0f} ms old ({self.age.p50 * frames:.1f} refreshes), "
            f"p99 {self.age.p99:.0f} ms ({self.age.p99 * frames:.1f})"
        )

    def as_dict(self, name: str) -> dict[str, Any]:
        """For `details.holds`."""
        return {"refresh_hz": self.refresh_hz, "holds": self.holds, "text": self.text(name)}


def held(displays: Sequence[Display], age: Summary, refresh_hz: float) -> Held:
    """The verdict over all connections of a stream."""
    return Held(refresh_hz, sum(one.refreshes for one in displays), sum(one.stale for one in displays), age)


def slices(t_ms: Floats, values: Floats, length_ms: float) -> list[Floats]:
    """The values of equal parts of the run, in their order, without the parts that have hardly any."""
    edges = np.linspace(0, length_ms, SLICES + 1)
    parts = [values[(t_ms >= low) & (t_ms < high)] for low, high in pairwise(edges.tolist())]
    return [part for part in parts if len(part) >= FEWEST_IN_SLICE]


def unsteady(name: str, whole: Summary, parts: Sequence[Summary]) -> list[str]:
    """Reasons to doubt a row: its parts differ, or too few samples lie beyond its high quantiles."""
    reasons = []
    if len(parts) >= 3:
        p50 = np.array([part.p50 for part in parts])
        spread = float(p50.std(ddof=1) / p50.mean()) if p50.mean() > 0 else 0.0
        if spread > NOISY_SPREAD:
            reasons.append(f"{name}: the p50 of {len(parts)} equal parts of the run spread by {100 * spread:.0f} %")
    if whole.count < 3 * FEWEST_IN_SLICE:
        reasons.append(f"{name}: only {whole.count} sample(s)")
    elif whole.count < 100 * FEW_SAMPLES_BEYOND:
        reasons.append(f"{name}: {whole.count} samples are too few for a p99; measure longer")
    return reasons


def sent_late(name: str, send_ms: Floats) -> list[str]:
    """Whether the client itself kept to its schedule."""
    known = send_ms[~np.isnan(send_ms)]
    share = float(np.count_nonzero(known > SENT_LATE_MS) / max(1, len(known)))
    if share <= SENT_LATE_SHARE:
        return []
    return [
        f"{name}: {100 * share:.1f} % were sent more than {SENT_LATE_MS:g} ms late, because the client did not get its "
        "core or the server did not read; the time counts in their latency"
    ]


def drifted(name: str, before: Summary, after: Summary) -> list[str]:
    """Whether the floor changed while the run went on."""
    change = abs(after.p50 - before.p50)
    if change <= max(FLOOR_DRIFT_MS, FLOOR_DRIFT * min(before.p50, after.p50)):
        return []
    return [f"{name}: its p50 was {before.p50:.2f} ms before the run and {after.p50:.2f} ms after it"]
