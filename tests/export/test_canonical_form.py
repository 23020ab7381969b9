from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from ready_models import SPEC, WEIGHTS, net, value, with_nodes

from export.errors import ExportError, GraphError, NamesError, ShapeError
from export.recipe import Tensor
from export.routes.canonical import canonicalise


def run(data: bytes, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


IMAGE = np.random.default_rng(3).standard_normal((2, 3, 6, 5)).astype(np.float32)


def test_names_axes_and_outputs_are_the_recipes_and_values_are_the_sources() -> None:
    model = net()
    expected = run(model.SerializeToString(), {"x:0": IMAGE})["7"]
    data = canonicalise(model, SPEC)
    found = onnx.load_model_from_string(data)
    onnx.checker.check_model(found, full_check=True)
    assert [item.name for item in found.graph.input] == ["image"]
    assert [item.name for item in found.graph.output] == ["mask"]
    axes = found.graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ["batch", 3, "height", "width"]
    np.testing.assert_array_equal(run(data, {"image": IMAGE})["mask"], expected)


def test_only_what_computes_is_left_and_weights_are_untouched() -> None:
    found = onnx.load_model_from_string(canonicalise(net(doc="/home/somebody/model.py line 3"), SPEC))
    assert [node.op_type for node in found.graph.node] == ["Conv", "Relu"]
    assert [tensor.name for tensor in found.graph.initializer] == ["w"]
    assert found.graph.initializer[0].raw_data == WEIGHTS.tobytes()
    assert b"somebody" not in found.SerializeToString() and not found.graph.node[0].doc_string


def test_sources_that_compute_the_same_give_the_same_bytes() -> None:
    other = net(doc="other words")
    other.graph.value_info.append(value("c", [1, 4, 2, 2]))
    other.metadata_props.add(key="date", value="today")
    other.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    other.opset_import.append(helper.make_opsetid("org.pytorch.aten", 1))
    other.model_version = 4
    assert canonicalise(other, SPEC) == canonicalise(net(), SPEC)


def test_nodes_that_a_converter_added_at_the_end_are_put_in_order() -> None:
    model = net()
    backwards = list(reversed(model.graph.node))
    assert canonicalise(with_nodes(backwards), SPEC)
    found = onnx.load_model_from_string(canonicalise(with_nodes(backwards), SPEC))
    onnx.checker.check_model(found)
    np.testing.assert_array_equal(
        run(canonicalise(with_nodes(backwards), SPEC), {"image": IMAGE})["mask"],
        run(canonicalise(net(), SPEC), {"image": IMAGE})["mask"],
    )


def test_constants_that_are_listed_as_inputs_are_constants() -> None:
    model = net(inputs=[value("x:0", ["N", 3, "H", "W"]), value("w", [4, 3, 3, 3]), value("orphan", [3, 3, 3])])
    assert canonicalise(model, SPEC) == canonicalise(net(), SPEC)


def test_a_value_inside_that_has_the_new_name_steps_aside() -> None:
    nodes = [
        helper.make_node("Conv", ["x:0", "w"], ["mask"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["mask"], ["image"]),
        helper.make_node("Relu", ["image"], ["7"]),
        helper.make_node("Neg", ["7"], ["unused"]),
    ]
    expected = run(with_nodes(nodes).SerializeToString(), {"x:0": IMAGE})["7"]
    np.testing.assert_array_equal(run(canonicalise(with_nodes(nodes), SPEC), {"image": IMAGE})["mask"], expected)


def branch(name: str, operator: str) -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node(operator, ["x:0"], [name])], f"{operator}-branch", [], [value(name, ["N", 3, "H", "W"])]
    )


def conditional(depth_of_else: onnx.GraphProto | None = None) -> ModelProto:
    nodes = [
        helper.make_node("ReduceMax", ["x:0"], ["top"], keepdims=0),
        helper.make_node("Greater", ["top", "limit"], ["large"]),
        helper.make_node("If", ["large"], ["7"], then_branch=branch("a", "Neg"), else_branch=branch("b", "Abs")),
    ]
    model = net(nodes=nodes, outputs=[value("7", ["N", 3, "H", "W"])])
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1e9), "limit"))
    return model


def test_inner_graphs_see_the_new_names() -> None:
    spec = replace(SPEC, outputs=(Tensor("mask", "float32", ("batch", 3, "height", "width"), source="7"),))
    data = canonicalise(conditional(), spec)
    np.testing.assert_array_equal(run(data, {"image": IMAGE})["mask"], np.abs(IMAGE))


def nested(depth: int) -> onnx.GraphProto:
    graph = branch("leaf", "Neg")
    for level in range(depth):
        node = helper.make_node("If", ["large"], [f"o{level}"], then_branch=graph, else_branch=branch("z", "Abs"))
        graph = helper.make_graph([node], f"g{level}", [], [value(f"o{level}", ["N", 3, "H", "W"])])
    return graph


