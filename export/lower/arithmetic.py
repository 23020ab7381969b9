"""Arithmetic on two tensors, matrix products, and constants that are stored smaller than they are used."""

from __future__ import annotations

import numpy as np

from ..errors import UnsupportedOp
from ..tflite.graph import Operator
from .activation import activate
from .lowering import Handler, Layout, Lowering


def _elementwise(lowering: Lowering, operator: Operator, op_type: str) -> None:
    """Both operands in one layout: NCHW as soon as one of them lives there."""
    activations = [index for index in operator.inputs if lowering.constant(index) is None]
    if not activations:
        raise UnsupportedOp(f"{operator.kind} of two constants is not supported.")
    image = any(lowering.layout(index) == "nchw" for index in activations)
    layout: Layout = "nchw" if image else "plain"
    names = [_operand(lowering, index, layout) for index in operator.inputs]
    name = activate(lowering, operator, lowering.emit(op_type, names))
    lowering.define(operator.outputs[0], name, layout)


def _operand(lowering: Lowering, index: int, layout: Layout) -> str:
    data = lowering.constant(index)
    if data is None:
        return lowering.value(index, layout)
    if layout == "nchw":
        data = data.reshape((1,) * (4 - data.ndim) + data.shape).transpose(0, 3, 1, 2)
    return lowering.initializer(data)


def add(lowering: Lowering, operator: Operator) -> None:
    """ADD."""
    _elementwise(lowering, operator, "Add")


def mul(lowering: Lowering, operator: Operator) -> None:
    """MUL."""
    _elementwise(lowering, operator, "Mul")


def fully_connected(lowering: Lowering, operator: Operator) -> None:
    """FULLY_CONNECTED; weights [out, in], the input seen as rows of that many values."""
    weights = lowering.require_constant(operator, 1)
    rows = lowering.initializer(np.array([-1, weights.shape[1]]))
    source = lowering.emit("Reshape", [lowering.in_plain_order(operator.inputs[0]), rows])
    inputs = [source, lowering.initializer(weights)]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        inputs.append(lowering.initializer(lowering.require_constant(operator, 2)))
    name = activate(lowering, operator, lowering.emit("Gemm", inputs, transB=1))
    shape = lowering.shape(operator.outputs[0])
    if len(shape) != 2:
        name = lowering.emit("Reshape", [name, lowering.initializer(np.array(shape))])
    lowering.define(operator.outputs[0], name, "plain")


def dequantize(lowering: Lowering, operator: Operator) -> None:
    """DEQUANTIZE of a half-precision constant."""
    data = lowering.require_constant(operator, 0)
    if data.dtype != np.float16:
        raise UnsupportedOp(f"DEQUANTIZE of {data.dtype} is not supported.")
    lowering.fold(operator.outputs[0], data.astype(np.float32))


def densify(lowering: Lowering, operator: Operator) -> None:
    """DENSIFY of a constant, which the reader has made dense already."""
    lowering.fold(operator.outputs[0], lowering.require_constant(operator, 0))


HANDLERS: dict[str, Handler] = {
    "ADD": add,
    "MUL": mul,
    "FULLY_CONNECTED": fully_connected,
    "DEQUANTIZE": dequantize,
    "DENSIFY": densify,
}
