"""`python -m sidecar.worker`: started by the gateway only, with its sockets and settings on standard input."""

from __future__ import annotations

import logging
import os
import sys
from typing import Literal

import msgspec
import psutil

from .. import logs
from . import handoff


class Settings(msgspec.Struct, frozen=True):
    """What the gateway tells a worker at its start."""

    name: str
    packs: str
    providers: list[str]
    threads: int
    warm: list[str]
    gateway_pid: int
    vram_bytes: int | None = None
    log_level: str = "INFO"
    log_format: Literal["text", "json"] = "text"


def main() -> int:
    """Runs one worker until its gateway closes the socket."""
    (data, control), line = handoff.receive(sys.stdin.buffer)
    settings = msgspec.convert(line, Settings)
    logs.configure(level=settings.log_level, process=settings.name, form=settings.log_format)
    _yield_to_the_game()
    _die_with(settings.gateway_pid)
    from ..engine.registry import Registry
    from ..engine.runtime import Runtime

    runtime = Runtime(
        Registry(settings.packs),
        providers=settings.providers,
        threads=settings.threads,
        vram_limit=settings.vram_bytes,
    )
    warming = runtime.start_warming(settings.warm)
    import cv2  # the rest is imported while the models load: a new worker is wanted back at once

    from .engine import Engine

    cv2.setNumThreads(1)
    try:
        Engine(data, control, runtime).serve(warming=warming)
    except (ConnectionError, KeyboardInterrupt):
        logging.getLogger("vitrine.worker").info("the gateway is gone")
    return 0


def _yield_to_the_game() -> None:
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        process.nice(10)


def _die_with(gateway_pid: int) -> None:
    """Linux: ask the kernel to end this process with its gateway; elsewhere the closed socket ends it."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != gateway_pid:  # it died before the request reached the kernel
        raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())
