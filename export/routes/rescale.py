"""A convolutional graph that was exported for one picture size, made for another.

Such a graph has its size in one kind of place only: exporters write the size that each Resize must reach as a constant.
Scaling those by the ratio of the two sizes gives the graph that the exporter would have written for the other size.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from ..errors import ShapeError
from ..recipe import GraphSpec, Tensor
from . import walk

_SIZES = 3  # Resize's input of that name


def ratio(model: ModelProto, spec: GraphSpec) -> Fraction:
    """Recipe's picture size by source's; 1 where they are equal or the source's is free.

    Raises `ShapeError` if inputs and outputs do not all have the same ratio on their last two axes, as NCHW has them.
    """
    found: set[Fraction] = set()
    for values, tensors in ((model.graph.input, spec.inputs), (model.graph.output, spec.outputs)):
        found |= {part for tensor in tensors for part in _ratios(values, tensor)}
    if len(found) > 1:
        raise ShapeError(f"The recipe changes the sizes of {spec.name} by different ratios.")
    return found.pop() if found else Fraction(1)


def rescale(model: ModelProto, by: Fraction) -> None:
    """Makes every fixed picture size of the graph `by` times as large; raises `ShapeError` where that cannot be."""
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    sources = {_size_constant(node, made_by, constants) for node in graph.node if node.op_type == "Resize"}
    readers = [name for node in walk.nodes(model) for name in node.input]
    for number, name in enumerate(sorted(sources)):
        values = _values(name, made_by, constants)
        spatial = values.copy()
        spatial[-2:] = [_scaled(int(value), by) for value in values[-2:]]
        if readers.count(name) > 1:
            raise ShapeError("The graph uses a size twice; it cannot be made for another picture size.")
        _set(name, made_by, constants, numpy_helper.from_array(spatial, f"size_{number}"))
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim[-2:]:
            if axis.HasField("dim_value"):
                axis.dim_value = _scaled(axis.dim_value, by)


def _ratios(values: Iterable[ValueInfoProto], tensor: Tensor) -> Iterable[Fraction]:
    for value in values:
        axes = value.type.tensor_type.shape.dim
        if value.name != (tensor.source or tensor.name) or len(axes) != 4 or len(tensor.shape) != 4:
            continue
        for there, here in zip(axes[2:], tensor.shape[2:], strict=True):
            if there.HasField("dim_value") and isinstance(here, int):
                yield Fraction(here, there.dim_value)


def _scaled(size: int, by: Fraction) -> int:
    scaled = size * by
    if scaled.denominator != 1 or scaled < 1:
        raise ShapeError(f"A size of {size} inside the graph cannot be made {by} times as large.")
    return int(scaled)


def _size_constant(resize: NodeProto, made_by: dict[str, NodeProto], constants: dict[str, TensorProto]) -> str:
    """The name of the constant height and width that a Resize must reach, past casts and a Concat with the batch."""
    if len(resize.input) <= _SIZES:
        raise ShapeError("A Resize goes by scales that the graph computes; it cannot be made for another picture size.")
    name: str = resize.input[_SIZES]
    while name not in constants:
        node = made_by.get(name)
        if node is None or node.op_type not in ("Constant", "Cast", "Concat"):
            raise ShapeError("A Resize goes by a size that the graph computes; it needs no other picture size.")
        if node.op_type == "Constant":
            break
        name = node.input[-1]
    return name


def _values(name: str, made_by: dict[str, NodeProto], constants: dict[str, TensorProto]) -> NDArray[np.int64]:
    tensor = constants[name] if name in constants else helper.get_node_attr_value(made_by[name], "value")
    values: NDArray[np.int64] = np.array(numpy_helper.to_array(tensor))
    if values.ndim != 1 or values.size not in (2, 4):
        raise ShapeError("A Resize has a size that is not height and width; it cannot be made for another one.")
    return values


def _set(name: str, made_by: dict[str, NodeProto], constants: dict[str, TensorProto], value: TensorProto) -> None:
    if name in constants:
        value.name = name
        constants[name].CopyFrom(value)
    else:
        node = made_by[name]
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("value", value))
