"""A child process whose output is read line by line, and which never outlives its reader."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_GRACE_S = 3.0
_POLL_S = 0.1


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    timeout_s: float,
    stop: threading.Event,
    on_line: Callable[[str], None],
) -> int:
    """Runs the command, gives each line of its output to `on_line`, and returns its exit code.

    It is ended when `stop` is set, when `timeout_s` is over, or when the caller leaves for any other reason.
    """
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=os.name == "posix",  # Ctrl-C reaches us, and we end it
    )
    watch = threading.Thread(target=_watch, args=(process, time.monotonic() + timeout_s, stop), daemon=True)
    watch.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            on_line(line.rstrip())
        process.wait(timeout=_GRACE_S)
    finally:
        _end(process)
        watch.join(_GRACE_S)
    return process.returncode


def event(line: str) -> dict[str, Any] | None:
    """A progress line of the converter, or None for anything else that it prints."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _watch(process: subprocess.Popen[str], deadline: float, stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(_POLL_S) or time.monotonic() > deadline:
            _end(process)
            return


def _end(process: subprocess.Popen[str]) -> None:
    """Ends the process and, on POSIX, everything that it started."""
    if process.poll() is None:
        _signal(process, gently=True)
        try:
            process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            _signal(process, gently=False)
            process.wait()


if sys.platform == "win32":

    def _signal(process: subprocess.Popen[str], *, gently: bool) -> None:
        process.terminate()

else:

    def _signal(process: subprocess.Popen[str], *, gently: bool) -> None:
        # The group cannot be another's: its leader has not been waited for yet.
        os.killpg(process.pid, signal.SIGTERM if gently else signal.SIGKILL)
