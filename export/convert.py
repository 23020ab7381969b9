"""TFLite bytes to ONNX bytes, names and shapes as the recipe says."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from sidecar.engine.manifest import TensorSpec

from .errors import NamesError
from .lower import activation, arithmetic, convolution, geometry
from .lower.lowering import Handler, Lowering
from .spec import ModelSpec
from .tflite.graph import read

OPSET = 17
IR_VERSION = 8  # the newest that every ONNX Runtime since 1.15 reads; new opsets would bring nothing here
HANDLERS: dict[str, Handler] = {
    **convolution.HANDLERS,
    **activation.HANDLERS,
    **arithmetic.HANDLERS,
    **geometry.HANDLERS,
}


def convert(spec: ModelSpec, blob: bytes) -> bytes:
    """The ONNX model that computes what the TFLite model `blob` computes; equal inputs give equal bytes.

    Raises `UnsupportedOp` on an operator without a handler, `NamesError` if the source has other inputs or outputs
    than the recipe, `SourceError` if it cannot be read.
    """
    lowering = Lowering(read(blob))
    _check_names(spec, lowering)
    source_input = lowering.graph.inputs[0]
    lowering.define(source_input, spec.input.name, "plain")
    lowering.run(HANDLERS)
    _finish(spec, lowering)
    graph = helper.make_graph(
        lowering.nodes,
        spec.name,
        [_value_info(spec.input)],
        [_value_info(output.tensor) for output in spec.outputs],
        lowering.initializers,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="vitrine", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return _serialize(model)


def _check_names(spec: ModelSpec, lowering: Lowering) -> None:
    graph = lowering.graph
    inputs = [graph.tensors[index].name for index in graph.inputs]
    outputs = [graph.tensors[index].name for index in graph.outputs]
    wanted = [output.source for output in spec.outputs]
    if inputs != [spec.input_source] or sorted(outputs) != sorted(wanted):
        raise NamesError(f"{spec.name}: the source has inputs {inputs} and outputs {outputs}, not those of the recipe.")


def _finish(spec: ModelSpec, lowering: Lowering) -> None:
    """Brings each output into the shape and under the name of the recipe."""
    by_name = {lowering.graph.tensors[index].name: index for index in lowering.graph.outputs}
    for output in spec.outputs:
        index = by_name[output.source]
        if lowering.shape(index) == output.tensor.shape:
            name = lowering.value(index, "plain")
        else:
            target = lowering.initializer(np.array(output.tensor.shape))
            name = lowering.emit("Reshape", [lowering.in_plain_order(index), target])
        lowering.rename(name, output.tensor.name)


def _value_info(tensor: TensorSpec) -> ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.shape)


def _serialize(model: ModelProto) -> bytes:
    data: bytes = model.SerializeToString(deterministic=True)
    return data
