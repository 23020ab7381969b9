from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.errors import ShapeError
from export.recipe import GraphSpec, Tensor
from export.routes.canonical import canonicalise
from export.routes.rescale import ratio, rescale

WEIGHTS = np.random.default_rng(2).standard_normal((2, 3, 3, 3)).astype(np.float32)


def spec(height: int, width: int) -> GraphSpec:
    shape = (1, 3, height, width), (1, 2, height, width)
    return GraphSpec("model", "net.onnx", (Tensor("x", "float32", shape[0]),), (Tensor("y", "float32", shape[1]),))


def sizes(way: str, height: int, width: int) -> tuple[list[NodeProto], list[TensorProto]]:
    """How exporters write the size of a Resize: with the batch taken from a tensor, as a node, as a constant."""
    if way == "concat":
        halves = numpy_helper.from_array(np.array([height, width]), "hw")
        return [
            helper.make_node("Shape", ["pooled"], ["shape"]),
            helper.make_node("Slice", ["shape", "zero", "two"], ["start"]),
            helper.make_node("Constant", [], ["hw"], value=halves),
            helper.make_node("Cast", ["hw"], ["hw64"], to=TensorProto.INT64),
            helper.make_node("Concat", ["start", "hw64"], ["sizes"], axis=0),
        ], [numpy_helper.from_array(np.array([0]), "zero"), numpy_helper.from_array(np.array([2]), "two")]
    whole = numpy_helper.from_array(np.array([1, 2, height, width]), "sizes")
    if way == "node":
        return [helper.make_node("Constant", [], ["sizes"], value=whole)], []
    return [], [whole]


def net(height: int, width: int, way: str = "concat") -> ModelProto:
    """Conv, halved, brought back to full size, as a U-shaped network does."""
    size_nodes, constants = sizes(way, height, width)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["c"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        *size_nodes,
        helper.make_node("Resize", ["pooled", "", "", "sizes"], ["up"], mode="linear"),
        helper.make_node("Add", ["up", "c"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, height, width])],
        [numpy_helper.from_array(WEIGHTS, "w"), *constants],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(data: bytes, image: np.ndarray) -> np.ndarray:
    found: np.ndarray = ort.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"x": image})[0]
    return found


@pytest.mark.parametrize("way", ["concat", "node", "constant"])
@pytest.mark.parametrize("size", [(16, 24), (64, 96), (8, 12)])
def test_a_rescaled_graph_is_the_one_that_was_exported_for_that_size(way: str, size: tuple[int, int]) -> None:
    model = net(32, 48, way)
    by = ratio(model, spec(*size))
    assert by == Fraction(size[0], 32)
    rescale(model, by)
    image = np.random.default_rng(4).standard_normal((1, 3, *size)).astype(np.float32)
    expected = run(canonicalise(net(*size, way), spec(*size)), image)
    np.testing.assert_array_equal(run(canonicalise(model, spec(*size)), image), expected)


def test_equal_and_free_sizes_need_nothing() -> None:
    assert ratio(net(32, 48), spec(32, 48)) == 1
    free = net(32, 48)
    for value in (*free.graph.input, *free.graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim[2:], "hw", strict=True):
            axis.dim_param = name
    assert ratio(free, spec(16, 24)) == 1


def test_sides_may_not_change_by_different_ratios() -> None:
    with pytest.raises(ShapeError, match="different ratios"):
        ratio(net(32, 48), spec(16, 48))


def test_a_size_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ShapeError, match="cannot be made"):
        rescale(net(32, 48), Fraction(3, 64))


def test_a_resize_by_computed_size_or_scale_is_refused() -> None:
    computed = net(32, 48)
    computed.graph.node[-2].input[3] = "shape"
    with pytest.raises(ShapeError, match="needs no other"):
        rescale(computed, Fraction(1, 2))
    scaled = net(32, 48)
    del scaled.graph.node[-2].input[:]
    scaled.graph.node[-2].input.extend(["pooled", "", "scales"])
    with pytest.raises(ShapeError, match="by scales"):
        rescale(scaled, Fraction(1, 2))


def test_a_size_that_something_else_reads_too_is_refused() -> None:
    shared = net(32, 48, "constant")
    shared.graph.node.append(helper.make_node("Identity", ["sizes"], ["also"]))
    with pytest.raises(ShapeError, match="uses a size twice"):
        rescale(shared, Fraction(1, 2))
