"""On a real card: what runs there, that it answers as the processor does, and that its memory comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper
from tiny_graphs import accumulated, cached, graph_of, lay, model_of

from benchmarks.__main__ import main
from benchmarks.device.agreement import distances
from benchmarks.device.measure import networks
from sidecar.engine.index import shipped
from sidecar.engine.model import Model
from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Runtime
from sidecar.engine.vram import open_nvml
from sidecar.errors import NotFound

pytestmark = pytest.mark.device
SIDE = 4096  # 64 MiB of float32 weights
MIB = 2**20
HIDDEN = """
import sys
from pathlib import Path
sys.path[:0] = [{engine!r}]
from tiny_graphs import double, graph_of, lay
from sidecar.engine.runtime import Runtime
from sidecar.errors import NotFound
try:
    model = Runtime(lay(Path({root!r}), graph_of(double())), providers=["cuda"], threads=1).load("tiny")
except NotFound as error:
    print("refused:", error)
else:
    print("ran on", model.provider)
"""


def network(batch: int | str, side: int = 64) -> Any:
    """`y` is the ramp of `x` times a matrix: two kernels, and weights."""
    weights = np.random.default_rng(0).standard_normal((side, side), np.float32) / side
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Relu", ["m"], ["y"])]
    shape: list[int | str] = [batch, side]
    return model_of(nodes, [("x", "float32", shape)], [("y", "float32", shape)], {"w": weights})


def on(provider: str, registry: Registry, name: str = "tiny", **more: Any) -> Model:
    return Runtime(registry, providers=[provider], threads=1, **more).load(name)


def drawn(seed: int, *shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Within what TF32 rounds: 10 bits of mantissa."""
    return bool(np.allclose(one, other, rtol=2e-3, atol=1e-3))


@pytest.mark.parametrize("name", shipped().groups["vision"])
def test_a_pack_runs_on_cuda_and_answers_as_the_processor_does(name: str) -> None:
    there, here = on("cuda", Registry(), name), on("cpu", Registry(), name)
    assert there.provider == "cuda"
    for each in networks(there.pack, {}):
        graph = there.graphs[each.graph.name]
        assert graph.session.get_providers()[0] == "CUDAExecutionProvider"
        wanted = here.graphs[each.graph.name](each.feeds)
        for _ in range(4):  # the first ones, the one that is captured, one that is replayed
            given = graph(each.feeds)
        found = distances(there.pack.manifest.gate, each.graph.name, wanted, given)
        assert any(one.bound is not None for one in found) and not [one for one in found if one.holds is False]


def test_captured_runs_answer_as_plain_ones_do(tmp_path: Path) -> None:
    captured = on("cuda", lay(tmp_path / "fixed", graph_of(network(1))))
    plain = on("cuda", lay(tmp_path / "free", graph_of(network("batch"))))
    assert captured.graphs["model"].placed.captures and not plain.graphs["model"].placed.captures
    kept = []
    for seed in range(6):
        x = drawn(seed, 1, 64)
        answer = captured(x)["y"]
        assert np.array_equal(answer, plain(x)["y"])
        kept.append((answer, answer.copy()))
    assert all(np.array_equal(one, then) for one, then in kept), "a replay wrote into an older answer"


def test_bound_runs_answer_as_plain_ones_do(tmp_path: Path) -> None:
    graph = on("cuda", lay(tmp_path, graph_of(network("batch")))).graphs["model"]
    bound, target = graph.bind(), np.full((3, 64), np.nan, np.float32)
    for seed in range(3):
        x = drawn(seed, 3, 64)
        plain = graph({"x": x})["y"]
        assert np.array_equal(bound.run({"x": x}, ["y"])["y"], plain)
        bound.run({"x": x}, [], into={"y": target})
        assert np.array_equal(target, plain)


def test_what_is_carried_stays_on_the_card(tmp_path: Path) -> None:
    bound = on("cuda", lay(tmp_path / "a", graph_of(cached()))).graphs["model"].bind()
    bound.carry("present", "past", np.zeros((1, 0), np.float32))
    seen = np.zeros((1, 0), np.float32)
    for seed, length in enumerate((3, 1, 1)):
        x = drawn(seed, 1, length)
        seen = np.concatenate([seen, x], axis=1)
        assert np.allclose(bound.run({"x": x}, ["y"])["y"], seen.sum(axis=1, keepdims=True), atol=1e-5)
    assert np.array_equal(bound.read("past"), seen)
    model = accumulated(4)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"  # a free axis, so that it can be bound
    free = on("cuda", lay(tmp_path / "b", graph_of(model))).graphs["model"].bind()
    free.share("next", "state", np.ones((1, 4), np.float32))
    for _ in range(3):
        free.run({"x": np.ones((1, 4), np.float32)}, [])
    assert (free.read("state") == 4).all()


