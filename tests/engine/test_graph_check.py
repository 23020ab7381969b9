"""What is refused in a graph before ONNX Runtime sees it, and that no bytes make the looking go on and on."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tiny_graphs import cached, double, graph_of, model_of

from sidecar.engine import protobuf
from sidecar.engine.graph_check import MAX_DEPTH, Declared, Facts, GraphRefused, compare, look
from sidecar.engine.manifest import Graph
from sidecar.engine.protobuf import Malformed, Reader

LISTED = {"weights.bin": 400}


def held() -> onnx.ModelProto:
    """`y` is `x` plus a constant of a hundred numbers."""
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    sides = [("x", "float32", [1, 100])], [("y", "float32", [1, 100])]
    return model_of(nodes, *sides, {"w": np.arange(100, dtype=np.float32)})


def outside(model: onnx.ModelProto, **where: str) -> onnx.ModelProto:
    """The constant lies in a file."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in where.items():
        tensor.external_data.add(key=key, value=value)
    return model


def nested(depth: int, inner: onnx.NodeProto | None = None) -> onnx.ModelProto:
    """An `If` in an `If`, and `inner` in the innermost."""
    yes = numpy_helper.from_array(np.array(True), "yes")
    last = inner or helper.make_node("Constant", [], ["c0"], value=numpy_helper.from_array(np.zeros(1, np.float32)))
    body = helper.make_graph([last], "b", [], [helper.make_tensor_value_info("c0", TensorProto.FLOAT, [1])])
    for level in range(depth):
        node = helper.make_node("If", ["yes"], [f"c{level + 1}"], then_branch=body, else_branch=body)
        out = helper.make_tensor_value_info(f"c{level + 1}", TensorProto.FLOAT, [1])
        body = helper.make_graph([node], "b", [], [out])
    model = model_of([], [], [])
    model.graph.CopyFrom(body)
    model.graph.initializer.append(yes)
    return model


def refused(model: onnx.ModelProto, listed: dict[str, int] | None = None) -> str:
    with pytest.raises(GraphRefused) as caught:
        look(model.SerializeToString(), LISTED if listed is None else listed)
    return str(caught.value)


def test_what_a_graph_takes_and_gives_is_read() -> None:
    facts = look(cached().SerializeToString(), {})
    assert facts == Facts(
        inputs={"x": Declared("float32", (None, None)), "past": Declared("float32", (None, None))},
        outputs={"y": Declared("float32", (None, 1)), "present": Declared("float32", (None, None))},
    )
    assert look(held().SerializeToString(), {}).inputs == {"x": Declared("float32", (1, 100))}
    assert look(double((), "int64").SerializeToString(), {}).inputs == {"x": Declared("int64", ())}


def test_an_input_with_a_default_is_no_input() -> None:
    model = held()
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [100]))
    assert look(model.SerializeToString(), {}).inputs.keys() == {"x"}


# -- operators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
def test_the_runtimes_own_operators_pass(domain: str) -> None:
    model = double()
    model.graph.node[0].domain = domain
    model.opset_import.append(helper.make_opsetid(domain, 1))
    look(model.SerializeToString(), {})


@pytest.mark.parametrize("domain", ["com.example", "ai.onnx.contrib", "com.microsoft.nchwc", "trt.plugins", "ai.onnx "])
def test_other_operators_are_refused_and_named(domain: str) -> None:
    used, imported = double(), double()
    used.graph.node[0].domain = domain
    imported.opset_import.append(helper.make_opsetid(domain, 1))
    for model in (used, imported):
        assert repr(domain) in refused(model)


def test_a_compiled_program_inside_is_refused() -> None:
    """Its attributes can name a file anywhere, or hold code of a device."""
    model = double()
    node = helper.make_node("EPContext", ["x"], ["z"], domain="com.microsoft", embed_mode=0, ep_cache_context="/tmp/x")
    model.graph.node.append(node)
    assert "EPContext" in refused(model)


def test_functions_of_its_own_are_refused() -> None:
    model = double()
    model.functions.add(name="F", domain="")
    assert "functions" in refused(model)
    model = double()
    model.training_info.add()
    assert "functions" in refused(model)


def test_a_subgraph_passes_if_its_nodes_do() -> None:
    facts = look(nested(2).SerializeToString(), {})
    assert facts.has_subgraphs and not look(double().SerializeToString(), {}).has_subgraphs
    bad = helper.make_node("Steal", [], ["c0"], domain="com.example")
    assert "com.example" in refused(nested(2, bad))
    tensor = numpy_helper.from_array(np.zeros(1, np.float32))
    tensor.external_data.add(key="location", value="/etc/passwd")
    assert "/etc/passwd" in refused(nested(1, helper.make_node("Constant", [], ["c0"], value=tensor)))


