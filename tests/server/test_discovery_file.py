"""`run.json`: written for its owner alone, believed only while its process lives, removed by none but its writer."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sidecar.endpoint import Endpoint, NoServer, read_endpoint
from sidecar.server import discovery


def endpoint(pid: int, started: float, port: int = 1234) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, token="t" * 43, pid=pid, started=started, version="0")


def own() -> Endpoint:
    return endpoint(os.getpid(), discovery.own_start_time())


@pytest.fixture
def other() -> Endpoint:
    """A live process of ours that is not us."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield endpoint(process.pid, psutil.Process(process.pid).create_time())  # type: ignore[misc]
    process.kill()
    process.wait()


def test_it_is_written_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    discovery.publish(path, own())
    assert read_endpoint(path) == own()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["run.json"]


def test_a_live_server_is_left_alone(tmp_path: Path, other: Endpoint) -> None:
    path = tmp_path / "run.json"
    discovery.publish(path, other)
    with pytest.raises(discovery.AlreadyRunning, match=str(other.pid)):
        discovery.refuse_second(path)
    discovery.withdraw(path)
    assert path.exists(), "only its writer removes it"


@pytest.mark.parametrize("age_s", [-3600.0, 3600.0])
def test_another_program_with_the_pid_is_stale(tmp_path: Path, other: Endpoint, age_s: float) -> None:
    path = tmp_path / "run.json"
    discovery.publish(path, endpoint(other.pid, other.started + age_s))
    discovery.refuse_second(path)
    discovery.publish(path, own())
    assert read_endpoint(path).pid == os.getpid()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"pid": 1}', b"[" * 100_000])
def test_a_broken_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    path.chmod(0o600)
    discovery.refuse_second(path)
    discovery.publish(path, own())
    assert read_endpoint(path) == own()


def test_withdraw_removes_ours_and_minds_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    discovery.withdraw(path)
    discovery.publish(path, own())
    discovery.withdraw(path)
    assert not path.exists()


def test_a_folder_that_is_none_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(discovery.CannotPublish, match="VITRINE_RUN_DIR"):
        discovery.publish(tmp_path / "file" / "run.json", own())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a start is a fixed moment")
def test_when_the_systems_clock_is_set_it_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    written = own()
    discovery.publish(path, written)
    assert discovery.follow_clock(path, written) is written
    moved = psutil.boot_time() + 3600.0
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: moved)
    with pytest.raises(NoServer):
        read_endpoint(path)
    after = discovery.follow_clock(path, written)
    assert after.started == pytest.approx(written.started + 3600.0)
    assert read_endpoint(path) == after
    assert discovery.follow_clock(path, after) is after
