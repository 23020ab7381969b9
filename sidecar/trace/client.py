"""A client's own spans as a file that `vitrine trace --merge` takes: the format, and a writer for Python clients.

The file is a trace like any other, in microseconds of the client's clock, with one more key:
`"vitrineClient": {"session": ..., "offset_us": ..., "rtt_us": ...}`, the session's name in `welcome` and what pings
said of the clocks (the server's less the client's). A slice whose `args` hold `call`, and for a frame of a stream its
`n`, is tied to that call.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from .check import Document, NotATrace
from .chrome import names

MOST = 100_000
LONGEST_RTT_US = 60_000_000

Micros = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Synced(Struct, frozen=True):
    """Whose spans they are, and how far the server's clock is ahead of theirs (right within `rtt_us` / 2)."""

    session: Annotated[str, Meta(max_length=256)]
    offset_us: Micros
    rtt_us: Annotated[int, Meta(ge=0, le=LONGEST_RTT_US)]


def synced(found: Document, name: str) -> Synced:
    """What a client's file says of itself. Raises `NotATrace`."""
    if found.vitrineClient is None:
        raise NotATrace(f"{name} is no client's trace: it has no vitrineClient with session, offset_us and rtt_us")
    try:
        return msgspec.convert(found.vitrineClient, Synced)
    except msgspec.ValidationError as error:
        raise NotATrace(f"{name}: vitrineClient is not right: {error}") from error


class ClientTrace:
    """Collects a client's spans, the newest `most`. Times: microseconds of `time.monotonic_ns`, the client's clock."""

    def __init__(self, name: str = "client", *, most: int = MOST) -> None:
        self._name = name
        self._pid, self._tid = os.getpid(), threading.get_native_id()
        self._events: deque[dict[str, Any]] = deque(maxlen=most)

    @staticmethod
    def now_us() -> float:
        """The clock of the spans."""
        return time.monotonic_ns() / 1000

    def add(
        self, name: str, begin_us: float, end_us: float, *, call: int | None = None, n: int | None = None
    ) -> None:
        """A span of this thread; with `call` (and, of a stream, `n`) tied to what it caused at the server."""
        args = {key: value for key, value in (("call", call), ("n", n)) if value is not None}
        span = {"name": name, "cat": "client", "ph": "X", "ts": begin_us, "dur": max(0.0, end_us - begin_us)}
        self._events.append({**span, "pid": self._pid, "tid": self._tid, "args": args})

    def write(self, path: Path, sync: Synced) -> None:
        """Writes the file."""
        named = names({self._pid: self._name}, {(self._pid, self._tid): "main"})
        about = msgspec.to_builtins(sync)
        path.write_bytes(msgspec.json.encode({"vitrineClient": about, "traceEvents": [*named, *self._events]}))