def test_nesting_ends_somewhere() -> None:
    look(nested(MAX_DEPTH).SerializeToString(), {})
    assert "nest" in refused(nested(MAX_DEPTH + 1))


def test_sparse_constants_are_refused() -> None:
    model = double()
    model.graph.sparse_initializer.add()
    assert "sparse" in refused(model)


# -- data outside ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        {"location": "weights.bin"},
        {"location": "weights.bin", "offset": "0", "length": "400"},
        {"location": "weights.bin", "offset": "100", "length": "300"},
        {"location": "weights.bin", "length": "400", "checksum": "abc"},
    ],
)
def test_data_in_a_listed_file_passes(where: dict[str, str]) -> None:
    assert look(outside(held(), **where).SerializeToString(), LISTED).external == {"weights.bin"}


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"location": "/etc/passwd"}, "'/etc/passwd', which is not a file of the pack"),
        ({"location": "../weights.bin"}, "not a file of the pack"),
        ({"location": "./weights.bin"}, "not a file of the pack"),
        ({"location": "WEIGHTS.BIN"}, "not a file of the pack"),
        ({"location": "other.bin"}, "not a file of the pack"),
        ({"location": ""}, "not a file of the pack"),
        ({"offset": "0"}, "not a file of the pack"),
        ({}, "not a file of the pack"),
        # ONNX Runtime's own tag for an address in memory.
        ({"location": "*/_ORT_MEM_ADDR_/*", "offset": "140000000000000", "length": "400"}, "not a file of the pack"),
        ({"location": "weights.bin", "offset": "401"}, "beyond the end of weights.bin"),
        ({"location": "weights.bin", "offset": "4", "length": "400"}, "beyond the end"),
        ({"location": "weights.bin", "length": "401"}, "beyond the end"),
        ({"location": "weights.bin", "offset": "18446744073709551616"}, "no number"),
        ({"location": "weights.bin", "offset": "-4"}, "no number"),
        ({"location": "weights.bin", "offset": "0x4"}, "no number"),
        ({"location": "weights.bin", "length": "²"}, "no number"),
        ({"location": "weights.bin", "basepath": "/etc"}, "'basepath'"),
    ],
)
def test_data_anywhere_else_is_refused(where: dict[str, str], told: str) -> None:
    assert told in refused(outside(held(), **where))


def test_a_place_that_is_told_twice_is_refused() -> None:
    model = outside(held(), location="weights.bin")
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    assert "location" in refused(model)


def test_data_outside_is_seen_even_where_it_is_not_said_to_be() -> None:
    model = held()
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    assert "/etc/passwd" in refused(model)


# -- against the manifest --------------------------------------------------------------------------------------------


def told(model: onnx.ModelProto, **changes: Any) -> Graph:
    return msgspec.convert(graph_of(model).entry() | changes, Graph)


def tensor(name: str, dtype: str, *shape: int | str) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": list(shape)}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": [tensor("image", "float32", 1, 4)]}, r"inputs of its graph model are not those .* \(image, x\)"),
        ({"inputs": [tensor("x", "float32", 1, 4), tensor("z", "float32")]}, r"\(z\)"),
        ({"outputs": [tensor("mask", "float32", 1, 4)]}, "outputs of its graph model"),
        ({"inputs": [tensor("x", "float16", 1, 4)]}, "model.x is float32, and float16 in its manifest"),
        ({"inputs": [tensor("x", "float32", 1, 5)]}, r"model.x is \[1, 4\], and \[1, 5\] in its manifest"),
        ({"inputs": [tensor("x", "float32", 4)]}, r"\[1, 4\], and \[4\]"),
        ({"inputs": [tensor("x", "float32", "batch", 4)]}, r"\[1, 4\], and \['batch', 4\]"),
        ({"outputs": [tensor("y", "float32", 1, 4, 1)]}, "model.y is"),
    ],
)
def test_a_graph_that_is_not_its_manifests_is_refused(changes: dict[str, Any], sentence: str) -> None:
    facts = look(double().SerializeToString(), {})
    compare(facts, told(double()))
    with pytest.raises(GraphRefused, match=sentence):
        compare(facts, told(double(), **changes))


def test_a_manifest_may_fix_what_the_file_leaves_free() -> None:
    model = double(("batch", "width"))
    compare(look(model.SerializeToString(), {}), told(double((1, 4))))


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.BFLOAT16, TensorProto.UNDEFINED, 99])
def test_a_type_that_no_manifest_names_is_refused(kind: int) -> None:
    model = double()
    model.graph.input[0].type.tensor_type.elem_type = kind
    assert "of a type" in refused(model)


