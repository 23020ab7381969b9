"""TFLite bytes to ONNX bytes, names and shapes as the recipe says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from ..errors import NamesError
from ..lower import activation, arithmetic, convolution, geometry
from ..lower.lowering import Handler, Lowering
from ..recipe import GraphSpec, Recipe, Tensor
from .graph import read

IR_VERSION = 8  # the newest that every ONNX Runtime since 1.15 reads; new opsets would bring nothing here
HANDLERS: dict[str, Handler] = {
    **convolution.HANDLERS,
    **activation.HANDLERS,
    **arithmetic.HANDLERS,
    **geometry.HANDLERS,
}


def convert(recipe: Recipe, blob: bytes) -> bytes:
    """The ONNX model that computes what the TFLite model `blob` computes; equal inputs give equal bytes.

    Raises `UnsupportedOp` on an operator without a handler, `NamesError` if the source has other inputs or outputs
    than the recipe, `SourceError` if it cannot be read.
    """
    lowering = Lowering(read(blob))
    spec = recipe.graphs[0]
    _check_names(recipe.name, spec, lowering)
    lowering.define(lowering.graph.inputs[0], spec.inputs[0].name, "plain")
    lowering.run(HANDLERS)
    for output in spec.outputs:
        _finish(output, lowering)
    graph = helper.make_graph(
        lowering.nodes, recipe.name, _value_infos(spec.inputs), _value_infos(spec.outputs), lowering.initializers
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", spec.opset)], producer_name="vitrine", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return _serialize(model)


def _check_names(name: str, spec: GraphSpec, lowering: Lowering) -> None:
    graph = lowering.graph
    inputs = [graph.tensors[index].name for index in graph.inputs]
    outputs = [graph.tensors[index].name for index in graph.outputs]
    wanted = [output.source for output in spec.outputs]
    if inputs != [tensor.source for tensor in spec.inputs] or sorted(outputs) != sorted(wanted):
        raise NamesError(f"{name}: the source has inputs {inputs} and outputs {outputs}, not those of the recipe.")


def _finish(output: Tensor, lowering: Lowering) -> None:
    """Brings an output into the shape and under the name of the recipe."""
    index = next(index for index in lowering.graph.outputs if lowering.graph.tensors[index].name == output.source)
    if lowering.shape(index) == output.shape:
        name = lowering.value(index, "plain")
    else:
        target = lowering.initializer(np.array(output.shape))
        name = lowering.emit("Reshape", [lowering.in_plain_order(index), target])
    lowering.rename(name, output.name)


def _value_infos(tensors: Sequence[Tensor]) -> list[ValueInfoProto]:
    return [helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.shape) for tensor in tensors]


def _serialize(model: ModelProto) -> bytes:
    data: bytes = model.SerializeToString(deterministic=True)
    return data
