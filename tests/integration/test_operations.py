"""Starting, finding and ending a server: who may, what stays behind, and what the user is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from integration.rawpeer import PeerClosed
from integration.running import ROOT, Sidecar, alive, environment, serve_command, wait_until

from sidecar.endpoint import read_endpoint
from sidecar.wire.ops import OPS

Start = Callable[..., Sidecar]
LIGHT = "--no-warm"


def refused(*command: str, env: dict[str, str] | None = None) -> str:
    """Runs a server that must not start; what it says. It ends with 1, in one line, without a trace."""
    result = subprocess.run(
        list(command), cwd=ROOT, env=env or environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 1, result
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("vitrine: ")]
    return line


# -- run.json --------------------------------------------------------------------------------------------------------


def test_run_json_is_private_true_and_gone_after_ctrl_c(start_sidecar: Start) -> None:
    server = start_sidecar(LIGHT)
    endpoint = read_endpoint(server.run_file)
    assert (endpoint.pid, endpoint.port, endpoint.host) == (server.process.pid, server.port, "127.0.0.1")
    assert abs(endpoint.started - server.gateway.create_time()) < 0.1 and len(endpoint.token) >= 43
    assert set(json.loads(server.run_file.read_text())) == {"pid", "started", "host", "port", "token", "version"}
    if os.name == "posix":
        assert stat.S_IMODE(server.run_file.stat().st_mode) == 0o600
    assert server.stop() == 0
    assert not server.run_file.exists()


def test_every_start_has_a_token_of_its_own(start_sidecar: Start) -> None:
    assert start_sidecar(LIGHT).token != start_sidecar(LIGHT).token


def test_the_file_of_a_killed_server_is_replaced(start_sidecar: Start, tmp_path: Path) -> None:
    first = start_sidecar(LIGHT, run_dir=tmp_path / "same")
    first.process.kill()
    first.process.wait()
    assert first.run_file.exists()
    second = start_sidecar(LIGHT, run_dir=tmp_path / "same")
    assert read_endpoint(second.run_file).pid == second.process.pid


def test_a_second_server_refuses(start_sidecar: Start, tmp_path: Path) -> None:
    first = start_sidecar(LIGHT, run_dir=tmp_path / "same")
    said = refused(*serve_command(tmp_path / "same"))
    assert str(first.process.pid) in said and "already runs" in said
    assert read_endpoint(first.run_file).pid == first.process.pid


def test_a_run_folder_that_is_none_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "VITRINE_RUN_DIR" in refused(*serve_command(tmp_path / "file"))


# -- the address -----------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_an_error_and_never_another_port(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(*serve_command(tmp_path), "--port", str(port))
    assert str(port) in said and "taken" in said
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
def test_nothing_but_loopback_is_bound(tmp_path: Path, host: str) -> None:
    assert "this machine only" in refused(*serve_command(tmp_path), "--host", host)


def test_only_loopback_listens(start_sidecar: Start) -> None:
    server = start_sidecar(LIGHT)
    listening = [item.laddr for item in server.gateway.net_connections(kind="tcp") if item.status == psutil.CONN_LISTEN]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", server.port)]


# -- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(start_sidecar: Start, number: signal.Signals) -> None:
    server = start_sidecar(LIGHT).ready()
    workers = server.gateway.children(recursive=True)
    peer = server.client()
    server.process.send_signal(number)
    notes = []
    with pytest.raises(PeerClosed) as closed:
        while True:
            notes.append(peer.recv())
    assert closed.value.code == 1001
    assert [note["topic"] for note in notes if note["t"] == "note"][-1] == "shutdown"
    peer.close()
    assert server.process.wait(5) == 0
    assert "Traceback" not in server.log
    assert len(workers) == 2 and not any(alive(worker.pid) for worker in workers)


def test_ctrl_c_while_it_starts_ends_it_cleanly(start_sidecar: Start) -> None:
    server = start_sidecar()
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_ctrl_c_of_a_terminal_reaches_the_gateway_alone(start_sidecar: Start) -> None:
    """A terminal signals the whole group: the workers must not die of it before their gateway ends them."""
    server = start_sidecar(LIGHT).ready()
    assert all(os.getpgid(worker.pid) != os.getpgid(server.process.pid) for worker in server.gateway.children())


def test_a_killed_gateway_takes_its_workers_along(start_sidecar: Start) -> None:
    server = start_sidecar().ready()
    workers = server.gateway.children(recursive=True)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not any(alive(worker.pid) for worker in workers), timeout=2, what="the workers' end")


def test_a_gateway_killed_while_its_workers_start_takes_them_along(start_sidecar: Start) -> None:
    server = start_sidecar()
    wait_until(lambda: len(server.gateway.children(recursive=True)) == 2, what="the workers' start")
    workers = server.gateway.children(recursive=True)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not any(alive(worker.pid) for worker in workers), timeout=4, what="the workers' end")


@pytest.mark.parametrize("reaped", [True, False], ids=["", "zombie"])
def test_it_ends_with_its_parent(start_sidecar: Start, reaped: bool) -> None:
    """The parent is killed and, in one case, stays a zombie that nobody waits for."""
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    server = start_sidecar(LIGHT, "--parent-pid", str(parent.pid)).ready()
    workers = server.gateway.children(recursive=True)
    time.sleep(0.3)
    assert server.process.poll() is None
    parent.kill()
    if reaped:
        parent.wait()
    assert server.process.wait(5) == 0
    parent.wait()
    assert not server.run_file.exists() and not any(alive(worker.pid) for worker in workers)


def test_a_parent_that_is_gone_already_ends_it_at_once(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    command = [*serve_command(tmp_path), LIGHT, "--parent-pid", str(gone.pid)]
    assert subprocess.run(command, cwd=ROOT, env=environment(), timeout=20, check=False).returncode == 0
    assert not (tmp_path / "run.json").exists()


# -- the environment -------------------------------------------------------------------------------------------------


@pytest.fixture
def distribution(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Puts a distribution's metadata on the path, as an install of it would."""

    def add(name: str) -> dict[str, str]:
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-1.20.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.20.0\n")
        return environment(PYTHONPATH=os.pathsep.join([str(ROOT), str(tmp_path / "site")]))

    return add


@pytest.mark.parametrize("name", ["onnxruntime-gpu", "onnxruntime-directml"])
def test_two_onnx_runtimes_are_named_with_the_mend(
    tmp_path: Path, distribution: Callable[[str], dict[str, str]], name: str
) -> None:
    said = refused(*serve_command(tmp_path), env=distribution(name))
    assert name in said and "pip uninstall -y onnxruntime" in said and "pip install 'vitrine-vr[" in said


def test_a_cold_start_is_ready_within_3_s(start_sidecar: Start) -> None:
    """Measured from before the process to `/readyz` 200, all vision models warm in both workers."""
    started = time.monotonic()
    server = start_sidecar().ready()
    took = time.monotonic() - started
    states = json.loads(server.get("/readyz")[1])["models"]
    assert states == dict.fromkeys(sorted({name for rule in OPS.values() for name in rule.models}), "ready")
    assert took < 3 * max(1.0, slowness()), f"{took:.2f} s"


def slowness() -> float:
    """How much longer than on a quiet machine a Python process takes to start: neighbours must not fail the test."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    return (time.monotonic() - started) / 0.25
