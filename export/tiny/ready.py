"""A stand-in for a published ONNX file: small, with the names, types and axes that the recipe expects of it.

It checks the import (names, axes, one form, equal answers), not the model, which no library here has.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..elements import ELEMENT
from ..recipe import GraphSpec, Recipe, Tensor

_OPSET = 17


def write(recipe: Recipe, folder: Path) -> None:
    """Writes every file that the recipe's graphs are imported from, and the other files that its runner reads."""
    for graph in recipe.graphs:
        path = folder / graph.component
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(_model(graph), str(path))
    labels = recipe.runner_options.get("labels")
    if isinstance(labels, str):
        (folder / labels).write_text("<unk> 0\na 1\n", encoding="utf-8")


def _model(graph: GraphSpec) -> onnx.ModelProto:
    """Every input is summed up into one number; each output is a random field of its shape plus that number."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    sums: list[str] = []
    for index, tensor in enumerate(graph.inputs):
        name = tensor.source or tensor.name
        nodes.append(helper.make_node("Cast", [name], [f"f{index}"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("ReduceMean", [f"f{index}"], [f"m{index}"], keepdims=0))
        sums.append(f"m{index}")
    nodes.append(helper.make_node("Sum", sums, ["total"]))
    rng = np.random.default_rng(3)
    for tensor in graph.outputs:
        name = tensor.source or tensor.name
        sizes = [_size(graph, nodes, constants, axis) for axis in tensor.shape]
        nodes.append(helper.make_node("Concat", sizes, [f"{name}_shape"], axis=0))
        field = [axis if isinstance(axis, int) and axis < 64 else 1 for axis in tensor.shape]
        constants.append(numpy_helper.from_array(rng.standard_normal(field).astype(np.float32), f"{name}_field"))
        nodes.append(helper.make_node("Add", [f"{name}_field", "total"], [f"{name}_small"]))
        nodes.append(helper.make_node("Expand", [f"{name}_small", f"{name}_shape"], [name]))
    made = helper.make_graph(
        nodes,
        "stand-in",
        [_info(tensor) for tensor in graph.inputs],
        [_info(tensor) for tensor in graph.outputs],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _size(graph: GraphSpec, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], axis: int | str) -> str:
    """The name of a one-element tensor with the size of an axis: that of an input's, or a number."""
    name = f"size{len(nodes)}_{len(constants)}"
    for tensor in graph.inputs:
        if isinstance(axis, str) and axis in tensor.shape:
            at = tensor.shape.index(axis)
            nodes.append(helper.make_node("Shape", [tensor.source or tensor.name], [name], start=at, end=at + 1))
            return name
    constants.append(numpy_helper.from_array(np.array([axis if isinstance(axis, int) else 4], np.int64), name))
    return name


def _info(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.source or tensor.name, ELEMENT[tensor.dtype], list(tensor.shape))
