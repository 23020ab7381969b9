"""Activations: those fused into another operator, and those that stand alone."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ..errors import UnsupportedOp
from ..tflite.graph import Operator
from .lowering import Handler, Lowering

_FUSED = schema.ActivationFunctionType


def activate(lowering: Lowering, operator: Operator, name: str) -> str:
    """Emits the activation that is fused into `operator`, if there is one, and returns the final name."""
    kind = operator.options.get("fusedActivationFunction", _FUSED.NONE)
    if kind == _FUSED.NONE:
        return name
    if kind == _FUSED.RELU:
        return lowering.emit("Relu", [name])
    if kind == _FUSED.RELU6:
        low, high = (lowering.initializer(np.array(bound, np.float32)) for bound in (0.0, 6.0))
        return lowering.emit("Clip", [name, low, high])
    raise UnsupportedOp(f"{operator.kind} with the fused activation {kind} is not supported.")


def relu(lowering: Lowering, operator: Operator) -> None:
    """RELU."""
    _unary(lowering, operator, "Relu")


def logistic(lowering: Lowering, operator: Operator) -> None:
    """LOGISTIC: the sigmoid."""
    _unary(lowering, operator, "Sigmoid")


def hard_swish(lowering: Lowering, operator: Operator) -> None:
    """HARD_SWISH: x * clip(x / 6 + 1/2, 0, 1)."""
    layout = lowering.layout(operator.inputs[0])
    source = lowering.value(operator.inputs[0], layout)
    gate = lowering.emit("HardSigmoid", [source], alpha=1.0 / 6.0, beta=0.5)
    lowering.define(operator.outputs[0], lowering.emit("Mul", [source, gate]), layout)


def prelu(lowering: Lowering, operator: Operator) -> None:
    """PRELU with one slope a channel, [1, 1, channels], as slope * x + (1 - slope) * relu(x).

    Both products are depthwise convolutions of one pixel. ONNX Runtime's CPU kernels keep those, and the sum, in the
    blocked layout of the convolutions around them; PRelu itself makes it leave that layout, and took half of the time
    of every model that has it.
    """
    slope = lowering.require_constant(operator, 1)
    channels = lowering.shape(operator.inputs[0])[-1]
    if slope.size != channels:
        raise UnsupportedOp(f"PRELU with slopes of shape {slope.shape} is not supported.")
    slope = slope.reshape(channels, 1, 1, 1)
    source = lowering.value(operator.inputs[0], "nchw")
    positive = lowering.emit("Relu", [source])
    terms = [
        lowering.emit("Conv", [values, lowering.initializer(weights)], group=channels, kernel_shape=[1, 1])
        for values, weights in ((positive, np.float32(1.0) - slope), (source, slope))
    ]
    lowering.define(operator.outputs[0], lowering.emit("Add", terms), "nchw")


def _unary(lowering: Lowering, operator: Operator, op_type: str) -> None:
    layout = lowering.layout(operator.inputs[0])
    name = lowering.emit(op_type, [lowering.value(operator.inputs[0], layout)])
    lowering.define(operator.outputs[0], name, layout)


HANDLERS: dict[str, Handler] = {
    "RELU": relu,
    "LOGISTIC": logistic,
    "HARD_SWISH": hard_swish,
    "PRELU": prelu,
}
