"""Which ways of running a graph are worth a try on a device; which of them is kept is measured, not assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sidecar.engine.manifest import Precision, Provider

from .errors import PrecisionError
from .recipe import Recipe

Device = Literal["cpu", "cuda", "directml"]
Method = Literal["none", "half", "dynamic", "blocks8", "blocks4"]


@dataclass(frozen=True)
class Candidate:
    """One way to run a graph: its name in tables and file names, the precision that a manifest gives it, how it is
    made, and which providers may run it, in order of preference.
    """

    name: str
    precision: Precision
    method: Method
    providers: tuple[Provider, ...]
    about: str


_EVERY: tuple[Provider, ...] = ("cuda", "directml", "cpu")
_MADE: tuple[Candidate, ...] = (
    Candidate("fp16", "fp16", "half", _EVERY, "half precision, inputs and outputs single"),
    Candidate(
        "int8-dynamic", "int8", "dynamic", ("cpu",), "MatMul, Gemm and tables in int8, inputs rounded as they come"
    ),
    Candidate("int8-weights", "int8", "blocks8", ("cuda", "cpu"), "weights of MatMul and tables in blocks of 8 bits"),
    Candidate("int4-weights", "int4", "blocks4", ("cuda", "cpu"), "weights of MatMul in blocks of 4 bits, tables of 8"),
)
_METHODS: Mapping[str, frozenset[Method]] = {
    "matmul": frozenset({"none", "half", "dynamic", "blocks8", "blocks4"}),
    "weights": frozenset({"none", "half", "blocks8", "blocks4"}),
    "none": frozenset({"none", "half"}),
}


def _base(recipe: Recipe) -> Candidate:
    """The graph as converted: fp32, or what its makers published it in."""
    precision: Precision = "fp32" if "fp32" in recipe.gates else next(iter(recipe.gates))
    providers: tuple[Provider, ...] = ("cpu",) if precision == "int8" else _EVERY
    return Candidate(precision, precision, "none", providers, "as converted")


def candidates(recipe: Recipe, device: Device, precision: str) -> tuple[Candidate, ...]:
    """What is tried for `--precision`: the converted graph first, always, to compare with; then what the recipe has
    a gate for and the device runs. Raises `PrecisionError` where that leaves nothing of the asked-for precision.
    """
    base = _base(recipe)
    possible = [base]
    if base.precision == "fp32":
        possible += [
            row
            for row in _MADE
            if row.method in _METHODS[recipe.quantize]
            and row.precision in recipe.gates
            and device in row.providers
            and precision in ("auto", row.precision)
        ]
    if precision != "auto" and not any(row.precision == precision for row in possible):
        known = ", ".join(dict.fromkeys(row.precision for row in candidates(recipe, device, "auto")))
        raise PrecisionError(
            f"{recipe.name} cannot be made in {precision} for {device}; possible are {known}, or auto."
        )
    return tuple(possible)
