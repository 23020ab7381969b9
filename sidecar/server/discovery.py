"""`run.json`, the server's side: written after it listens, replaced when stale, deleted when it stops."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from ..endpoint import FILE, Endpoint, NoServer, UntrustedEndpoint, read_endpoint, run_folder

CLOCK_STEP_S = 0.5  # clients tolerate 2 s


class AlreadyRunning(RuntimeError):
    """A live server of this user stands in `run.json`."""


class CannotPublish(RuntimeError):
    """`run.json` cannot be written; the message says what to do."""


def run_file(folder: Path | None = None) -> Path:
    """Where `run.json` lies."""
    return (folder or run_folder()) / FILE


def live_server(path: Path) -> Endpoint | None:
    """The server that `run.json` names if it really is alive; None for a stale, broken or foreign file."""
    try:
        return read_endpoint(path)
    except (NoServer, UntrustedEndpoint):
        return None


def refuse_second(path: Path) -> None:
    """Raises `AlreadyRunning` beside a live server."""
    running = live_server(path)
    if running is not None and running.pid != os.getpid():
        raise AlreadyRunning(
            f"Vitrine already runs here (pid {running.pid}, port {running.port}); use it, or stop it first. "
            "To run a second one, point VITRINE_RUN_DIR to another folder and choose another --port."
        )


def publish(path: Path, endpoint: Endpoint) -> None:
    """Writes `run.json` (0600) atomically into a folder that belongs to this user. Raises `CannotPublish`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sys.platform != "win32" and path.parent.stat().st_uid != os.getuid():
            raise CannotPublish("The runtime folder belongs to another user; set VITRINE_RUN_DIR to a folder of yours.")
        _write(path, endpoint)
    except OSError as error:
        raise CannotPublish(
            f"The file run.json cannot be written ({error.strerror}); set VITRINE_RUN_DIR to a folder of yours."
        ) from error


def _write(path: Path, endpoint: Endpoint) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".run-")  # mkstemp creates it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(msgspec.structs.asdict(endpoint), file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def withdraw(path: Path) -> None:
    """Deletes `run.json` if it is still ours."""
    running = live_server(path)
    if running is not None and running.pid == os.getpid():
        path.unlink(missing_ok=True)


def own_start_time() -> float:
    """This process's start, seconds since 1970, as clients will read it."""
    return float(psutil.Process().create_time())


def follow_clock(path: Path, endpoint: Endpoint, *, started: Callable[[], float] = own_start_time) -> Endpoint:
    """Publishes again once the system's clock was set: on Linux a process's start moves with it, and a file that names
    the old one looks like that of a process that is gone. Returns what stands in the file now. Raises `CannotPublish`.
    """
    now = started()
    if abs(now - endpoint.started) < CLOCK_STEP_S:
        return endpoint
    moved = msgspec.structs.replace(endpoint, started=now)
    publish(path, moved)
    return moved
