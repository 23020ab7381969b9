"""Real packs: listed, loaded, unloaded with their memory, and refused when their bytes are not the published ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.rawpeer import RawPeer
from integration.running import Sidecar, wait_until

from sidecar.engine.registry import Registry
from sidecar.wire.ops import OPS

IMAGE = {"w": 64, "h": 64, "f": "rgb8", "o": "top", "d": b"\x80" * (64 * 64 * 3)}
SEGMENT = "person-segmentation"
Start = Callable[..., Sidecar]


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A copy of the installed packs that a test may damage."""
    folder = tmp_path / "packs"
    folder.mkdir()
    for name in {name for rule in OPS.values() for name in rule.models}:
        shutil.copytree(Registry().root / name, folder / name)
    return folder


def rows(peer: RawPeer) -> dict[str, Any]:
    return {row["name"]: row for row in peer.ask("model.list")["d"]["items"]}


def test_every_pack_is_listed(server: Sidecar) -> None:
    with server.client() as peer:
        found = rows(peer)
    packs = Registry().index.packs
    assert set(found) == set(packs)
    for row in found.values():
        assert set(row) == {"name", "state", "device", "bytes", "licence"}
        assert row["licence"] == packs[row["name"]].licence and row["bytes"] > 0
    assert found[SEGMENT]["state"] == "ready" and found[SEGMENT]["device"] == "cpu"


def test_load_and_unload_give_the_memory_back(start_sidecar: Start) -> None:
    server = start_sidecar("--no-warm").ready()
    with server.client() as peer:
        peer.ask("model.load", {"name": "iris"})
        before = server.worker("general").memory_info().rss
        loaded = peer.ask("model.load", {"name": "pose-heavy"})["d"]
        assert loaded["state"] == "ready" and loaded["device"] == "cpu"
        grown = server.worker("general").memory_info().rss - before
        assert grown > 16 * 2**20
        assert [model["name"] for model in server.stats()["models"]] == ["iris", "pose-heavy"]
        unloaded = peer.ask("model.unload", {"name": "pose-heavy"})["d"]
        assert unloaded["state"] == "installed"
        assert server.worker("general").memory_info().rss - before < grown / 2
        assert [model["name"] for model in server.stats()["models"]] == ["iris"]
        assert peer.ask("model.unload", {"name": "pose-heavy"})["t"] == "done", "there is nothing to do"


def test_an_unloaded_model_comes_back_at_its_next_use_and_readiness_stays(start_sidecar: Start) -> None:
    server = start_sidecar().ready()
    with server.client() as peer:
        assert peer.ask("model.unload", {"name": SEGMENT})["d"]["state"] == "installed"
        assert server.get("/readyz")[0] == 200
        assert peer.ask("vision.segment", {"image": IMAGE})["t"] == "done"


@pytest.mark.parametrize("damage", ["a flipped byte", "cut short", "another manifest", "a file too many"])
def test_a_damaged_pack_is_refused_with_the_command_that_mends_it(
    start_sidecar: Start, packs: Path, damage: str
) -> None:
    model, manifest = packs / SEGMENT / "model.onnx", packs / SEGMENT / "manifest.json"
    data = bytearray(model.read_bytes())
    if damage == "a flipped byte":
        data[len(data) // 2] ^= 1
        model.write_bytes(data)
    elif damage == "cut short":
        model.write_bytes(data[:-1])
    elif damage == "another manifest":
        manifest.write_text(manifest.read_text().replace("Apache-2.0", "MIT-license"))
    else:
        (packs / SEGMENT / "more.bin").write_bytes(b"x")
    server = start_sidecar("--packs", str(packs)).working()

    def failed() -> bool:
        status, text = server.get("/readyz")
        assert status == 503
        return bool(json.loads(text)["models"].get(SEGMENT) == "failed")

    wait_until(failed, timeout=20, what="saying which model")
    state = json.loads(server.get("/readyz")[1])
    assert state["models"]["iris"] == "ready" and state["ready"] is False
    with server.client() as peer:
        for answer in (peer.ask("vision.segment", {"image": IMAGE}), peer.ask("model.load", {"name": SEGMENT})):
            assert answer["code"] == "not_found"
            assert "vitrine models install" in answer["msg"] and str(packs) not in answer["msg"]
        assert peer.ask("server.echo", {"where": "engine", "data": 1})["t"] == "done"


def test_without_a_pack_its_ops_are_not_offered_and_name_the_command(start_sidecar: Start, packs: Path) -> None:
    shutil.rmtree(packs / SEGMENT)
    server = start_sidecar("--packs", str(packs)).ready()
    with server.client() as peer:
        assert "vision.segment" not in peer.welcome["ops"] and "server.echo" in peer.welcome["ops"]
        answer = peer.ask("vision.segment", {"image": IMAGE})
        assert answer["code"] == "not_found" and "vitrine models install vision" in answer["msg"]
        answer = peer.ask("model.load", {"name": SEGMENT})
        assert answer["code"] == "not_found" and f"vitrine models install {SEGMENT}" in answer["msg"]


def test_a_pack_that_appears_while_it_runs_is_used(start_sidecar: Start, packs: Path) -> None:
    kept = packs.parent / "kept"
    (packs / SEGMENT).rename(kept)
    server = start_sidecar("--packs", str(packs)).ready()
    with server.client() as peer:
        assert peer.ask("vision.segment", {"image": IMAGE})["code"] == "not_found"
        kept.rename(packs / SEGMENT)
        wait_until(lambda: peer.ask("vision.segment", {"image": IMAGE})["t"] == "done", timeout=4)


def test_calls_before_the_workers_are_warm_are_model_loading(start_sidecar: Start) -> None:
    server = start_sidecar()
    with server.client() as peer:
        answers = [peer.ask("server.echo", {"where": "engine", "data": 1}) for _ in range(3)]
        early = [answer for answer in answers if answer["t"] == "fail"]
        assert all(answer["code"] == "model_loading" and answer["retry_ms"] > 0 for answer in early)
        assert peer.ask("server.echo", {"data": 1})["t"] == "done", "the gateway answers at once"
    server.ready()
