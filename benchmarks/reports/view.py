"""What the page draws, as plain data: percentile curves, the calls of the timeline, the slowest calls, the stages.

Nothing is measured here; all of it comes from the result's rows and from `details.calls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..thresholds import quantile
from .source import OK, Calls, Floats, Result, Row

SLOWEST = 20
CURVES = 6
CURVE_POINTS = 160
CURVE_END = 0.9999
SLICES = 2_000
A_SLICE = 5
MOST_DRAWN = 12_000
SLOW_SHARE = 0.01
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True)
class Stage:
    """One stage of the answered calls, milliseconds: quantiles, and means of all and of the slowest hundredth."""

    name: str
    p50: float
    p99: float
    mean: float
    slow_mean: float


def curves(result: Result, *, baseline: bool = False) -> list[dict[str, Any]]:
    """Latency over quantile: of every op's calls, else of the rows in the commonest unit of time."""
    if result.calls is not None:
        found = [_curve_of_calls(result.calls, op) for op in dict.fromkeys(result.calls.op)]
    else:
        found = [_curve_of_row(row) for row in result.rows if row.unit == "ms"]
    return [{**one, "baseline": baseline} for one in found if one["points"]][:CURVES]


def _curve_of_calls(calls: Calls, op: str) -> dict[str, Any]:
    latency = np.sort(calls.latency()[calls.answered() & (np.array(calls.op) == op)])
    if not latency.size:
        return {"name": op, "points": [], "floor": False}
    end = min(CURVE_END, 1 - 1 / latency.size) if latency.size > 1 else 0.5
    nines = np.linspace(0, -np.log10(1 - end), CURVE_POINTS)
    shares = np.unique(np.append(1 - 10**-nines, list(QUANTILES.values())))
    shares = shares[shares <= end + 1e-12]
    values = np.quantile(latency, shares, method="inverted_cdf")
    return {"name": op, "floor": False, "points": _pairs(shares, values)}


def _curve_of_row(row: Row) -> dict[str, Any]:
    known = {quantile(key): value for key, value in row.summary.items()}
    points = [(share, known[key]) for key, share in QUANTILES.items() if key in known]
    last = 1 - 1 / max(2.0, row.summary["count"])
    if "max" in known and last > max(share for share, _ in points):
        points.append((min(last, CURVE_END), known["max"]))
    return {"name": row.name.strip(), "floor": row.floor, "points": [[share, value] for share, value in points]}


def _pairs(shares: Floats, values: Floats) -> list[list[float]]:
    return [[round(share, 7), round(value, 4)] for share, value in zip(shares.tolist(), values.tolist(), strict=True)]


def drawn(calls: Calls) -> NDArray[np.int64]:
    """The calls of the timeline, in order of time: all, or of each slice of time the slowest ones, all that missed a
    refresh and all that failed, as far as there is room."""
    order = np.argsort(np.array(calls.t_ms), kind="stable")
    if len(calls) <= MOST_DRAWN:
        return order
    latency = np.nan_to_num(calls.latency(), nan=-1.0)
    t_ms = np.array(calls.t_ms)
    slices = ((t_ms - t_ms.min()) / max(float(np.ptp(t_ms)), 1e-9) * (SLICES - 1)).astype(np.int64)
    ranked = np.lexsort((-latency, slices))
    place = np.arange(len(calls)) - np.searchsorted(slices[ranked], slices[ranked])
    kept = set(ranked[place < A_SLICE].tolist())
    missed = calls.missed_refreshes()
    bad = np.flatnonzero((missed > 0) | (np.array(calls.outcome) != OK))
    room = max(0, MOST_DRAWN - len(kept))
    kept.update(bad[np.lexsort((-latency[bad], -missed[bad]))][:room].tolist())
    return order[np.isin(order, list(kept))]


def timeline(calls: Calls) -> dict[str, Any]:
    """The drawn calls in columns; texts by their number in a list, times rounded to a microsecond."""
    chosen = drawn(calls).tolist()
    ops, outcomes = list(dict.fromkeys(calls.op)), list(dict.fromkeys(calls.outcome))
    streams = {name: number for number, name in enumerate(dict.fromkeys(calls.stream[row] for row in chosen))}
    return {
        "count": len(calls),
        "t": [round(calls.t_ms[row], 3) for row in chosen],
        "latency": [_round(calls.latency_ms[row]) for row in chosen],
        "missed": [calls.missed[row] or 0 for row in chosen],
        "n": [calls.n[row] for row in chosen] if calls.n else None,
        "op": [ops.index(calls.op[row]) for row in chosen],
        "outcome": [outcomes.index(calls.outcome[row]) for row in chosen],
        "stream": [streams[calls.stream[row]] for row in chosen],
        "ops": ops, "outcomes": outcomes, "streams": [str(name) for name in streams],
        "stages": {stage: [_round(getattr(calls, f"{stage}_ms")[row]) for row in chosen] for stage in calls.stages()},
    }  # fmt: skip


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def slowest(calls: Calls) -> list[int]:
    """The rows of the slowest answered calls, the slowest first."""
    latency = np.where(calls.answered(), calls.latency(), -np.inf)
    rows: list[int] = np.argsort(-latency, kind="stable")[: min(SLOWEST, int(calls.answered().sum()))].tolist()
    return rows


def stages(calls: Calls) -> list[Stage]:
    """Where the time of answered calls goes, in the order of a call's way."""
    answered = calls.answered()
    if not answered.any():
        return []
    latency = calls.latency()
    slow = answered & (latency >= np.quantile(latency[answered], 1 - SLOW_SHARE, method="inverted_cdf"))
    found = []
    for name, times in calls.stages().items():
        values, slow_values = times[answered], times[slow]
        values, slow_values = values[~np.isnan(values)], slow_values[~np.isnan(slow_values)]
        if values.size and slow_values.size:
            p50, p99 = np.quantile(values, (0.5, 0.99), method="inverted_cdf").tolist()
            found.append(Stage(name, p50, p99, float(values.mean()), float(slow_values.mean())))
    return found


def missed(calls: Calls) -> tuple[int, int]:
    """Refreshes missed in all, and the calls that missed any."""
    counts = calls.missed_refreshes()
    return int(counts.sum()), int((counts > 0).sum())
