"""`vitrine bench gpu`, as a command: on the processor alone, without a card, and on a made-up one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from stand_in import DRIVER, MIB, MODEL, Card, put_in
from tiny_graphs import cached, double, graph_of, lay, model_of

from benchmarks.__main__ import main
from benchmarks.device import command, limits
from sidecar.engine import flavours

QUICK = ("--rounds", "2", "--seconds", "0.01", "--threads", "1")
Bench = Callable[..., tuple[int, Any]]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    return put_in(monkeypatch)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Lays a pack of one graph, runs the command on it, gives its exit code and JSON."""

    def run(model: Any, *words: str, **more: Any) -> tuple[int, Any]:
        gate = {"against": "", "metric": "max_abs", "tolerance": {"model.y": 0.5}}
        monkeypatch.setattr(sys.modules["tiny_graphs"], "document", _gated(gate))
        registry = lay(tmp_path / "packs", graph_of(model, **more))
        monkeypatch.setattr(command, "Registry", lambda folder: registry)
        path = tmp_path / "gpu.json"
        code = main(["gpu", *QUICK, "--packs", str(tmp_path / "packs"), "--json", str(path), *words])
        return code, json.loads(path.read_text("utf-8")) if path.exists() else None

    return run


def _gated(gate: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    from tiny_packs import document

    return lambda name, **more: document(name, **(more | {"gate": gate}))


def lines(found: Any, provider: str = "cuda") -> dict[str, Any]:
    return {line["way"]: line for line in found["details"]["lines"] if line["provider"] == provider}


# -- without a card --------------------------------------------------------------------------------------------------


def test_the_processor_alone_is_measured_against_itself(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = bench(double((256, 1024)), "--cpu", "--check")
    assert code == 0 and found["scenario"] == "gpu" and found["environment"]["providers"] == ["cpu"]
    assert re.fullmatch("[0-9a-f]{64}", found["environment"]["packs"]["tiny"])
    ways = lines(found, "cpu")
    assert ways.keys() == {"plain", "bound"}
    for line in ways.values():
        assert line["session_providers"] == ["CPUExecutionProvider"] and line["nodes"] == {"CPU": 1}
        assert line["runs_ms"]["count"] >= 4 and 0 < line["runs_ms"]["p50"] <= line["runs_ms"]["p99"]
        assert line["off"][0]["value"] == 0 and line["off"][0]["holds"] is True
        assert line["load_s"] > 0 and line["first_ms"] > 0 and line["vram_bytes"]["peak"] is None
    assert 0.2 < ways["plain"]["cpu_over_it"] < 5, "the same on both sides"
    told = capsys.readouterr().out
    assert "models on the CPU" in told and "no reading" in told and "says nothing of any GPU" in told
    floors = {row["name"]: row["floor"] for row in found["rows"]}
    assert all(floors[row["beside"]] for row in found["rows"] if not row["floor"])


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        ("onnxruntime", r"computes on the CPU alone; .*pip install 'vitrine-vr\[cuda\]'"),
        ("onnxruntime-gpu", r"no session of it runs on CUDA; .*pip install 'onnxruntime-gpu\[cuda,cudnn\]'"),
        ("onnxruntime-directml", "no session of it runs on DirectML; .*driver"),
    ],
)
def test_without_a_card_it_says_what_to_install(
    bench: Bench, card: Card, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    installed: str, told: str,
) -> None:  # fmt: skip
    card.falls_back = True  # it is listed as available, and no session runs on it
    monkeypatch.setattr(flavours, "installed", lambda: {installed: "1.32"})
    code, found = bench(double())
    captured = capsys.readouterr()
    assert code == 1 and found is None and captured.out == ""
    assert re.fullmatch(f"benchmarks: No GPU can be measured: .*{told}.*add --cpu.\n", captured.err)
    assert card.made, "it was tried"


def test_no_runtime_and_no_models_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["gpu", "--packs", str(tmp_path)]) == 1
    assert "No model is installed to be measured; run: vitrine models install vision" in capsys.readouterr().err
    assert main(["gpu", "--cpu", "--packs", str(tmp_path), "--pack", "nobody"]) == 1
    assert "There is no model pack 'nobody'" in capsys.readouterr().err

    def none(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", none)
    assert main(["gpu", "--cpu"]) == 1
    assert "No ONNX Runtime is installed" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--seconds", "nan"], ["--size", "sequence"], ["--size", "a=-1"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["gpu", *words])
    assert ended.value.code == 2 and "it must be" in capsys.readouterr().err


def test_sizes_of_free_axes_can_be_chosen(bench: Bench) -> None:
    _, found = bench(cached(), "--cpu", "--size", "past=7", "--size", "sequence=2", "--size", "total=9")
    assert lines(found, "cpu")["bound"]["off"][1]["value"] == 0, "the standing output had the right size"


def test_what_does_not_run_with_guessed_sizes_is_left_out_and_said(bench: Bench) -> None:
    wide = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", "float32", ["batch", "wide"])],
        [("y", "float32", ["batch", 3])], {"w": np.ones((5, 3), np.float32)},
    )  # fmt: skip
    code, found = bench(wide, "--cpu")
    assert code == 0 and found["details"]["lines"] == []
    (told,) = (one for one in found["warnings"] if "was not measured" in one)
    assert told.startswith("tiny was not measured: it does not run on the CPU with x [1, 8] (others are chosen with")


# -- on a made-up card -----------------------------------------------------------------------------------------------


