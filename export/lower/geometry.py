"""Operators that move values around: padding, resizing, reshaping, joining."""

from __future__ import annotations

import numpy as np

from ..errors import UnsupportedOp
from ..tflite.graph import Operator
from .lowering import TO_NCHW, Handler, Lowering


def pad(lowering: Lowering, operator: Operator) -> None:
    """PAD with zeros."""
    pads = lowering.require_constant(operator, 1)
    if pads.shape != (4, 2):
        raise UnsupportedOp(f"PAD of {len(pads)} axes is not supported.")
    amounts = lowering.initializer(pads[TO_NCHW].T.reshape(-1))
    name = lowering.emit("Pad", [lowering.value(operator.inputs[0], "nchw"), amounts], mode="constant")
    lowering.define(operator.outputs[0], name, "nchw")


def resize_bilinear(lowering: Lowering, operator: Operator) -> None:
    """RESIZE_BILINEAR; pixels outside the picture repeat its edge, as in ONNX."""
    if operator.options["alignCorners"]:
        mode = "align_corners"
    elif operator.options["halfPixelCenters"]:
        mode = "half_pixel"
    else:
        mode = "asymmetric"
    batch, height, width, channels = lowering.shape(operator.outputs[0])
    sizes = lowering.initializer(np.array([batch, channels, height, width]))
    name = lowering.emit(
        "Resize",
        [lowering.value(operator.inputs[0], "nchw"), "", "", sizes],
        mode="linear",
        coordinate_transformation_mode=mode,
    )
    lowering.define(operator.outputs[0], name, "nchw")


def depth_to_space(lowering: Lowering, operator: Operator) -> None:
    """DEPTH_TO_SPACE; TFLite orders the depth as block row, block column, channel."""
    source = lowering.value(operator.inputs[0], "nchw")
    name = lowering.emit("DepthToSpace", [source], blocksize=operator.options["blockSize"], mode="DCR")
    lowering.define(operator.outputs[0], name, "nchw")


def reshape(lowering: Lowering, operator: Operator) -> None:
    """RESHAPE, which sees the values in NHWC order."""
    target = lowering.initializer(np.array(lowering.shape(operator.outputs[0])))
    name = lowering.emit("Reshape", [lowering.in_plain_order(operator.inputs[0]), target])
    lowering.define(operator.outputs[0], name, "plain")


def concatenation(lowering: Lowering, operator: Operator) -> None:
    """CONCATENATION; images along any axis, other tensors along TFLite's own axis."""
    if operator.options["fusedActivationFunction"]:
        raise UnsupportedOp("CONCATENATION with a fused activation is not supported.")
    rank = len(lowering.shape(operator.outputs[0]))
    axis = int(operator.options["axis"]) % rank
    if any(lowering.layout(index) == "nchw" for index in operator.inputs):
        names = [lowering.value(index, "nchw") for index in operator.inputs]
        lowering.define(operator.outputs[0], lowering.emit("Concat", names, axis=TO_NCHW.index(axis)), "nchw")
        return
    names = [lowering.value(index, "plain") for index in operator.inputs]
    lowering.define(operator.outputs[0], lowering.emit("Concat", names, axis=axis), "plain")


HANDLERS: dict[str, Handler] = {
    "PAD": pad,
    "RESIZE_BILINEAR": resize_bilinear,
    "DEPTH_TO_SPACE": depth_to_space,
    "RESHAPE": reshape,
    "CONCATENATION": concatenation,
}
