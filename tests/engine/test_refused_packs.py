"""Packs whose files are those that an index names, and which lie all the same: each is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_graphs import TinyGraph, double, graph_of, lay, load, model_of, runtime

from sidecar.engine.pack import PackCorrupt, PackRefused

WEIGHTS = np.arange(100, dtype=np.float32)


def beside(location: str = "weights.bin", *, offset: int = 0, listed: bool = True) -> TinyGraph:
    """`y` is `x` plus a constant that lies in a file beside the graph, after `offset` bytes."""
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    model = model_of(nodes, [("x", "float32", [1, 100])], [("y", "float32", [1, 100])], {"w": WEIGHTS})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(WEIGHTS.nbytes))):
        tensor.external_data.add(key=key, value=value)
    return graph_of(model, external={"weights.bin": bytes(offset) + WEIGHTS.tobytes()} if listed else {})


def of_domain(domain: str) -> onnx.ModelProto:
    model = double()
    model.graph.node[0].domain = domain
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def refusal(root: Path, *graphs: TinyGraph) -> str:
    host = runtime(lay(root, *graphs))
    with pytest.raises(PackRefused) as caught:
        host.load("tiny")
    assert [(state.name, state.state) for state in host.states()] == [("tiny", "failed")]
    assert str(caught.value).startswith("The model tiny is refused: ")
    assert str(caught.value).endswith("; run: vitrine models install tiny") and len(str(caught.value)) < 300
    return str(caught.value)


# -- data beside the graph -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 4096])
def test_constants_beside_a_graph_come_from_the_bytes_that_were_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    """A file of the same name where the process stands is not the pack's."""
    (tmp_path / "weights.bin").write_bytes(bytes(offset) + (WEIGHTS * 100).tobytes())
    monkeypatch.chdir(tmp_path)
    model = load(tmp_path / "packs", beside(offset=offset))
    assert np.array_equal(model(np.ones((1, 100), np.float32))["y"], WEIGHTS[None] + 1)


def test_constants_beside_a_graph_are_hashed(tmp_path: Path) -> None:
    registry = lay(tmp_path, beside())
    changed = bytearray(WEIGHTS.tobytes())
    changed[7] ^= 1
    (tmp_path / "tiny" / "weights.bin").write_bytes(changed)
    with pytest.raises(PackCorrupt, match=r"damaged \(weights.bin is not the published file\)"):
        runtime(registry).load("tiny")


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights.bin", "other/weights.bin", "*/_ORT_MEM_ADDR_/*"])
def test_data_outside_the_pack_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHTS.tobytes())
    assert f"{location!r}, which is not a file of the pack" in refusal(tmp_path / "packs", beside(location))


def test_data_in_a_file_that_the_variant_does_not_list_is_refused(tmp_path: Path) -> None:
    assert "'weights.bin', which is not a file" in refusal(tmp_path, beside(listed=False))


def test_data_beyond_the_file_is_refused(tmp_path: Path) -> None:
    graph = beside(offset=8)
    assert "beyond the end of weights.bin" in refusal(tmp_path, replace(graph, external={"weights.bin": bytes(400)}))


# -- graphs ----------------------------------------------------------------------------------------------------------


def test_operators_of_a_library_are_refused(tmp_path: Path) -> None:
    assert "'com.example'" in refusal(tmp_path, graph_of(of_domain("com.example")))


def test_operators_of_a_library_are_refused_in_the_last_graph_too(tmp_path: Path) -> None:
    assert "'com.example'" in refusal(
        tmp_path, graph_of(double(), "encoder"), graph_of(of_domain("com.example"), "decoder")
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ([("image", "float32", (1, 4))], None, "the inputs of its graph model"),
        ([("x", "float32", (1, 5))], None, "[1, 4], and [1, 5] in its manifest"),
        ([("x", "float16", (1, 4))], None, "float16 in its manifest"),
        (None, [("y", "float32", ("batch", 4))], "['batch', 4] in its manifest"),
        (None, [("mask", "float32", (1, 4))], "the outputs of its graph model"),
    ],
)
def test_a_manifest_that_lies_about_tensors_is_refused(
    tmp_path: Path, inputs: Sequence[Any] | None, outputs: Sequence[Any] | None, told: str
) -> None:
    honest = graph_of(double())
    lying = replace(honest, inputs=inputs or honest.inputs, outputs=outputs or honest.outputs)
    assert told in refusal(tmp_path, lying)


def tiled() -> onnx.ModelProto:
    """Gives two rows for one; the file does not say how many."""
    nodes = [helper.make_node("Tile", ["x", "times"], ["y"])]
    sides = [("x", "float32", (1, 4))], [("y", "float32", ("rows", "columns"))]
    return model_of(nodes, *sides, {"times": np.array([2, 1], np.int64)})


def test_a_graph_that_answers_otherwise_than_its_manifest_says_is_refused(tmp_path: Path) -> None:
    """The file leaves the sizes of its answer open; the first run does not."""
    assert load(tmp_path / "honest", graph_of(tiled()))(np.ones((1, 4), np.float32))["y"].shape == (2, 4)
    lying = graph_of(tiled(), outputs=[("y", "float32", (1, 4))])
    assert "answers with other tensors" in refusal(tmp_path / "lying", lying)
    free = graph_of(tiled(), outputs=[("y", "float32", ("rows", 5))])
    assert "answers with other tensors" in refusal(tmp_path / "free", free)


def test_a_graph_within_a_graph_runs(tmp_path: Path) -> None:
    """As voice activity detectors have it."""
    value = numpy_helper.from_array(np.full((1, 4), 3, np.float32))
    yes = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["a"])], "yes", [], [helper.make_tensor_value_info("a", 1, [1, 4])]
    )
    no = helper.make_graph(
        [helper.make_node("Constant", [], ["b"], value=value)],
        "no",
        [],
        [helper.make_tensor_value_info("b", 1, [1, 4])],
    )
    node = helper.make_node("If", ["flag"], ["y"], then_branch=yes, else_branch=no)
    model = load(
        tmp_path,
        graph_of(model_of([node], [("x", "float32", (1, 4)), ("flag", "bool", ())], [("y", "float32", (1, 4))])),
    )
    x = np.ones((1, 4), np.float32)
    assert (model.graphs["model"]({"x": x, "flag": np.array(True)})["y"] == 2).all()
    assert (model.graphs["model"]({"x": x, "flag": np.array(False)})["y"] == 3).all()


BROKEN: list[Callable[[bytes], bytes]] = [
    lambda data: data[:-1],
    lambda data: bytes(len(data)),
    lambda data: b"\x08" + data,
]


@pytest.mark.parametrize("spoil", BROKEN)
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    sound = graph_of(double())
    refusal(tmp_path, replace(sound, data=spoil(sound.data)))


def test_the_wrong_hash_is_damage(tmp_path: Path) -> None:
    registry = lay(tmp_path, graph_of(double(), "encoder"), graph_of(double(), "decoder"))
    file = tmp_path / "tiny" / "decoder.onnx"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(
        PackCorrupt, match=r"damaged \(decoder.onnx is not the published file\); run: vitrine models install"
    ):
        runtime(registry).load("tiny")