def test_a_card_is_measured_in_every_way(bench: Bench, card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = bench(double(), "--check")
    assert code == 0, capsys.readouterr()
    ways = lines(found)
    assert list(ways) == ["plain", "bound", "no TF32", "CUDA graph"] and found["environment"]["providers"] == ["cuda"]
    for line in ways.values():
        assert line["session_providers"] == ["CUDAExecutionProvider", "CPUExecutionProvider"] and not line["why_not"]
        held = line["vram_bytes"]
        assert held == {"before": DRIVER, "loaded": DRIVER + MODEL, "peak": DRIVER + MODEL, "after": DRIVER}
        assert f"tiny fp32, cuda {line['way']}: CPU / it" in found["values"]
    assert ways["plain"]["nodes"] == {"CPU": 1} and ways["CUDA graph"]["nodes"] == {}
    told = capsys.readouterr().out
    assert "models on the GPU" in told and "300/400/400/300" in told
    assert "cuda fp32, CUDA graph" in told and "1/1" in told


def test_every_precision_is_a_line(bench: Bench, card: Card) -> None:
    variants = [
        {"file": "model.onnx", "precision": "fp16", "providers": ["cuda"]},
        {"file": "model.onnx", "precision": "fp32", "providers": ["cuda", "cpu"]},
    ]
    _, found = bench(double(), variants=variants)
    measured = [(line["precision"], line["way"]) for line in found["details"]["lines"]]
    assert measured[:3] == [("fp16", "plain"), ("fp16", "bound"), ("fp16", "CUDA graph")] and len(measured) == 7


def test_tensorrt_is_measured_with_its_engine_built_and_cached(bench: Bench, card: Card) -> None:
    card.available.insert(0, "TensorrtExecutionProvider")
    _, found = bench(double())
    assert list(lines(found, "tensorrt")) == ["engine built", "engine cached", "cached, bound"]
    tried, *measured = [made["trt_engine_cache_path"] for made in card.made if "trt_engine_cache_path" in made]
    assert len({*measured}) == 1 and tried not in measured, "what trying compiled is not found again"


def test_what_a_provider_cannot_is_a_finding(
    bench: Bench, card: Card, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    card.captures = False
    code, found = bench(double())
    line = lines(found)["CUDA graph"]
    assert code == 0 and line["why_not"] == "no session of it runs on this provider here" and line["runs_ms"] is None
    told = capsys.readouterr().out
    assert "failed" in told and "tiny fp32, cuda CUDA graph: no session" in told


def test_answers_beyond_the_packs_tolerance_are_missed(
    bench: Bench, card: Card, capsys: pytest.CaptureFixture[str]
) -> None:
    card.off = 0.75
    code, found = bench(double(), "--check")
    assert code == 3
    missed = [check["name"] for check in found["checks"] if not check["held"]]
    assert missed == [f"tiny fp32, cuda {way}: y beside the CPU's, max_abs" for way in ("plain", "no TF32")]
    told = capsys.readouterr().out
    assert "7.5e-01 !" in told and "MISSED" in told and "wanted <= 0.5" in told


def test_answers_that_are_no_numbers_are_missed_and_the_json_is_json(bench: Bench, card: Card) -> None:
    card.off = float("nan")
    code, found = bench(double(), "--check")
    assert code == 3 and lines(found)["plain"]["off"][0]["value"] is None
    assert "tiny fp32, cuda plain: y is not finite or has another shape" in found["warnings"]


def test_memory_that_stays_is_missed(bench: Bench, card: Card) -> None:
    card.leaves = 80 * MIB
    code, found = bench(double(), "--check")
    (check,) = (one for one in found["checks"] if "cuda bound: VRAM that stays" in one["name"])
    assert code == 3 and not check["held"] and check["measured"] == pytest.approx(0.8)


@pytest.mark.parametrize("heeds", [True, False])
def test_a_limit_is_tried_from_both_sides(
    bench: Bench, card: Card, monkeypatch: pytest.MonkeyPatch, heeds: bool
) -> None:
    monkeypatch.setattr(limits, "OUTSIDE", 8 * MIB)
    card.heeds = heeds
    _, found = bench(double())
    half, twice = found["details"]["limits"]
    assert (half["limit"], twice["limit"]) == (MODEL // 2, MODEL * 2)
    assert (half["added"], bool(half["why"]), half["holds"]) == ((0, True, True) if heeds else (MODEL, False, False))
    assert twice["added"] == MODEL and twice["why"] == "" and twice["holds"]


def test_the_limit_of_every_session_can_be_chosen(bench: Bench, card: Card) -> None:
    bench(double(), "--vram-mb", "150")
    measured = [made.get("gpu_mem_limit") for made in card.made]
    assert measured.count(str(150 * MIB)) == 4 + 3, "four ways, of which three are profiled too"


def test_under_a_limit_that_is_too_small_nothing_runs(bench: Bench, card: Card) -> None:
    _, found = bench(double(), "--vram-mb", "50")
    assert {line["why_not"] for line in lines(found).values()} == {"no session of it runs on this provider here"}


def test_a_card_that_nothing_reads(bench: Bench, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    code, found = bench(double())
    assert code == 0 and set(lines(found)["plain"]["vram_bytes"].values()) == {None}
    assert command.UNREAD in found["warnings"] and found["details"]["limits"] == []


def test_the_scenario_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["gpu", "--help"])
    told = capsys.readouterr().out
    assert "--cpu" in told and "CUDA graphs" in told
