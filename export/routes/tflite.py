"""Route `tflite`: one TFLite graph read, lowered to ONNX and held against LiteRT itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sidecar.engine.runner_specs import Tensors

from ..recipe import Recipe
from ..route import RunnerFiles
from ..tflite.check import check as check_model
from ..tflite.convert import convert as convert_model

STAGED = "model.tflite"
AGAINST = (
    "The source model in LiteRT 2.3.0 with its plain kernels, on noise, black and three drawn scenes; "
    "noise is the difference to LiteRT with XNNPACK."
)


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """Writes the only graph as `<graph>.onnx`; equal sources give equal bytes on every machine.

    Raises `UnsupportedOp`, `NamesError` or `SourceError`.
    """
    target.mkdir(parents=True, exist_ok=True)
    spec = recipe.graphs[0]
    file = target / f"{spec.name}.onnx"
    file.write_bytes(convert_model(recipe, (source / STAGED).read_bytes()))
    return {spec.name: file}


def check(recipe: Recipe, source: Path, graphs: Mapping[str, Path]) -> dict[str, float]:
    """The largest absolute difference from LiteRT by `graph.output`.

    Raises `GraphError`, `NamesError`, `ShapeError` or `AtolError`.
    """
    spec = recipe.graphs[0]
    worst = check_model(recipe, (source / STAGED).read_bytes(), graphs[spec.name].read_bytes())
    return {f"{spec.name}.{name}": value for name, value in worst.items()}


def runner(recipe: Recipe, source: Path) -> RunnerFiles:
    """A tensor goes in, tensors come out; nothing else is needed."""
    return RunnerFiles(Tensors(preprocessing=recipe.preprocessing), {})
