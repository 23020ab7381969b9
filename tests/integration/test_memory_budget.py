"""The memory budget on a real sidecar: resident bytes stay within it, what leaves gives its memory back, pins hold."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.running import ROOT, Sidecar, environment, serve_command

MIB = 2**20
IMAGE = {"w": 64, "h": 64, "f": "rgb8", "o": "top", "d": b"\x80" * (64 * 64 * 3)}
HEAVY = "pose-heavy"
NOISE = 16 * MIB  # what processes allocate meanwhile besides models
Start = Callable[..., Sidecar]


def models(server: Sidecar) -> dict[str, str]:
    return {row["name"]: row["state"] for row in server.stats()["models"]}


def base_mib(start_sidecar: Start) -> int:
    """What the sidecar takes here before any model, measured: budgets of the tests stand on it."""
    server = start_sidecar("--no-warm", "--memory-mb", "100000").ready()
    return int(server.rss() / MIB)


def test_models_leave_for_others_and_the_resident_set_stays_within_the_budget(start_sidecar: Start) -> None:
    budget = base_mib(start_sidecar) + 220
    server = start_sidecar("--no-warm", "--memory-mb", str(budget)).ready()
    with server.client() as peer:
        seen: list[int] = []
        for name in ("hand", "pose-full", HEAVY, "pose-full", HEAVY, "hand"):
            answer = peer.ask("model.load", {"name": name})
            assert answer["t"] == "done", answer
            assert models(server)[name] == "ready"
            seen.append(server.rss())
        assert max(seen) <= budget * MIB + NOISE, [size // MIB for size in seen]
        memory = server.stats()["memory"]
        assert memory["evictions"] >= 2
        heavy = [row for row in memory["latest"] if row["model"] == HEAVY]
        assert heavy and all(row["freed_bytes"] > 16 * MIB for row in heavy), "release is measured, not believed"
        assert peer.ask("vision.segment", {"image": IMAGE})["t"] == "done"


def test_a_budget_that_holds_no_model_says_so_and_the_sidecar_goes_on(start_sidecar: Start) -> None:
    server = start_sidecar("--memory-mb", "1").ready()
    with server.client() as peer:
        answer = peer.ask("vision.segment", {"image": IMAGE})
        assert answer["code"] == "unavailable" and "--memory-mb" in answer["msg"] and "budget of 1 MiB" in answer["msg"]
        assert peer.ask("server.echo", {"where": "engine", "data": 1})["t"] == "done"
    assert models(server) == {}


def test_a_pinned_model_is_loaded_at_start_and_stays(start_sidecar: Start) -> None:
    budget = base_mib(start_sidecar) + 120
    server = start_sidecar("--no-warm", "--memory-mb", str(budget), "--pin", "hand").ready()
    assert models(server) == {"hand": "ready"}
    with server.client() as peer:
        for name in ("pose-full", "pose-detector", "palm-detector", "pose-full"):
            peer.ask("model.load", {"name": name})
        assert peer.ask("model.unload", {"name": "hand"})["code"] == "unavailable"
    assert models(server)["hand"] == "ready"


def serve(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = serve_command(tmp_path, *options)
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("value", ["0", "-5", "many", "1.5", ""])
def test_a_budget_that_is_none_is_wrong_usage(tmp_path: Path, value: str) -> None:
    for option in ("--memory-mb", "--vram-mb"):
        found = serve(tmp_path, option, value)
        assert found.returncode == 2 and option in found.stderr and "Traceback" not in found.stderr


def test_a_pin_that_does_not_exist_or_is_not_installed_stops_the_start(tmp_path: Path) -> None:
    found = serve(tmp_path, "--pin", "no-such-model")
    assert found.returncode == 1 and "no-such-model" in found.stderr and "vitrine models list" in found.stderr
    found = serve(tmp_path, "--packs", str(tmp_path / "empty"), "--pin", "hand")
    assert found.returncode == 1 and "vitrine models install hand" in found.stderr
    more: Any = found.stderr.splitlines()
    assert len(more) == 1, "one plain sentence"
