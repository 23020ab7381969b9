"""Packs of several graphs in real sessions: tensors held against the manifest, tensors that stay, runs counted."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from tiny_graphs import accumulated, cached, double, graph_of, lay, load, model_of, runtime

from sidecar.engine.runner_specs import TextEmbedding
from sidecar.engine.runtime import Terminated
from sidecar.errors import NotFound, Unavailable


def ones(*shape: int, dtype: Any = np.float32) -> Any:
    return np.ones(shape, dtype)


def test_a_pack_of_several_graphs_and_files(tmp_path: Path) -> None:
    spec = {"kind": "text_embedding", "tokenizer": "tokenizer.json", "size": 4, "max_tokens": 8}
    graphs = [graph_of(double(), "encoder"), graph_of(double((1, "sequence")), "decoder")]
    model = load(tmp_path, *graphs, files={"tokenizer.json": b"{}"}, runner=spec)
    assert model.spec == TextEmbedding(tokenizer="tokenizer.json", size=4, max_tokens=8)
    assert model.file("tokenizer.json") == b"{}"
    assert (model.graphs["encoder"]({"x": ones(1, 4)})["y"] == 2).all()
    assert model.graphs["decoder"]({"x": ones(1, 7)})["y"].shape == (1, 7)
    assert (model.provider, model.precision, model.runs) == ("cpu", "fp32", 2)
    with pytest.raises(KeyError):
        model.file("other.json")


def test_a_file_that_changed_after_loading_is_not_given(tmp_path: Path) -> None:
    model = load(
        tmp_path, graph_of(double()), files={"labels.txt": b"a\nb"}, runner={"kind": "tensors", "labels": "labels.txt"}
    )
    (tmp_path / "tiny" / "labels.txt").write_bytes(b"a\nc")
    with pytest.raises(NotFound, match="damaged"):
        model.file("labels.txt")


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (ones(1, 5), r"float32 \[1, 4\]; not float32 \[1, 5\]"),
        (ones(4), r"not float32 \[4\]"),
        (ones(1, 1, 4), "not float32"),
        (ones(1, 4, dtype=np.float64), "not float64"),
        (ones(1, 4, dtype=np.float16), "not float16"),
    ],
)
def test_another_array_is_refused_before_the_run(tmp_path: Path, array: Any, told: str) -> None:
    model = load(tmp_path, graph_of(double()))
    for call in (lambda: model(array), lambda: model.graphs["model"]({"x": array})):
        with pytest.raises(ValueError, match=told):
            call()
    assert model.runs == 0 and (model(ones(1, 4))["y"] == 2).all()


def test_a_vector_for_a_number_is_refused(tmp_path: Path) -> None:
    """ONNX Runtime takes it without a word."""
    model = load(tmp_path, graph_of(double(())))
    with pytest.raises(ValueError, match=r"float32 \[\]; not float32 \[1\]"):
        model(ones(1))
    for number in (3.0, np.float32(3.0)):
        with pytest.raises(ValueError, match="takes an array"):
            model(number)  # type: ignore[arg-type]
    assert model(np.array(3.0, np.float32))["y"] == 6


def test_names_and_sizes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    graph = load(tmp_path, graph_of(cached())).graphs["model"]
    good = {"x": ones(2, 3), "past": ones(2, 5)}
    assert graph(good)["present"].shape == (2, 8)
    assert graph(good, ["y"]).keys() == {"y"}
    for wrong in ({"x": ones(2, 3)}, good | {"more": ones(1)}, {}):
        with pytest.raises(ValueError, match="x, past"):
            graph(wrong)
    with pytest.raises(ValueError, match="batch is 2"):
        graph(good | {"past": ones(1, 5)})
    with pytest.raises(ValueError, match=r"\['batch', 'past'\].*not float32 \[2, 5, 1\]"):
        graph(good | {"past": ones(2, 5, 1)})
    with pytest.raises(ValueError, match="none of the outputs"):
        graph(good, ["logits"])


# -- tensors that stay -----------------------------------------------------------------------------------------------


def test_a_carried_tensor_goes_from_run_to_run(tmp_path: Path) -> None:
    bound = load(tmp_path, graph_of(cached())).graphs["model"].bind()
    bound.carry("present", "past", np.zeros((1, 0), np.float32))
    rng = np.random.default_rng(0)
    seen = np.zeros((1, 0), np.float32)
    answers: list[tuple[Any, Any]] = []
    for length in (3, 1, 1, 4):
        x = rng.standard_normal((1, length)).astype(np.float32)
        seen = np.concatenate([seen, x], axis=1)
        found = bound.run({"x": x}, ["y"])
        assert found.keys() == {"y"} and np.allclose(found["y"], seen.sum(axis=1, keepdims=True), atol=1e-5)
        answers.append((found["y"], found["y"].copy()))
    assert np.array_equal(bound.read("past"), seen)
    assert all(np.array_equal(one, then) for one, then in answers), "memory of an answer was used again"
    bound.carry("present", "past", seen[:, :2])  # a shorter beginning: what follows is computed from it
    assert np.array_equal(bound.run({"x": ones(1, 1)}, ["present"])["present"], np.append(seen[:, :2], [[1]], axis=1))


def test_what_a_run_gave_is_not_written_over_by_the_next(tmp_path: Path) -> None:
    bound = load(tmp_path, graph_of(accumulated())).graphs["model"].bind()
    first = ones(1, 4)
    bound.carry("next", "state", first)
    first += 50  # the caller's own: what was carried is a copy
    results = [bound.run({"x": ones(1, 4)}, ["next"])["next"] for _ in range(3)]
    assert [float(result[0, 0]) for result in results] == [2, 3, 4] and (first == 51).all()
    results[-1][:] = 100  # the caller's own by now
    kept = bound.read("state")
    bound.run({"x": ones(1, 4)}, ["next"])
    assert (kept == 4).all() and (bound.read("state") == 5).all()


def test_a_shared_buffer_is_written_in_place_and_starts_as_a_copy(tmp_path: Path) -> None:
    bound = load(tmp_path, graph_of(accumulated())).graphs["model"].bind()
    buffer = ones(1, 4)
    bound.share("next", "state", buffer)
    for _ in range(3):
        assert bound.run({"x": ones(1, 4)}, []) == {}
    assert (bound.read("state") == 4).all() and (buffer == 1).all()


def test_outputs_are_written_into_given_arrays(tmp_path: Path) -> None:
    graph = load(tmp_path, graph_of(cached())).graphs["model"]
    bound = graph.bind()
    target = np.full((1, 1), np.nan, np.float32)
    found = bound.run({"x": ones(1, 3), "past": ones(1, 2)}, ["present"], into={"y": target})
    assert found["y"] is target and target[0, 0] == 5 and found["present"].shape == (1, 5)
    for wrong in (np.zeros((1, 1)), np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32)):
        with pytest.raises(ValueError, match="y is float32"):
            bound.run({"x": ones(1, 3), "past": ones(1, 2)}, [], into={"y": wrong})
    wide = load(tmp_path / "wide", graph_of(double((2, 3)))).graphs["model"].bind()
    with pytest.raises(ValueError, match="contiguous"):
        wide.run({"x": ones(2, 3)}, [], into={"y": np.zeros((3, 2), np.float32).T})


def test_a_binding_checks_like_a_call(tmp_path: Path) -> None:
    bound = load(tmp_path, graph_of(cached())).graphs["model"].bind()
    with pytest.raises(ValueError, match="cannot become"):
        bound.carry("present", "x_past", ones(1, 1))
    with pytest.raises(ValueError, match="not float64"):
        bound.carry("present", "past", np.zeros((1, 0)))
    bound.carry("present", "past", ones(2, 1))
    with pytest.raises(ValueError, match="batch is 1"):
        bound.run({"x": ones(1, 1)}, ["y"])
    with pytest.raises(ValueError, match="is not fed"):
        bound.run({"x": ones(2, 1), "past": ones(2, 1)}, ["y"])
    with pytest.raises(ValueError, match="x, past"):
        bound.run({}, ["y"])
    assert bound.run({"x": ones(2, 1)}, ["y"])["y"].tolist() == [[2], [2]]


# -- runs ------------------------------------------------------------------------------------------------------------


def slow() -> Any:
    """Many nodes, so that a run can be stopped between them."""
    shape = (1, 400, 400)
    nodes = [helper.make_node("MatMul", [f"v{n}", f"v{n}"], [f"v{n + 1}"]) for n in range(400)]
    nodes.append(helper.make_node("Add", ["v400", "state"], ["next"]))
    return model_of(nodes, [("v0", "float32", shape), ("state", "float32", shape)], [("next", "float32", shape)])


@pytest.mark.parametrize("way", ["call", "bound"])
def test_a_cancel_ends_a_run_of_any_kind_and_carries_nothing(tmp_path: Path, way: str) -> None:
    host = runtime(lay(tmp_path, graph_of(slow())))
    graph = host.load("tiny").graphs["model"]
    zeros, state = np.zeros((1, 400, 400), np.float32), np.full((1, 400, 400), 7, np.float32)
    bound = graph.bind()
    bound.carry("next", "state", state)
    host.begin()
    stop = threading.Timer(0.05, host.terminate)
    begun = time.monotonic()
    stop.start()
    with pytest.raises(Terminated):
        while time.monotonic() - begun < 20:
            graph({"v0": zeros, "state": state}) if way == "call" else bound.run({"v0": zeros}, [])
    with pytest.raises(Terminated):
        bound.run({"v0": zeros}, [])
    host.begin()
    assert (bound.read("state") == 7).all()
    assert (bound.run({"v0": zeros}, ["next"])["next"] == 7).all()


def test_every_kind_of_run_is_counted_told_and_rested_from(tmp_path: Path) -> None:
    host = runtime(lay(tmp_path, graph_of(double(), "encoder"), graph_of(cached(), "decoder")))
    model = host.load("tiny")
    seen: list[str] = []
    rested: list[float] = []
    host.observer = lambda name, begun, spent: seen.append(name)
    host.rest = rested.append  # type: ignore[method-assign]
    model.graphs["encoder"]({"x": ones(1, 4)})
    bound = model.graphs["decoder"].bind()
    bound.carry("present", "past", np.zeros((1, 0), np.float32))
    bound.run({"x": ones(1, 1)}, ["y"])
    assert model.runs == 2 and seen == ["tiny", "tiny"] and len(rested) == 2 and min(rested) > 0
    (state,) = host.states()
    assert (state.name, state.state, state.provider, state.runs) == ("tiny", "ready", "cpu", 2) and state.p50_ms >= 0


def test_a_failing_run_is_a_plain_error(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    sides = (
        [("x", "float32", ["batch", "width"]), ("w", "float32", ["height", "other"])],
        [("y", "float32", ["batch", "other"])],
    )
    graph = load(tmp_path, graph_of(model_of(nodes, *sides))).graphs["model"]
    with pytest.raises(Unavailable, match="vitrine doctor"):
        graph({"x": ones(1, 3), "w": ones(4, 1)})
    assert graph({"x": ones(1, 4), "w": ones(4, 1)})["y"] == 4


def test_unloading_lets_every_graph_go(tmp_path: Path) -> None:
    weights = {"w": np.random.default_rng(1).standard_normal((2000, 2000)).astype(np.float32)}
    sides = [("x", "float32", [1, 2000])], [("y", "float32", [1, 2000])]
    heavy = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], *sides, weights)
    host = runtime(lay(tmp_path, graph_of(heavy, "encoder"), graph_of(heavy, "decoder")))
    host.load("tiny")
    host.unload("tiny")
    model = host.load("tiny")
    assert model.bytes > 20 * 2**20
    kept = model.graphs["decoder"]
    del model
    assert host.unload("tiny") is False, "half of it is still held, and more than that after one came back"
    del kept
    assert host.states() == []
    host.load("tiny")
    assert host.unload("tiny") is True


def test_the_kernels_of_each_graph_are_shown(tmp_path: Path) -> None:
    host = runtime(lay(tmp_path, graph_of(double(), "encoder"), graph_of(cached(), "decoder")))
    host.load("tiny")
    names = [kernel.name.split(" ")[0] for kernel in host.kernels("tiny")]
    assert names[0] == "Add" and {"Concat", "ReduceSum"} <= set(names)


def test_a_second_provider_is_named_where_graphs_differ(tmp_path: Path) -> None:
    """A graph without a variant for what is allowed makes the whole pack unusable, and is named."""
    only = [{"file": "decoder.onnx", "precision": "fp32", "providers": ["directml"]}]
    registry = lay(tmp_path, graph_of(double(), "encoder"), graph_of(double(), "decoder", variants=only))
    with pytest.raises(NotFound, match=r"tiny\.decoder has no variant for cpu"):
        runtime(registry).load("tiny")
    assert [state.state for state in runtime(registry).states()] == []
