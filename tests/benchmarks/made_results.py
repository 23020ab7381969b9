"""Results as a run writes them, made from a seed, so that everything on a report has a known answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.stats import summarise

HZ = 90.0
STAGES = {"send": 0.2, "network": 0.5, "queue": 2.0, "decode": 0.3, "infer": 5.0, "encode": 0.6, "receive": 0.2}
EVERY, ENCODE_MS = 50, 20.0

Floats = NDArray[np.float64]


def mirror(*, seed: int = 1, count: int = 900, slower: float = 1.0) -> dict[str, Any]:
    """A mirror at 90 Hz: a fifth of the frames superseded, 20 ms more in encode at every 50th frame."""
    random = np.random.default_rng(seed)
    stages = {name: random.gamma(16, slower * mean / 16, count) for name, mean in STAGES.items()}
    stages["encode"][::EVERY] += ENCODE_MS
    latency = np.sum(list(stages.values()), axis=0)
    answered = random.random(count) >= 0.2
    answered[::EVERY] = True
    missed = np.maximum(0, np.ceil(latency * HZ / 1000) - 1).astype(int)

    def column(values: Floats) -> list[float | None]:
        return [round(float(value), 4) if ok else None for value, ok in zip(values, answered, strict=True)]

    calls = {
        "t_ms": [round(1000 * n / HZ, 4) for n in range(count)],
        "stream": ["mirror"] * count,
        "n": list(range(count)),
        "op": ["tryon.stream"] * count,
        "outcome": ["ok" if ok else "superseded" for ok in answered],
        "latency_ms": column(latency),
        **{f"{name}_ms": column(values) for name, values in stages.items()},
        "missed": [int(number) if ok else None for number, ok in zip(missed, answered, strict=True)],
    }
    rows = [
        row("age", latency[answered], beside="null target: age"),
        row("infer", stages["infer"][answered]),
        row("null target: age", random.gamma(400, 1.2 / 400, count), floor=True, parts=2),
    ]
    p99 = rows[0]["summary"]["p99"]
    check = {"name": "age, p99", "measured": p99, "comparison": "<=", "target": 25.0, "unit": "ms", "held": p99 <= 25.0}
    fine = {"name": "connections lost", "measured": 0.0, "comparison": "==", "target": 0.0, "unit": "", "held": True}
    return document(
        rows, scenario="mirror-90", checks=[{**check, "note": "the mirror's"}, {**fine, "note": ""}],
        values={"answered a second": float(answered.sum() / 10), "late answers, %": 12.5},
        details={"refresh_hz": HZ, "calls": calls, "holds": {"mirror": {"refresh_hz": HZ, "holds": False}}},
        verdicts=["mirror does not hold 90 Hz: 20 of 900 refreshes had no new picture"],
        warnings=["may be unstable: age: p99 rests on about 7 sample(s); measure longer"],
    )  # fmt: skip


def row(
    name: str, samples: Floats, *, unit: str = "ms", floor: bool = False, parts: int = 5, beside: str | None = None
) -> dict[str, Any]:
    """A row whose rounds are equal parts of its samples."""
    summary = {**summarise(samples).as_dict(), "p99.9": float(np.quantile(samples, 0.999, method="inverted_cdf"))}
    rounds = [summarise(part).as_dict() for part in np.array_split(samples, parts)]
    return {"name": name, "unit": unit, "floor": floor, "summary": summary, "rounds": rounds,
            **({"beside": beside} if beside else {})}  # fmt: skip


def document(rows: Sequence[dict[str, Any]] = (), *, scenario: str = "made", **more: Any) -> dict[str, Any]:
    """A whole result."""
    environment = {"time_utc": "2026-11-24T10:00:00Z", "cpu": "a processor", "cores": 2, "packages": {"numpy": "2.4.6"}}
    empty: dict[str, Any] = {"checks": [], "values": {}, "details": {}, "warnings": []}
    return {"schema": 1, "scenario": scenario, "environment": environment, "options": {"seconds": 10.0},
            "rows": list(rows), **empty, **more}  # fmt: skip