def test_memory_comes_back_from_the_card(tmp_path: Path) -> None:
    vram = open_nvml(pid=os.getpid())
    assert vram is not None, "pip install nvidia-ml-py"
    on("cuda", lay(tmp_path / "first", graph_of(network(1))))  # brings the driver's own share
    runtime = Runtime(
        lay(tmp_path / "large", graph_of(network(1, SIDE))), providers=["cuda"], threads=1, vram=vram
    )  # fmt: skip
    before = vram.read()
    model = runtime.load("tiny")
    loaded = vram.read()
    assert before and loaded and before.grown_to(loaded) >= 64 * MIB and model.vram_bytes >= 64 * MIB
    del model
    assert runtime.unload("tiny")
    after = vram.read()
    assert after and loaded.shrunk_to(after) >= 64 * MIB


def test_a_model_beyond_the_limit_is_not_loaded(tmp_path: Path) -> None:
    registry = lay(tmp_path, graph_of(network(1, SIDE)))
    with pytest.raises(NotFound, match="no variant for cuda that runs here"):
        on("cuda", registry, vram_limit=16 * MIB)
    assert on("cuda", registry, vram_limit=1024 * MIB).provider == "cuda"


def test_a_session_that_would_fall_back_is_refused(tmp_path: Path) -> None:
    """The card is hidden from a process, which still has the same ONNX Runtime."""
    script = HIDDEN.format(engine=str(Path(__file__).parents[1] / "engine"), root=str(tmp_path))
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert "refused: tiny has no variant for cuda" in found.stdout, found.stdout + found.stderr


def test_half_precision_is_near(tmp_path: Path) -> None:
    full = graph_of(network(1))
    weights = np.random.default_rng(0).standard_normal((64, 64), np.float32) / 64
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=10),
        helper.make_node("MatMul", ["h", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=1),
    ]
    sides = [("x", "float32", [1, 64])], [("y", "float32", [1, 64])]
    half = model_of(nodes, *sides, {"w": weights.astype(np.float16)}).SerializeToString()
    variants = [
        {"file": "half.onnx", "precision": "fp16", "providers": ["cuda"]},
        {"file": "model.onnx", "precision": "fp32", "providers": ["cpu"]},
    ]
    full.variants = variants
    registry = lay(tmp_path, full, files={"half.onnx": half})
    there, here, x = on("cuda", registry), on("cpu", registry), drawn(1, 1, 64)
    assert (there.precision, here.precision) == ("fp16", "fp32") and close(there(x)["y"], here(x)["y"])


@pytest.mark.device("tensorrt")
def test_a_compiled_engine_is_used_again(tmp_path: Path) -> None:
    registry = lay(tmp_path / "packs", graph_of(network(1)))
    more: dict[str, Any] = {"providers": ["tensorrt", "cuda"], "threads": 1, "engines": tmp_path / "engines"}
    first = Runtime(registry, **more).load("tiny")
    built = {path: path.stat().st_mtime_ns for path in (tmp_path / "engines").rglob("*.engine")}
    assert first.provider == "tensorrt" and built
    second = Runtime(registry, **more).load("tiny")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "engines").rglob("*.engine")} == built
    x = drawn(1, 1, 64)
    assert np.array_equal(first(x)["y"], second(x)["y"])
    assert close(first(x)["y"], on("cpu", registry)(x)["y"])


def test_the_benchmark_measures_the_card(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    words = ["gpu", "--pack", "face-detector", "--rounds", "1", "--seconds", "0.1", "--json", str(path)]
    assert main(words) == 0
    lines = msgspec.json.decode(path.read_bytes())["details"]["lines"]
    ways = {line["way"]: line for line in lines if line["provider"] == "cuda"}
    assert {"plain", "bound", "CUDA graph", "no TF32"} == ways.keys()
    for line in ways.values():
        assert line["why_not"] == "" and line["session_providers"][0] == "CUDAExecutionProvider"
        assert line["vram_bytes"]["peak"] >= line["vram_bytes"]["loaded"] > 0 and line["cpu_over_it"] > 0