def custom() -> ModelProto:
    model = with_nodes([helper.make_node("Evil", ["x:0"], ["7"], domain="org.evil")])
    model.opset_import.append(helper.make_opsetid("org.evil", 1))
    return model


def hidden_custom() -> ModelProto:
    model = conditional()
    model.graph.node[2].attribute[0].g.node[0].domain = "org.evil"
    return model


def external() -> ModelProto:
    model = net()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../secret")
    return model


def external_by_its_entries_alone() -> ModelProto:
    model = net()
    model.graph.initializer[0].external_data.add(key="location", value="../../secret")
    return model


def external_in_a_node() -> ModelProto:
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHTS, "w"))
    constant.attribute[0].t.ClearField("raw_data")
    constant.attribute[0].t.data_location = TensorProto.EXTERNAL
    constant.attribute[0].t.external_data.add(key="location", value="weights.bin")
    return net(nodes=[constant, *net().graph.node], weights=[])


def with_function() -> ModelProto:
    model = net()
    model.functions.append(
        helper.make_function("local", "F", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], model.opset_import)
    )
    return model


def circle() -> ModelProto:
    nodes = [helper.make_node("Add", ["x:0", "7"], ["a"]), helper.make_node("Relu", ["a"], ["7"])]
    return net(nodes=nodes, outputs=[value("7", ["N", 4, "H", "W"])])


def made_twice() -> ModelProto:
    return with_nodes([*net().graph.node, helper.make_node("Abs", ["x:0"], ["7"])])


def too_deep() -> ModelProto:
    model = conditional()
    model.graph.node[2].attribute[0].g.CopyFrom(nested(12))
    return model


def without_version() -> ModelProto:
    model = net()
    del model.opset_import[:]
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (custom(), "custom operators of org.evil"),
        (hidden_custom(), "custom operators of org.evil"),
        (external(), "in another file"),
        (external_by_its_entries_alone(), "in another file"),
        (external_in_a_node(), "in another file"),
        (with_function(), "functions of its own"),
        (net(opset=6), "has opset 6"),
        (net(opset=24), "has opset 24"),
        (circle(), "in a circle"),
        (made_twice(), "make the same value"),
        (too_deep(), "too deeply"),
        (without_version(), "which version"),
    ],
    ids=lambda given: given[:20] if isinstance(given, str) else "",
)
def test_what_no_pack_may_hold_is_refused(model: ModelProto, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        canonicalise(model, SPEC)


def test_tensors_that_are_not_there_are_named() -> None:
    with pytest.raises(NamesError, match="no input y; it has x:0"):
        canonicalise(net(), replace(SPEC, inputs=(replace(SPEC.inputs[0], source="y"),)))
    with pytest.raises(NamesError, match="no output y; it has 7, unused"):
        canonicalise(net(), replace(SPEC, outputs=(replace(SPEC.outputs[0], source="y"),)))
    second = net(inputs=[value("x:0", ["N", 3, "H", "W"]), value("threshold", [1])])
    with pytest.raises(NamesError, match="'threshold'"):
        canonicalise(second, SPEC)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (1, 3, "height")}, "has 4 axes in the source, 3"),
        ({"shape": ("batch", 4, "height", "width")}, "axis of 3 in the source, 4"),
        ({"shape": ("batch", "channels", "height", "width")}, "axis of 3 in the source, channels"),
        ({"dtype": "float16"}, "is not float16"),
    ],
)
def test_a_fixed_axis_stays_what_it_is(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        canonicalise(net(), replace(SPEC, inputs=(replace(SPEC.inputs[0], **changes),)))  # type: ignore[arg-type]


def test_a_free_axis_may_be_fixed() -> None:
    fixed = replace(SPEC, inputs=(replace(SPEC.inputs[0], shape=(1, 3, 8, 8)),))
    session = ort.InferenceSession(canonicalise(net(), fixed), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 8, 8]


def test_hostile_files_end_in_a_plain_error() -> None:
    """Mutated files are refused or still give a valid graph; nothing else may come out."""
    data = bytearray(net().SerializeToString())
    rng = np.random.default_rng(17)
    refused = 0
    for _ in range(300):
        mutated = data.copy()
        for position in rng.integers(0, len(data), 3):
            mutated[position] = rng.integers(0, 256)
        model = ModelProto()
        try:
            model.ParseFromString(bytes(mutated))
        except Exception:  # protobuf's own refusal, which reading turns into a plain error
            refused += 1
            continue
        try:
            canonicalise(model, SPEC)
        except ExportError:
            refused += 1
    assert refused > 50
