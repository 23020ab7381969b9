"""`run.json`: how clients on this machine find the server, written after it listens and deleted when it stops."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import msgspec
import psutil

from ..endpoint import run_folder

START_TOLERANCE_S = 2.0


class Running(msgspec.Struct, frozen=True):
    """The content of `run.json`; `started` is the process's start in seconds since 1970."""

    pid: int
    started: float
    host: str
    port: int
    token: str
    version: str


class AlreadyRunning(RuntimeError):
    """A live server of this user stands in `run.json`."""


def run_file(folder: Path | None = None) -> Path:
    """Where `run.json` lies."""
    return (folder or run_folder()) / "run.json"


def live_server(path: Path) -> Running | None:
    """The server that `run.json` names if it is really alive: same pid and start time; None for a stale or broken file."""
    try:
        running = msgspec.json.decode(path.read_bytes()[: 64 * 1024], type=Running)
        process = psutil.Process(running.pid)
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return running if alive and abs(process.create_time() - running.started) < START_TOLERANCE_S else None
    except (OSError, msgspec.DecodeError, psutil.Error, ValueError):
        return None


def refuse_second(path: Path) -> None:
    """Raises `AlreadyRunning` beside a live server."""
    running = live_server(path)
    if running is not None and running.pid != os.getpid():
        raise AlreadyRunning(
            f"Vitrine already runs here (pid {running.pid}, port {running.port}); use it, or stop it first. "
            "To run a second one, point VITRINE_RUN_DIR to another folder and choose another --port."
        )


def publish(path: Path, running: Running) -> None:
    """Writes `run.json` (0600) atomically into a folder that only this user may enter."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if sys.platform != "win32" and path.parent.stat().st_uid != os.getuid():
        raise PermissionError("the runtime folder belongs to another user; set VITRINE_RUN_DIR to a folder of yours")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".run-")  # mkstemp creates it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(msgspec.structs.asdict(running), file)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def withdraw(path: Path) -> None:
    """Deletes `run.json` if it is still ours."""
    try:
        running = msgspec.json.decode(path.read_bytes()[: 64 * 1024], type=Running)
    except (OSError, msgspec.DecodeError):
        return
    if running.pid == os.getpid():
        path.unlink(missing_ok=True)


def own_start_time() -> float:
    """This process's start, seconds since 1970, as clients will read it."""
    return float(psutil.Process().create_time())