# -- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not an ONNX file"),
        (b"\x08\x08", "not an ONNX file"),
        (b"\x3a\x05ab", "longer than what is left"),
        (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "longer than what is left"),
        (b"\x08" + b"\xff" * 20, "does not end"),
        (b"\x80" * 20, "does not end"),
        (b"\x3b", "groups"),
        (b"\x3f", "wire type"),
        (b"\x00\x00", "no valid number"),
        (b"\x0d\x00", "longer than what is left"),
        (b"\x3a\x00\x3a\x00", "not an ONNX file"),
        (b"\x00\x00\x00\x00ORTM" + bytes(8), "not an ONNX file"),
    ],
)
def test_rubbish_is_refused_with_its_reason(data: bytes, told: str) -> None:
    with pytest.raises(GraphRefused, match=told):
        look(data, {})


def test_a_file_that_is_onnx_and_ort_at_once_is_refused() -> None:
    """ONNX Runtime would read the other half, which was not looked at."""
    polyglot = b"\x12\x7fxxORTM".ljust(129, b"x") + double().SerializeToString()
    assert onnx.load_model_from_string(polyglot).graph.node
    with pytest.raises(GraphRefused, match="not an ONNX file"):
        look(polyglot, {})


def test_names_are_short_and_text() -> None:
    model = double()
    model.graph.node[0].domain = "x" * 5000
    assert "longer than" in refused(model)
    data = double().SerializeToString().replace(b"\x0a\x01x", b"\x0a\x01\xff")
    with pytest.raises(GraphRefused, match="UTF-8"):
        look(data, {})


def test_fields_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 1000)
    with pytest.raises(GraphRefused, match="1000 fields"):
        look(b"\x08\x01" * 1001, {})


@lru_cache(maxsize=1)
def samples() -> list[bytes]:
    return [
        model.SerializeToString() for model in (cached(), held(), nested(3), outside(held(), location="weights.bin"))
    ]


def looked(data: bytes) -> None:
    """Looks, and holds what comes out to its bounds."""
    begun = time.perf_counter()
    tracemalloc.start()
    try:
        facts = look(data, LISTED)
        assert facts.external <= LISTED.keys()
    except GraphRefused as error:
        assert 0 < len(str(error)) < 400
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4 * 2**20 and time.perf_counter() - begun < 2.0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_end_soon(data: bytes) -> None:
    looked(data)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_models_end_soon(data: st.DataObject) -> None:
    model = bytearray(data.draw(st.sampled_from(samples())))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, max(0, len(model) - 1)))
        change = data.draw(st.sampled_from(["byte", "cut", "insert", "repeat"]))
        if change == "byte" and model:
            model[place] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del model[place : place + data.draw(st.integers(1, 40))]
        elif change == "insert":
            model[place:place] = data.draw(st.binary(max_size=20))
        else:
            model += model[place : place + 200]
    looked(bytes(model))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(range(4)), st.integers(0, 2**16), st.integers(0, 255))
def test_what_passes_is_what_onnx_reads(which: int, place: int, value: int) -> None:
    """One byte changed: where both readers take it, they see the same tensors and the same data outside."""
    model = bytearray(samples()[which])
    model[place % len(model)] = value
    try:
        facts = look(bytes(model), LISTED)
        read = onnx.load_model_from_string(bytes(model))
    except Exception:  # one of them refuses: onnx raises protobuf's own classes
        return
    known = {tensor.name for tensor in read.graph.initializer}
    assert facts.inputs.keys() == {item.name for item in read.graph.input} - known
    assert facts.outputs.keys() == {item.name for item in read.graph.output}
    for item in read.graph.output:
        assert facts.outputs[item.name].dtype == np.dtype(
            helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type)
        )
    external = {
        entry.value for held in read.graph.initializer for entry in held.external_data if entry.key == "location"
    }
    assert facts.external == external


def test_readers_of_one_file_share_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 3)
    reader = Reader(b"\x08\x01\x08\x01")
    assert len(list(reader.fields(reader.whole, frozenset({1})))) == 2
    with pytest.raises(Malformed):
        list(reader.fields(reader.whole, frozenset({1})))


CHECKS: list[Callable[[], onnx.ModelProto]] = [double, cached, held]


@pytest.mark.parametrize("build", CHECKS, ids=lambda build: build.__name__)
def test_sound_models_pass(build: Callable[[], onnx.ModelProto]) -> None:
    model = build()
    compare(look(model.SerializeToString(), {}), told(model))
