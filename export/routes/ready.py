"""Route `ready`: a model that its makers published as ONNX. Checked, brought into one form, its weights untouched.

A graph's `component` is the file's name in the source folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from sidecar.engine.runner_specs import RunnerSpec, Tensors, files_of

from ..errors import SourceError
from ..recipe import GraphSpec, Recipe
from ..route import Reference, RunnerFiles
from . import ready_check
from .canonical import canonicalise
from .onnx_file import read
from .rescale import ratio, rescale

MAX_RUNNER_FILE_BYTES = 64 << 20
AGAINST = "The source's own ONNX file in ONNX Runtime on the CPU, on noise, black and drawn pictures of each size."
_SPECS: Mapping[str, type] = {str(spec.__struct_config__.tag): spec for spec in get_args(RunnerSpec)}


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """Writes `<graph>.onnx` for each graph of the recipe; equal sources give equal bytes on every machine.

    Raises `SourceError`, `GraphError`, `NamesError` or `ShapeError`.
    """
    target.mkdir(parents=True, exist_ok=True)
    return {spec.name: _convert(spec, source, target / f"{spec.name}.onnx") for spec in recipe.graphs}


def reference(recipe: Recipe, source: Path) -> Reference:
    """Runs the untouched source files, under the recipe's names.

    Where the recipe has another picture size than the source, the source runs at its own: inputs are enlarged to it,
    outputs are brought back.
    """
    sessions = {spec.name: session(read(source, spec.component).SerializeToString()) for spec in recipe.graphs}
    specs = {spec.name: spec for spec in recipe.graphs}

    def run(graph: str, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return _run(specs[graph], sessions[graph], feeds)

    return run


def check(recipe: Recipe, source: Path, graphs: Mapping[str, Path]) -> dict[str, float]:
    """Holds each graph against its source file; returns what the gate's metric measured, by `graph.output`.

    Raises `NamesError`, `ShapeError`, `AtolError`, `CosineError` or `AgreementError`.
    """
    (accuracy,) = recipe.gates.values()
    runs = {name: session(file.read_bytes()) for name, file in graphs.items()}
    return ready_check.check(recipe, runs, reference(recipe, source), accuracy)


def runner(recipe: Recipe, source: Path) -> RunnerFiles:
    """The runner's numbers from the recipe's options; the files that it reads lie beside the graphs in the source."""
    options = dict(recipe.runner_options)
    if recipe.runner == Tensors.__struct_config__.tag:
        options.setdefault("preprocessing", recipe.preprocessing)
    try:
        spec = _SPECS[recipe.runner](**options)
        spec = msgspec.convert(msgspec.to_builtins(spec), RunnerSpec)  # its bounds are checked only on the way in
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise SourceError(f"{recipe.name}: the recipe does not fit the runner {recipe.runner}: {error}") from error
    return RunnerFiles(spec, {name: _bytes(source / name) for name in files_of(spec)})


def _bytes(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > MAX_RUNNER_FILE_BYTES:
        raise SourceError(f"{path.name} is missing, or too large.")
    return path.read_bytes()


def session(model: bytes) -> ort.InferenceSession:
    """A session on the CPU."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _convert(spec: GraphSpec, source: Path, file: Path) -> Path:
    model = read(source, spec.component)
    by = ratio(model, spec)
    if by != 1:
        rescale(model, by)
    data = canonicalise(model, spec)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(file)
    return file


def _run(spec: GraphSpec, session: ort.InferenceSession, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    given: dict[str, NDArray[Any]] = {}
    shapes = {value.name: value.shape for value in session.get_inputs()}
    for tensor in spec.inputs:
        name = tensor.source or tensor.name
        given[name] = _at_size(feeds[tensor.name], shapes[name])
    wanted = [tensor.source or tensor.name for tensor in spec.outputs]
    found = session.run(wanted, given)
    return {tensor.name: _at_size(value, tensor.shape) for tensor, value in zip(spec.outputs, found, strict=True)}


def _at_size(values: NDArray[Any], shape: tuple[int | str, ...] | list[Any]) -> NDArray[Any]:
    """`values` [N, C, H, W] in a fixed height and width: repeated to a multiple, or averaged down from one."""
    sides = tuple(shape[2:])
    if len(shape) != 4 or not all(isinstance(side, int) for side in sides) or values.shape[2:] == sides:
        return values
    batch, channels, height, width = values.shape
    if all(side % own == 0 for side, own in zip(sides, (height, width), strict=True)):
        return values.repeat(sides[0] // height, axis=2).repeat(sides[1] // width, axis=3)
    if height % sides[0] or width % sides[1]:
        raise SourceError(f"{height}x{width} cannot be compared with {sides[0]}x{sides[1]}.")
    blocks = values.reshape(batch, channels, sides[0], height // sides[0], sides[1], width // sides[1])
    averaged: NDArray[Any] = blocks.mean(axis=(3, 5), dtype=np.float64).astype(values.dtype)
    return averaged
