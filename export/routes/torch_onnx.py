"""Route `torch`: each graph traced by PyTorch's own exporter. Also the reference that both torch routes are held to."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from ..errors import ExportError, GraphError, SourceError
from ..recipe import GraphSpec, Recipe
from ..route import Reference
from ..runner_config import resolve, sizes
from .components import Component
from .conform import conform, outside
from .example import feeds
from .loading import load, missing_weights
from .tracing import kept_sizes

DYNAMO_OPSET = 18  # the oldest that the newer exporter writes


def convert(recipe: Recipe, source: Path, target: Path) -> dict[str, Path]:
    """One float32 file a graph. Raises `ExportError` where the source or the exporter cannot."""
    resolved, known = resolve(recipe, source), sizes(recipe, source)
    model = load(recipe, source)
    files: dict[str, Path] = {}
    for graph in resolved.graphs:
        with tempfile.TemporaryDirectory(dir=target) as folder:
            exported = Path(folder) / "model.onnx"
            export_component(Component(model, graph, known).eval(), graph, known, exported)
            files[graph.name] = conform(exported, graph, target)
    return files


def reference(recipe: Recipe, source: Path) -> Reference:
    """Runs the source model itself, in float32."""
    resolved, known = resolve(recipe, source), sizes(recipe, source)
    model = load(recipe, source)
    graphs = {graph.name: graph for graph in resolved.graphs}
    modules = {name: Component(model, graph, known).eval() for name, graph in graphs.items()}

    def run(name: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        graph = graphs[name]
        with torch.no_grad():
            # Copies: a cache may write into what it is given.
            values = modules[name](*(torch.from_numpy(np.array(inputs[tensor.name])) for tensor in graph.inputs))
        lacking = missing_weights(model)
        if lacking and not all(bool(value.isfinite().all()) for value in values):
            raise SourceError(f"{recipe.name}: the source's weights lack {', '.join(lacking[:3])}, which {name} needs.")
        return {tensor.name: value.numpy() for tensor, value in zip(graph.outputs, values, strict=True)}

    return run


def export_component(module: Component, graph: GraphSpec, known: Mapping[str, int], path: Path) -> None:
    """Traces one graph into `path`, its tensors under the names that they have in the source. Raises `GraphError`."""
    given = feeds(graph, known, graph.vary[-1], seed=0)
    values = tuple(torch.from_numpy(given[tensor.name]) for tensor in graph.inputs)
    names = [tensor.source or tensor.name for tensor in graph.inputs]
    outputs = [tensor.source or tensor.name for tensor in graph.outputs]
    axes = {
        tensor.source or tensor.name: {at: axis for at, axis in enumerate(tensor.shape) if isinstance(axis, str)}
        for tensor in (*graph.inputs, *graph.outputs)
    }
    options: dict[str, Any] = {"input_names": names, "output_names": outputs}
    if graph.dynamo:
        shapes = tuple({at: torch.export.Dim.DYNAMIC for at in axes[name]} for name in names)
        options |= {"dynamo": True, "opset_version": max(graph.opset, DYNAMO_OPSET), "verbose": False}
        options |= {"dynamic_shapes": (shapes,), "external_data": False}
    else:
        options |= {"dynamo": False, "opset_version": graph.opset, "dynamic_axes": axes}
    try:
        with torch.no_grad(), warnings.catch_warnings(), kept_sizes(module):
            warnings.simplefilter("ignore")  # of the tracer, about what the check at several sizes finds out
            torch.onnx.export(module, values, str(path), **options)
    except ExportError:
        raise
    except Exception as error:  # the exporter raises whatever the model's code does
        raise GraphError(f"PyTorch cannot export {graph.component}: {error}") from error
    _one_data_file(path)


def _one_data_file(exported: Path) -> None:
    """Above 2 GB the exporter writes a file for each constant; they become one beside the graph."""
    locations = outside(onnx.load(str(exported), load_external_data=False))
    if len(locations) < 2:
        return
    model = onnx.load(str(exported))
    onnx.save(
        model,
        str(exported),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{exported.name}.data",
        size_threshold=0,
    )
    for name in locations:
        (exported.parent / name).unlink(missing_ok=True)
