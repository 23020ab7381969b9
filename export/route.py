"""What a route is: a module of `export/routes/` that turns a source folder into ONNX files, and can run the source
itself.

The steps after it hold the files against `reference`; a route that has none is held against its own ONNX source.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from sidecar.engine.runner_specs import RunnerSpec

from .recipe import Recipe, Route

# What `export/requirements/` installs for a route.
REQUIREMENTS: Mapping[Route, str] = {
    "optimum": "torch",
    "torch": "torch",
    "gguf": "ready",
    "ctranslate2": "ready",
    "e5": "ready",
    "ready": "ready",
    "tflite": "tflite",
}

# Runs one graph of the source: graph name, inputs by the recipe's names -> outputs by the recipe's names, as numpy.
Reference = Callable[[str, Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]


class Convert(Protocol):
    """Writes one ONNX file a graph into `target`; returns graph name -> file. Large constants may lie beside a file."""

    def __call__(self, recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
        """Raises `ExportError`."""


@dataclass(frozen=True)
class RunnerFiles:
    """The runner's numbers, and the files beside the graphs that it reads: name in the pack -> bytes."""

    spec: RunnerSpec
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class RouteModule:
    """One route, loaded. `reference(recipe, source)` is None where the source cannot be run.

    Routes that make the packs of groups also have `check(recipe, source, graphs)`, which raises `ExportError` or
    returns what it measured by `graph.output`, `runner(recipe, source)`, and `AGAINST`, what the check holds a pack
    against.
    """

    convert: Convert
    reference: Callable[[Recipe, Path], Reference] | None
    check: Callable[[Recipe, Path, Mapping[str, Path]], dict[str, float]] | None = None
    runner: Callable[[Recipe, Path], RunnerFiles] | None = None
    against: str = "The source model."


def load(route: Route) -> RouteModule:
    """The module of a route; what it needs (torch, say) is imported only now."""
    name = {"torch": "torch_onnx"}.get(route, route)
    module = importlib.import_module(f".routes.{name}", __package__)
    check, runner = getattr(module, "check", None), getattr(module, "runner", None)
    against = getattr(module, "AGAINST", RouteModule.against)
    return RouteModule(module.convert, getattr(module, "reference", None), check, runner, against)
