"""The command itself, the exporter's own process, and a hub on 127.0.0.1: from `vitrine export` to a pack that
answers.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hub_server import COMMIT, FakeHub, Repository, hub
from onnx import helper, numpy_helper
from tiny_models import model

from export.finding import find
from export.tiny.source import write
from sidecar import cli, export_cli
from sidecar.engine.install import exporting
from sidecar.engine.install.exporting import Exporter, Order
from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import TextEmbedding
from sidecar.engine.runtime import Runtime

ROOT = Path(__file__).parents[2]
SIDE = 512


class Here:
    """The tests' own environment in place of one that pip fills."""

    def __init__(self, address: str, cache: Path) -> None:
        self.python = Path(sys.executable)
        self.sources = ROOT
        self._address, self._cache = address, cache

    def ensure(self, *, stop: threading.Event, note: Callable[[str], None]) -> None:
        return None

    def environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        return kept | {"HF_ENDPOINT": self._address, "HF_HOME": str(self._cache), "OMP_NUM_THREADS": "2"}

    def distrust(self) -> None:
        return None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    plan = exporting.plan

    def small(order: Order) -> dict[str, Any]:
        return plan(order) | {"disk_mb": 1, "environment_disk_mb": 1}

    with hub() as state:
        monkeypatch.setattr(exporting, "plan", small)
        monkeypatch.setattr(
            export_cli,
            "_exporter",
            lambda registry, progress: Exporter(
                registry,
                home=tmp_path / "home",
                progress=progress,
                environment=lambda name: Here(state.address, tmp_path / "hf"),
            ),
        )
        yield state


def cut_out() -> onnx.ModelProto:
    """Stands in for a published cut-out network: its names and sizes, one convolution."""
    weights = np.full((1, 3, 3, 3), 0.1, np.float32)
    weights[0, 0, 0, 0] = np.pi
    return model(
        [helper.make_node("Conv", ["input_image", "w"], ["output_image"], pads=[1, 1, 1, 1])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.ones(500, np.float32), "unused")],
        inputs={"input_image": (1, 3, SIDE, SIDE)},
        outputs={"output_image": (1, 1, SIDE, SIDE)},
    )


def test_a_published_onnx_model_from_hub_to_answer(
    fake: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = cut_out().SerializeToString()
    name = "onnx-community/BiRefNet_512x512-ONNX"
    fake.repositories[name] = Repository({"onnx/model.onnx": source, "README.md": b"no"})
    fake.cut = [0]
    assert cli.main(["export", "birefnet", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert f"fetching {name}" in shown and "Made birefnet" in shown
    registry = Registry()
    pack = registry.open("birefnet")
    pack.check()
    assert {item.file: item.version for item in pack.manifest.sources} == {"onnx/model.onnx": COMMIT}
    assert registry.state("birefnet").origin == "yours"
    picture = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    mask = Runtime(registry, providers=["cpu"], threads=1).load("birefnet")(picture)["mask"]
    weights = numpy_helper.to_array(onnx.load_from_string(source).graph.initializer[0])
    middle = (picture[0, :, 99:102, 49:52] * weights[0]).sum()
    assert mask.shape == (1, 1, SIDE, SIDE) and mask[0, 0, 100, 50] == pytest.approx(middle, rel=1e-5)


def test_a_transformer_of_ones_own_from_folder_to_answer(
    fake: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """torch converts it in a process of its own; the engine needs none of it."""
    write(find("e5-text"), tmp_path / "my-e5")
    (tmp_path / "my-e5" / "pytorch_model.bin").write_bytes(b"\x80\x04 never opened")
    words = ["e5-text", "--from", str(tmp_path / "my-e5"), "--name", "my-e5", "--device", "cpu", "--precision", "fp32"]
    assert cli.main(["export", *words, "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "done" and "cosine 1.00000" in json.loads(last["text"])["table"][1]
    manifest = Registry().open("my-e5").manifest
    assert sorted(item.file for item in manifest.sources if item.file.startswith("model")) == ["model.safetensors"]
    assert isinstance(manifest.runner, TextEmbedding)
    assert fake.seen == []
