"""How far answers are from the CPU's, in the terms of the pack's own gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.engine.manifest import Gate

ROUNDING = 1e-5  # of the largest magnitude: what `max_abs_over_noise` leaves to the order of additions


@dataclass(frozen=True)
class Distance:
    """One output. `value`: the largest absolute difference, the cosine similarity, or the share of equal choices, as
    `metric` says; None where an answer is not a number. `bound`: what the gate allows, None where it says nothing."""

    output: str
    metric: str
    value: float | None
    bound: float | None

    @property
    def holds(self) -> bool | None:
        """Whether it lies within the gate; None where that says nothing of this output."""
        if self.bound is None:
            return None
        if self.value is None:
            return False
        return self.value <= self.bound if self.metric == "max_abs" else self.value >= self.bound


def distances(
    gate: Gate, graph: str, wanted: Mapping[str, NDArray[Any]], given: Mapping[str, NDArray[Any]]
) -> list[Distance]:
    """Every output of one run held against another's. Raises `KeyError` for an output that is not given."""
    return [_distance(gate, graph, name, array, given[name]) for name, array in wanted.items()]


def _distance(gate: Gate, graph: str, name: str, wanted: NDArray[Any], given: NDArray[Any]) -> Distance:
    tolerance = gate.tolerance.get(f"{graph}.{name}")
    metric = gate.metric if gate.metric in ("cosine", "agreement") else "max_abs"
    a, b = wanted.astype(np.float64), given.astype(np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Distance(name, metric, None, tolerance)
    if metric == "cosine":
        return Distance(name, metric, _cosine(a.ravel(), b.ravel()), tolerance)
    if metric == "agreement":
        return Distance(name, metric, _agreement(a, b), tolerance)
    if gate.metric == "max_abs_over_noise" and tolerance is not None:
        tolerance += ROUNDING * float(np.abs(a).max(initial=0.0))
    return Distance(name, metric, float(np.abs(a - b).max(initial=0.0)), tolerance)


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else float(np.array_equal(a, b))


def _agreement(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if a.ndim == 0 or a.size == 0:
        return float(np.array_equal(a, b))
    return float((a.argmax(axis=-1) == b.argmax(axis=-1)).mean())
