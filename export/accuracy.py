"""How far one set of outputs is from another: the largest difference, the angle, the share of equal choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import AgreementError, AtolError, CosineError, ExportError, PrecisionError
from .recipe import Accuracy, Recipe

SAME = 1e-6  # of an output's range: what other threads or kernels make of the very same graph
Outputs = Mapping[str, NDArray[Any]]


@dataclass
class Deviation:
    """What was seen of one output over all probes: the worst difference and cosine, the source's largest magnitude,
    equal choices of all choices.
    """

    max_abs: float = 0.0
    largest: float = 0.0
    cosine: float = 1.0
    equal: int = 0
    choices: int = 0

    @property
    def agreement(self) -> float:
        """The share of positions whose largest value is in the same place."""
        return self.equal / self.choices if self.choices else 1.0

    def value(self, metric: str) -> float:
        """The number that a gate of that metric looks at."""
        if metric == "identical":
            return self.max_abs / self.largest if self.largest else self.max_abs
        return {"cosine": self.cosine, "agreement": self.agreement}.get(metric, self.max_abs)

    def add(self, expected: NDArray[Any], found: NDArray[Any], *, choices: bool = True) -> None:
        """Counts one more pair of arrays of equal shape. A NaN, or an infinity on one side only, is an endless
        difference."""
        a, b = np.asarray(expected, np.float64), np.asarray(found, np.float64)
        if not a.size:
            return
        with np.errstate(invalid="ignore"):
            difference = np.where(a == b, 0.0, np.abs(a - b))
        difference[np.isnan(difference)] = np.inf
        self.max_abs = max(self.max_abs, float(difference.max()))
        self.largest = max(self.largest, float(np.nan_to_num(np.abs(a)).max()))
        self.cosine = min(self.cosine, _cosine(a, b))
        if a.ndim and choices:
            same = a.argmax(axis=-1) == b.argmax(axis=-1)
            self.equal += int(np.count_nonzero(same & ~np.isnan(b).any(axis=-1)))
            self.choices += int(np.size(same))


@dataclass
class Comparison:
    """Deviations by output name, and the first of the outputs: the one whose choices count."""

    first: str
    seen: dict[str, Deviation] = field(default_factory=dict)

    def add(self, expected: Outputs, found: Outputs, *, choices: bool = True) -> None:
        """Counts one probe, its choices too unless told otherwise."""
        for name, values in expected.items():
            self.seen.setdefault(name, Deviation()).add(values, found[name], choices=choices)

    def worst(self, metric: str) -> float:
        """The number furthest from equality among the outputs that the metric looks at."""
        values = [self.seen[name].value(metric) for name in self.looked_at(metric)]
        return min(values, default=1.0) if metric in ("cosine", "agreement") else max(values, default=0.0)

    def failures(self, graph: str, gate: Accuracy) -> Iterable[ExportError]:
        """An error for each output that is beyond the gate."""
        for name in self.looked_at(gate.metric):
            bound = gate.by_output.get(f"{graph}.{name}", gate.bound)
            value = self.seen[name].value(gate.metric)
            if not holds(gate.metric, value, bound):
                yield _error(gate.metric, f"{graph}.{name}", value, bound)

    def looked_at(self, metric: str) -> list[str]:
        """Choices are made of a graph's first output; everything else counts for all."""
        return [self.first] if metric == "agreement" else list(self.seen)


def holds(metric: str, value: float, bound: float) -> bool:
    """Whether a value is within a gate's bound; never for NaN."""
    if metric not in _ERRORS:
        raise PrecisionError(f"The metric {metric} is not one that an export can be held to.")
    if metric == "identical":
        return value <= SAME
    return value >= bound if metric in ("cosine", "agreement") else value <= bound


def agreement(recipe: Recipe, found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The share of positions at which two sets of logits have their largest value in the same place, held to the bound
    that the recipe sets for int8. Raises `AgreementError`.
    """
    share = float((found.argmax(axis=-1) == wanted.argmax(axis=-1)).mean())
    bound = recipe.gates["int8"].bound
    if not holds("agreement", share, bound):
        raise AgreementError(f"{recipe.name}: it chooses the source's token {share:.1%} of the time, not {bound:.0%}.")
    return share


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The least cosine similarity of a row of the batch to its counterpart; two rows of zeros are equal."""
    rows = (1, -1) if a.ndim < 2 else (a.shape[0], -1)
    a, b = a.reshape(rows), b.reshape(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines = np.einsum("ij,ij->i", a, b) / lengths
    cosines[(a == b).all(axis=1)] = 1.0
    return float(np.nan_to_num(cosines, nan=-1.0, posinf=-1.0, neginf=-1.0).min())


_ERRORS: Mapping[str, tuple[type[ExportError], str]] = {
    "max_abs": (AtolError, "{name} differs from the source by {value:.2e}; at most {bound:.2e} is allowed."),
    "identical": (AtolError, "{name} differs from the source by {value:.2e} of its range; it must be the same."),
    "cosine": (
        CosineError,
        "{name} has a cosine similarity of {value:.5f} to the source; at least {bound:.5f} is asked for.",
    ),
    "agreement": (
        AgreementError,
        "{name} makes {value:.1%} of the source's choices; at least {bound:.1%} is asked for.",
    ),
}


def _error(metric: str, name: str, value: float, bound: float) -> ExportError:
    cls, text = _ERRORS[metric]
    return cls(text.format(name=name, value=value, bound=bound))
