"""Convolutions and poolings."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from ..errors import UnsupportedOp
from ..tflite.graph import Operator
from .activation import activate
from .lowering import Handler, Lowering

# TfLiteTransposeConvParams of TFLite's C API, as MediaPipe stores it: padding, stride_width, stride_height.
_TRANSPOSE_PARAMS = struct.Struct("<iii")


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of one axis: pixels before and after, the odd one after."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _window(lowering: Lowering, operator: Operator, kernel: tuple[int, int]) -> dict[str, list[int]]:
    """The ONNX attributes of a sliding window: kernel, strides, dilations, pads."""
    options = operator.options
    strides = [options["strideH"], options["strideW"]]
    dilations = [options.get("dilationHFactor", 1), options.get("dilationWFactor", 1)]
    attributes = {"kernel_shape": list(kernel), "strides": strides}
    if dilations != [1, 1]:
        attributes["dilations"] = dilations
    if options["padding"] == schema.Padding.SAME:
        sizes = lowering.shape(operator.inputs[0])[1:3]
        top, bottom = same_padding(sizes[0], kernel[0], strides[0], dilations[0])
        left, right = same_padding(sizes[1], kernel[1], strides[1], dilations[1])
        attributes["pads"] = [top, left, bottom, right]
    return attributes


def _convolve(lowering: Lowering, operator: Operator, weights: NDArray[Any], groups: int) -> None:
    """Emits a convolution; `weights` are [out, in / groups, height, width]."""
    inputs = [lowering.value(operator.inputs[0], "nchw"), lowering.initializer(weights)]
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        inputs.append(lowering.initializer(lowering.require_constant(operator, 2)))
    window = _window(lowering, operator, (weights.shape[2], weights.shape[3]))
    name = lowering.emit("Conv", inputs, group=groups, **window)
    lowering.define(operator.outputs[0], activate(lowering, operator, name), "nchw")


def conv_2d(lowering: Lowering, operator: Operator) -> None:
    """CONV_2D; weights [out, height, width, in / groups]."""
    weights = lowering.require_constant(operator, 1).transpose(0, 3, 1, 2)
    channels = lowering.shape(operator.inputs[0])[3]
    _convolve(lowering, operator, weights, channels // weights.shape[1])


def depthwise_conv_2d(lowering: Lowering, operator: Operator) -> None:
    """DEPTHWISE_CONV_2D; weights [1, height, width, out], every input channel a group of its own."""
    weights = lowering.require_constant(operator, 1).transpose(3, 0, 1, 2)
    _convolve(lowering, operator, weights, lowering.shape(operator.inputs[0])[3])


def transpose_conv_bias(lowering: Lowering, operator: Operator) -> None:
    """MediaPipe's custom transposed convolution with bias; weights [out, height, width, in].

    Only windows that neither overlap nor leave gaps (kernel = stride) are met: there SAME and VALID are the same.
    """
    weights = lowering.require_constant(operator, 1).transpose(3, 0, 1, 2)
    _, width, height = _TRANSPOSE_PARAMS.unpack_from(operator.custom)
    if weights.shape[2:] != (height, width):
        raise UnsupportedOp("A transposed convolution whose windows overlap is not supported.")
    name = lowering.emit(
        "ConvTranspose",
        [
            lowering.value(operator.inputs[0], "nchw"),
            lowering.initializer(weights),
            lowering.initializer(lowering.require_constant(operator, 2)),
        ],
        kernel_shape=[height, width],
        strides=[height, width],
    )
    lowering.define(operator.outputs[0], name, "nchw")


def _pool(lowering: Lowering, operator: Operator, op_type: str) -> None:
    options = operator.options
    source = lowering.value(operator.inputs[0], "nchw")
    kernel = (options["filterHeight"], options["filterWidth"])
    if op_type == "AveragePool" and kernel == lowering.shape(operator.inputs[0])[1:3]:
        name = lowering.emit("GlobalAveragePool", [source])
    else:
        name = lowering.emit(op_type, [source], **_window(lowering, operator, kernel))
    lowering.define(operator.outputs[0], activate(lowering, operator, name), "nchw")


def max_pool_2d(lowering: Lowering, operator: Operator) -> None:
    """MAX_POOL_2D."""
    _pool(lowering, operator, "MaxPool")


def average_pool_2d(lowering: Lowering, operator: Operator) -> None:
    """AVERAGE_POOL_2D; padded pixels do not count, which is ONNX's default too."""
    _pool(lowering, operator, "AveragePool")


def mean(lowering: Lowering, operator: Operator) -> None:
    """MEAN over height and width."""
    axes = sorted(int(axis) for axis in np.atleast_1d(lowering.require_constant(operator, 1)))
    if axes != [1, 2] or len(lowering.shape(operator.inputs[0])) != 4:
        raise UnsupportedOp(f"MEAN over the axes {axes} is not supported.")
    name = lowering.emit("GlobalAveragePool", [lowering.value(operator.inputs[0], "nchw")])
    if operator.options["keepDims"]:
        lowering.define(operator.outputs[0], name, "nchw")
        return
    shape = np.array(lowering.shape(operator.outputs[0]))
    lowering.define(operator.outputs[0], lowering.emit("Reshape", [name, lowering.initializer(shape)]), "plain")


HANDLERS: dict[str, Handler] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "custom:Convolution2DTransposeBias": transpose_conv_bias,
    "MAX_POOL_2D": max_pool_2d,
    "AVERAGE_POOL_2D": average_pool_2d,
    "MEAN": mean,
}
