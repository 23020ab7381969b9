"""`run.json` is believed only when everything about it fits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from sidecar import endpoint
from sidecar.endpoint import NoServer, UntrustedEndpoint, read_endpoint, run_folder


def ours(**change: Any) -> dict[str, Any]:
    started = psutil.Process().create_time()
    return {
        "pid": os.getpid(),
        "started": started,
        "host": "127.0.0.1",
        "port": 48710,
        "token": "T",
        "version": "1",
    } | change


def written(folder: Path, content: Any) -> Path:
    path = folder / "run.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(0o600)
    return path


def test_a_fitting_file_is_read(tmp_path: Path) -> None:
    found = read_endpoint(written(tmp_path, ours(more="ignored")))
    assert (found.host, found.port, found.token, found.pid) == ("127.0.0.1", 48710, "T", os.getpid())


@pytest.mark.parametrize("host", ["::1", "localhost", "127.0.0.2"])
def test_other_names_of_this_machine(tmp_path: Path, host: str) -> None:
    assert read_endpoint(written(tmp_path, ours(host=host))).host == host


def test_no_file_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="vitrine serve"):
        read_endpoint(tmp_path / "run.json")


@pytest.mark.parametrize("shift_s", [-5.0, 5.0, 1e12])
def test_another_start_time_is_another_program(tmp_path: Path, shift_s: float) -> None:
    started = psutil.Process().create_time()
    with pytest.raises(NoServer):
        read_endpoint(written(tmp_path, ours(started=started + shift_s)))
    assert read_endpoint(written(tmp_path, ours(started=started + 1.5)))


def test_a_dead_process_is_no_server(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    alive = ours(pid=process.pid, started=psutil.Process(process.pid).create_time())
    assert read_endpoint(written(tmp_path, alive)).pid == process.pid
    process.kill()
    if sys.platform != "win32":
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but a zombie still
        with pytest.raises(NoServer):
            read_endpoint(written(tmp_path, alive))
    process.wait()
    with pytest.raises(NoServer):
        read_endpoint(written(tmp_path, alive))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"null", *(json.dumps(ours() | change).encode() for change in (
        {"port": 0},
        {"port": 65536},
        {"port": "48710"},
        {"pid": 0},
        {"pid": -1},
        {"pid": True},
        {"token": ""},
        {"token": "T" * 513},
        {"started": "now"},
        {"host": None},
    ))],
)  # fmt: skip
def test_a_damaged_file_is_no_server(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NoServer):
        read_endpoint(written(tmp_path, content))


@pytest.mark.parametrize("host", ["192.168.0.7", "0.0.0.0", "example.com", "", "127.0.0.1.example.com", "::"])
def test_a_host_elsewhere_gets_no_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(UntrustedEndpoint):
        read_endpoint(written(tmp_path, ours(host=host)))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(UntrustedEndpoint):
        read_endpoint(written(tmp_path, b" " * (64 * 1024 + 1)))


def test_another_users_process_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_same_user", lambda process: False)
    with pytest.raises(UntrustedEndpoint):
        read_endpoint(written(tmp_path, ours()))


if sys.platform != "win32":

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o777])
    def test_a_file_that_others_can_open_is_not_believed(tmp_path: Path, mode: int) -> None:
        path = written(tmp_path, ours())
        path.chmod(mode)
        with pytest.raises(UntrustedEndpoint):
            read_endpoint(path)

    def test_a_file_of_another_user_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = written(tmp_path, ours())
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        with pytest.raises(UntrustedEndpoint, match="another user"):
            read_endpoint(path)

    def test_neither_a_link_nor_a_pipe_nor_a_folder_is_read(tmp_path: Path) -> None:
        real = written(tmp_path, ours())
        link, pipe = tmp_path / "link.json", tmp_path / "pipe.json"
        link.symlink_to(real)
        os.mkfifo(pipe, 0o600)
        for path in (link, pipe, tmp_path):
            with pytest.raises(UntrustedEndpoint):
                read_endpoint(path)

    def test_the_folder_on_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("VITRINE_RUN_DIR", str(tmp_path / "chosen"))
        assert run_folder() == tmp_path / "chosen"
        monkeypatch.delenv("VITRINE_RUN_DIR")
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
        assert run_folder() == Path("/run/user/7/vitrine")
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert run_folder() == tmp_path / ".cache" / "vitrine"


def test_the_default_file_lies_in_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_RUN_DIR", str(tmp_path))
    with pytest.raises(NoServer):
        read_endpoint()
    written(tmp_path, ours())
    assert read_endpoint().token == "T"
