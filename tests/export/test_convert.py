from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from tiny_spec import SIZE, spec
from tiny_tflite import TinyModel

from export.errors import NamesError, SourceError, UnsupportedOp
from export.tflite.check import check
from export.tflite.convert import convert

RNG = np.random.default_rng(7)
IMAGE = (1, SIZE, SIZE, 3)
SAME, VALID = 0, 1
NONE, RELU, RELU6, TANH = 0, 1, 3, 4


def random(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype("f4")


def one(build: Callable[[TinyModel, int, int], None], shape: tuple[int, ...]) -> bytes:
    """A model of one operator, which `build` adds between tensor `in` and tensor `out`."""
    model = TinyModel()
    source = model.tensor("in", IMAGE)
    result = model.tensor("out", shape)
    build(model, source, result)
    return model.bytes([source], [result])


def conv(padding: int, stride: int, activation: int, *, dilation: int = 1) -> Callable[[TinyModel, int, int], None]:
    def build(model: TinyModel, source: int, result: int) -> None:
        inputs = [source, model.constant(random(5, 3, 3, 3)), model.constant(random(5))]
        model.add(
            "CONV_2D",
            inputs,
            [result],
            table="Conv2DOptions",
            padding=padding,
            strideW=stride,
            strideH=stride,
            dilationWFactor=dilation,
            dilationHFactor=dilation,
            fusedActivationFunction=activation,
        )

    return build


def depthwise(model: TinyModel, source: int, result: int) -> None:
    options = {"padding": SAME, "strideW": 2, "strideH": 2, "depthMultiplier": 1, "fusedActivationFunction": RELU6}
    inputs = [source, model.constant(random(1, 5, 5, 3)), model.constant(random(3))]
    model.add("DEPTHWISE_CONV_2D", inputs, [result], table="DepthwiseConv2DOptions", **options)


def pool(kind: str, padding: int, size: int, stride: int) -> Callable[[TinyModel, int, int], None]:
    def build(model: TinyModel, source: int, result: int) -> None:
        options = {"padding": padding, "strideW": stride, "strideH": stride, "filterWidth": size, "filterHeight": size}
        model.add(kind, [source], [result], table="Pool2DOptions", **options)

    return build


def resize(align: bool, half: bool) -> Callable[[TinyModel, int, int], None]:
    def build(model: TinyModel, source: int, result: int) -> None:
        options = {"alignCorners": align, "halfPixelCenters": half}
        model.add(
            "RESIZE_BILINEAR",
            [source, model.constant([13, 5], "i4")],
            [result],
            table="ResizeBilinearOptions",
            **options,
        )

    return build


def plain(kind: str) -> Callable[[TinyModel, int, int], None]:
    return lambda model, source, result: model.add(kind, [source], [result])


def prelu(model: TinyModel, source: int, result: int) -> None:
    model.add("PRELU", [source, model.constant(random(1, 1, 3))], [result])


def add_constant(model: TinyModel, source: int, result: int) -> None:
    model.add("ADD", [source, model.constant(random(3))], [result], table="AddOptions", fusedActivationFunction=RELU)


def pad(model: TinyModel, source: int, result: int) -> None:
    pads = [[0, 0], [1, 2], [3, 0], [0, 4]]
    model.add("PAD", [source, model.constant(pads, "i4")], [result], table="PadOptions")


def reshape(model: TinyModel, source: int, result: int) -> None:
    model.add("RESHAPE", [source], [result], table="ReshapeOptions", newShape=np.array([1, 64, 3], np.int32))


def mean(keep: bool) -> Callable[[TinyModel, int, int], None]:
    return lambda model, source, result: model.add(
        "MEAN", [source, model.constant([1, 2], "i4")], [result], table="ReducerOptions", keepDims=keep
    )


def fully_connected(model: TinyModel, source: int, result: int) -> None:
    inputs = [source, model.constant(random(4, 192)), model.constant(random(4))]
    model.add("FULLY_CONNECTED", inputs, [result], table="FullyConnectedOptions", fusedActivationFunction=NONE)


def depth_to_space(model: TinyModel, source: int, result: int) -> None:
    wide = model.tensor("wide", (1, SIZE, SIZE, 12))
    model.add("PAD", [source, model.constant([[0, 0], [0, 0], [0, 0], [4, 5]], "i4")], [wide], table="PadOptions")
    model.add("DEPTH_TO_SPACE", [wide], [result], table="DepthToSpaceOptions", blockSize=2)


def transpose_conv(model: TinyModel, source: int, result: int) -> None:
    inputs = [source, model.constant(random(2, 2, 2, 3)), model.constant(random(2))]
    model.add("custom:Convolution2DTransposeBias", inputs, [result], custom=struct.pack("<iii", 1, 2, 2))


def half_weights(model: TinyModel, source: int, result: int) -> None:
    half = model.tensor("half", (4, 3, 3, 3), random(4, 3, 3, 3).astype("f2"))
    full = model.tensor("full", (4, 3, 3, 3))
    model.add("DEQUANTIZE", [half], [full], table="DequantizeOptions")
    options = {"padding": SAME, "strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    model.add("CONV_2D", [source, full, model.constant(random(4))], [result], table="Conv2DOptions", **options)


def concatenate(model: TinyModel, source: int, result: int) -> None:
    rows = model.tensor("rows", (1, 64, 3))
    pooled, few = model.tensor("pooled", (1, 4, 4, 3)), model.tensor("few", (1, 16, 3))
    reshape(model, source, rows)
    pool("MAX_POOL_2D", SAME, 2, 2)(model, source, pooled)
    model.add("RESHAPE", [pooled], [few], table="ReshapeOptions", newShape=np.array([1, 16, 3], np.int32))
    model.add("CONCATENATION", [rows, few], [result], table="ConcatenationOptions", axis=1)


def concatenate_images(model: TinyModel, source: int, result: int) -> None:
    moved = model.tensor("moved", IMAGE)
    prelu(model, source, moved)
    model.add("CONCATENATION", [source, moved], [result], table="ConcatenationOptions", axis=3)


CASES: dict[str, tuple[Callable[[TinyModel, int, int], None], tuple[int, ...]]] = {
    "conv same, stride 2, relu6": (conv(SAME, 2, RELU6), (1, 4, 4, 5)),
    "conv valid, stride 1": (conv(VALID, 1, NONE), (1, 6, 6, 5)),
    "conv same, dilated, relu": (conv(SAME, 1, RELU, dilation=2), (1, 8, 8, 5)),
    "conv same, stride 3": (conv(SAME, 3, NONE), (1, 3, 3, 5)),
    "conv, half weights": (half_weights, (1, 8, 8, 4)),
    "depthwise": (depthwise, (1, 4, 4, 3)),
    "max pool": (pool("MAX_POOL_2D", SAME, 3, 2), (1, 4, 4, 3)),
    "average pool, padded": (pool("AVERAGE_POOL_2D", SAME, 3, 2), (1, 4, 4, 3)),
    "average pool, whole": (pool("AVERAGE_POOL_2D", VALID, 8, 8), (1, 1, 1, 3)),
    "resize": (resize(False, False), (1, 13, 5, 3)),
    "resize, half pixel": (resize(False, True), (1, 13, 5, 3)),
    "resize, align corners": (resize(True, False), (1, 13, 5, 3)),
    "relu": (plain("RELU"), IMAGE),
    "logistic": (plain("LOGISTIC"), IMAGE),
    "hard swish": (plain("HARD_SWISH"), IMAGE),
    "prelu": (prelu, IMAGE),
    "add a constant, relu": (add_constant, IMAGE),
    "pad": (pad, (1, 11, 11, 7)),
    "reshape": (reshape, (1, 64, 3)),
    "mean, kept": (mean(True), (1, 1, 1, 3)),
    "mean": (mean(False), (1, 3)),
    "fully connected": (fully_connected, (1, 4)),
    "depth to space": (depth_to_space, (1, 16, 16, 3)),
    "transposed convolution": (transpose_conv, (1, 16, 16, 2)),
    "concatenate": (concatenate, (1, 80, 3)),
    "concatenate images": (concatenate_images, (1, 8, 8, 6)),
}


@pytest.mark.parametrize("case", CASES)
def test_each_operator_computes_what_the_source_interpreter_computes(case: str) -> None:
    build, shape = CASES[case]
    source = one(build, shape)
    recipe = spec(("out", shape))
    worst = check(recipe, source, convert(recipe, source))
    assert worst["o0"] < 1e-4


def test_the_recipe_gives_outputs_their_names_and_shapes() -> None:
    source = one(pool("AVERAGE_POOL_2D", VALID, 8, 8), (1, 1, 1, 3))
    recipe = spec(("out", (1, 3)))
    model = onnx.load_model_from_string(convert(recipe, source))
    assert [tensor.name for tensor in model.graph.input] == ["image"]
    assert [tensor.name for tensor in model.graph.output] == ["o0"]
    assert [axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim] == [1, 3]
    check(recipe, source, convert(recipe, source))


def test_images_stay_nchw_between_operators() -> None:
    model = TinyModel()
    source, middle, result = model.tensor("in", IMAGE), model.tensor("mid", IMAGE), model.tensor("out", IMAGE)
    prelu(model, source, middle)
    add_constant(model, middle, result)
    recipe = spec(("out", IMAGE))
    converted = onnx.load_model_from_string(convert(recipe, model.bytes([source], [result])))
    kinds = [node.op_type for node in converted.graph.node]
    assert kinds == ["Transpose", "Relu", "Conv", "Conv", "Add", "Add", "Relu", "Transpose"]


def test_the_same_source_gives_the_same_bytes() -> None:
    source = one(half_weights, (1, 8, 8, 4))
    recipe = spec(("out", (1, 8, 8, 4)))
    assert convert(recipe, source) == convert(recipe, source)


def test_weights_stored_by_half_are_half_as_large() -> None:
    source = one(half_weights, (1, 8, 8, 4))
    model = onnx.load_model_from_string(convert(spec(("out", (1, 8, 8, 4))), source))
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (plain("COS"), "COS"),
        (lambda model, source, result: model.add("custom:Mystery", [source], [result]), "Mystery"),
        (conv(VALID, 1, TANH), "activation"),
        (
            lambda model, source, result: model.add("PRELU", [source, model.constant(random(8, 8, 3))], [result]),
            "PRELU",
        ),
        (lambda model, source, result: model.add("ADD", [model.constant([1.0])] * 2, [result]), "two constants"),
    ],
)
def test_what_is_not_supported_is_named(build: Callable[[TinyModel, int, int], None], named: str) -> None:
    with pytest.raises(UnsupportedOp, match=named):
        convert(spec(("out", IMAGE)), one(build, IMAGE))


def test_a_source_with_other_tensors_than_the_recipe_is_refused() -> None:
    with pytest.raises(NamesError, match="out"):
        convert(spec(("elsewhere", IMAGE)), one(plain("RELU"), IMAGE))


@pytest.mark.parametrize("blob", [b"", b"rubbish" * 10, bytes(64)])
def test_what_is_not_tflite_is_refused(blob: bytes) -> None:
    with pytest.raises(SourceError):
        convert(spec(("out", IMAGE)), blob)
