"""The process that started us: when it is gone, by a crash too, so are we."""

from __future__ import annotations

import _thread
import contextlib
import threading
from collections.abc import Callable, Iterator

import psutil

EVERY_S = 0.2


class ParentGone(Exception):
    """Nobody needs this process any more."""


def watch(pid: int, gone: Callable[[], None]) -> threading.Event:
    """Calls `gone` from a thread once the process `pid` has ended, at once if it has already; setting the returned
    event ends the watch."""
    enough = threading.Event()
    try:
        parent = psutil.Process(pid)
    except psutil.NoSuchProcess:
        gone()
        return enough

    def wait() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            # A zombie, whose own parent does not reap it, is gone for us; `Process.wait` would wait for ever.
            while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
                if enough.wait(EVERY_S):
                    return
        gone()

    threading.Thread(target=wait, name="parent", daemon=True).start()
    return enough


@contextlib.contextmanager
def needed(pid: int | None) -> Iterator[None]:
    """The block stops, as Ctrl-C would stop it, when process `pid` ends meanwhile. Raises `ParentGone` then."""
    if pid is None:
        yield
        return
    gone = threading.Event()

    def interrupt() -> None:
        gone.set()
        _thread.interrupt_main()

    enough = threading.Event()
    try:
        enough = watch(pid, interrupt)
        yield
    except KeyboardInterrupt:
        if gone.is_set():
            raise ParentGone from None
        raise
    finally:
        enough.set()
