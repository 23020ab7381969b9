"""How sessions are set up on each provider: options in, options out; no card is needed, and none is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import onnxruntime as ort
import pytest
from tiny_graphs import cached, double, graph_of, lay

from sidecar.engine.providers import SessionSettings, Shape, settings
from sidecar.engine.runtime import Runtime
from sidecar.errors import NotFound

FIXED = Shape(fixed=True, has_subgraphs=False, precision="fp16", key="abc")
FREE = Shape(fixed=False, has_subgraphs=False, precision="fp16", key="abc")
NESTED = Shape(fixed=True, has_subgraphs=True, precision="fp32", key="abc")
ENGINES = Path("engines")


def names(how: SessionSettings) -> list[str]:
    return [name for name, _ in how.providers]


@pytest.mark.parametrize("provider", ["cpu", "directml", "cuda", "tensorrt"])
@pytest.mark.parametrize("shape", [FIXED, FREE, NESTED])
def test_no_way_begins_with_another_provider_and_none_falls_back_to_the_processor(provider: str, shape: Shape) -> None:
    wanted = {
        "cpu": ["CPUExecutionProvider"],
        "directml": ["DmlExecutionProvider"],
        "cuda": ["CUDAExecutionProvider"],
        "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
    }
    for how in settings(provider, shape, vram_bytes=1000, engines=ENGINES):
        assert names(how) == wanted[provider]
        assert how.config == {"session.intra_op.allow_spinning": "0", "session.load_model_format": "ONNX"}
        assert all(isinstance(value, str) for _, options in how.providers for value in options.values())


def test_directml_gets_what_it_demands() -> None:
    (how,) = settings("directml", FIXED)
    assert how.memory_pattern is False and not how.captures
    (cpu,) = settings("cpu", FIXED)
    assert cpu.memory_pattern is True and cpu.providers[0][1] == {}


@pytest.mark.parametrize(("limit", "told"), [(None, None), (6 << 30, "6442450944")])
def test_the_budget_bounds_what_cuda_takes(limit: int | None, told: str | None) -> None:
    for how in settings("cuda", FIXED, vram_bytes=limit):
        assert how.providers[0][1].get("gpu_mem_limit") == told
        assert how.providers[0][1]["arena_extend_strategy"] == "kSameAsRequested"


def test_runs_of_fixed_sizes_are_captured_and_others_are_not() -> None:
    captured, plain = settings("cuda", FIXED)
    assert captured.captures and captured.providers[0][1]["enable_cuda_graph"] == "1"
    assert not plain.captures and "enable_cuda_graph" not in plain.providers[0][1]
    for shape in (FREE, NESTED):
        (only,) = settings("cuda", shape)
        assert only == plain


def test_tensorrt_keeps_its_engines_by_file_and_sizes() -> None:
    (how,) = settings("tensorrt", FIXED, vram_bytes=1000, engines=ENGINES)
    options = how.providers[0][1]
    assert options["trt_engine_cache_path"] == str(ENGINES / "abc") and options["trt_engine_cache_enable"] == "1"
    assert how.folders == (ENGINES, ENGINES / "abc")
    assert (options["trt_fp16_enable"], options["trt_max_workspace_size"]) == ("1", "1000")
    (full,) = settings("tensorrt", NESTED, engines=ENGINES)
    assert full.providers[0][1]["trt_fp16_enable"] == "0"
    assert settings("tensorrt", FREE, engines=ENGINES) == (), "compiling for each size would take minutes"
    assert settings("tensorrt", FIXED) == ()


# -- in the runtime, with a made-up GPU ------------------------------------------------------------------------------


class FakeSession:
    """Stands for a session on a GPU: remembers how it was made, and doubles what it is bound to."""

    made: ClassVar[list[tuple[list[Any], Any]]] = []
    refuses: ClassVar[frozenset[str]] = frozenset()
    falls_back: ClassVar[bool] = False

    def __init__(self, data: bytes, options: Any, *, providers: list[Any]) -> None:
        FakeSession.made.append((providers, options))
        name, more = providers[0]
        if name in FakeSession.refuses or (more.get("enable_cuda_graph") and "graph" in FakeSession.refuses):
            raise RuntimeError("this provider cannot")
        self._providers = ["CPUExecutionProvider"] if FakeSession.falls_back else [name for name, _ in providers]
        self.bound = 0

    def disable_fallback(self) -> None:
        return None

    def get_providers(self) -> list[str]:
        return self._providers

    def run(self, outputs: Any, feeds: Mapping[str, Any], options: Any) -> list[Any]:
        return [2 * feeds["x"] for _ in outputs]

    def io_binding(self) -> Any:
        taken: dict[str, Any] = {}
        given: dict[str, Any] = {}
        self.binding = (taken, given)
        return SimpleNamespace(
            bind_ortvalue_input=lambda name, value: taken.__setitem__(name, value),
            bind_ortvalue_output=lambda name, value: given.__setitem__(name, value),
        )

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        taken, given = self.binding
        self.bound += 1
        given["y"].update_inplace(2 * taken["x"].numpy())


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    FakeSession.made, FakeSession.refuses, FakeSession.falls_back = [], frozenset(), False
    monkeypatch.setattr(ort, "InferenceSession", FakeSession)
    every = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: every)
    monkeypatch.setattr(Runtime, "place", lambda self, array, device: ort.OrtValue.ortvalue_from_numpy(array.copy()))
    return FakeSession


def made(root: Path, providers: list[str], model: Any = None, **more: Any) -> Runtime:
    return Runtime(lay(root, graph_of(model or double())), providers=providers, threads=1, vram_limit=7, **more)


def test_fixed_sizes_run_on_tensors_that_stand_still(tmp_path: Path, gpu: type[FakeSession]) -> None:
    model = made(tmp_path, ["cuda", "cpu"]).load("tiny")
    graph = model.graphs["model"]
    assert graph.placed.captures and model.provider == "cuda"
    ((providers, _),) = gpu.made
    assert providers[0][1]["enable_cuda_graph"] == "1" and providers[0][1]["gpu_mem_limit"] == "7"
    first = model(np.full((1, 4), 1, np.float32))["y"]
    second = model(np.full((1, 4), 5, np.float32))["y"]
    assert (first == 2).all() and (second == 10).all(), "an answer is the caller's own"
    assert graph.session.bound == 4 and model.runs == 2
    with pytest.raises(ValueError, match="captured"):
        graph.bind()


def test_what_cannot_be_captured_still_runs_on_the_card(tmp_path: Path, gpu: type[FakeSession]) -> None:
    gpu.refuses = frozenset({"graph"})
    model = made(tmp_path, ["cuda", "cpu"]).load("tiny")
    assert model.provider == "cuda" and not model.graphs["model"].placed.captures
    assert len(gpu.made) == 2 and "enable_cuda_graph" not in gpu.made[1][0][0][1]


@pytest.mark.parametrize("how", ["refuses", "falls back without a word"])
def test_a_card_that_cannot_is_said_and_never_silently_left(
    tmp_path: Path, gpu: type[FakeSession], caplog: pytest.LogCaptureFixture, how: str
) -> None:
    if how == "refuses":
        gpu.refuses = frozenset({"CUDAExecutionProvider"})
    else:
        gpu.falls_back = True
    assert made(tmp_path / "both", ["cuda", "cpu"]).load("tiny").provider == "cpu"
    assert "tiny does not run on cuda here" in caplog.text and "tiny runs on cpu" in caplog.text
    with pytest.raises(NotFound, match="no variant for cuda that runs here"):
        made(tmp_path / "one", ["cuda"]).load("tiny")


def test_tensorrt_runs_only_where_it_is_asked_for(tmp_path: Path, gpu: type[FakeSession]) -> None:
    assert made(tmp_path / "a", ["cuda", "cpu"]).load("tiny").provider == "cuda"
    engines = tmp_path / "engines"
    assert made(tmp_path / "b", ["tensorrt", "cuda", "cpu"], engines=engines).load("tiny").provider == "tensorrt"
    (folder,) = engines.iterdir()
    providers, _ = gpu.made[-1]
    assert [name for name, _ in providers] == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    assert providers[0][1]["trt_engine_cache_path"] == str(folder)
    made(tmp_path / "c", ["tensorrt", "cuda"], double((1, 5)), engines=engines).load("tiny")
    assert len(list(engines.iterdir())) == 2, "other sizes are another engine"


def test_free_sizes_go_past_tensorrt(tmp_path: Path, gpu: type[FakeSession]) -> None:
    runtime = made(tmp_path, ["tensorrt", "cuda"], double(("batch", 4)), engines=tmp_path / "engines")
    model = runtime.load("tiny")
    assert model.provider == "cuda" and not model.graphs["model"].placed.captures
    assert not (tmp_path / "engines").exists()


def test_a_real_session_takes_the_processors_settings(tmp_path: Path) -> None:
    model = Runtime(lay(tmp_path, graph_of(cached())), providers=["cpu"], threads=1).load("tiny")
    assert model.graphs["model"].session.get_providers() == ["CPUExecutionProvider"]
