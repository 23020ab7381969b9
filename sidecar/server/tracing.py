"""`GET /trace?seconds=N`: takes a trace and sends it, piece by piece, while everything else goes on.

The answer is chunked: a trace is tens of megabytes, and building it in one go would hold the event loop up.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import parse_qsl

from websockets.http11 import Response

from .. import __version__
from ..trace import chrome
from ..trace.tracer import Clock, Tracer, read_clock
from .http import SECURITY, text

log = logging.getLogger("vitrine.trace")
LONGEST_S = 60.0
SHORTEST_S = 0.05
PATIENCE_S = 60.0  # for a reader of the file
UNASKED_BYTES = 4096
AFTER_REQUEST = b"HTTP/1.1 200 OK\r\n" + b"".join(
    f"{name}: {value}\r\n".encode()
    for name, value in {
        "Content-Type": "application/json",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
        **SECURITY,
    }.items()
)


class Traces:
    """Who is served a trace: one at a time. `about` goes into the file: versions, providers, models."""

    def __init__(self, tracer: Tracer, about: Callable[[], dict[str, Any]], *, clock: Callable[[], Clock] = read_clock):
        self.tracer = tracer
        self._about = about
        self._clock = clock
        self._busy: Download | None = None

    def answer(self, query: str) -> Response | asyncio.Protocol:
        """The response to a request that may ask, or what takes its connection over."""
        try:
            wanted = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=4))
            seconds, kernels = float(wanted.pop("seconds", "10")), wanted.pop("kernels", "0")
        except ValueError:
            seconds, kernels, wanted = math.nan, "", {}
        if wanted or kernels not in ("0", "1") or not SHORTEST_S <= seconds <= LONGEST_S:
            return text(400, f"Ask for /trace?seconds=N, {SHORTEST_S:g} to {LONGEST_S:g}, with &kernels=1 or without.")
        if self._busy is not None:
            return text(409, "A trace is being taken already; ask again when it is done.")
        self._busy = Download(self, seconds, kernels=kernels == "1")
        return self._busy

    def begin(self, *, kernels: bool) -> None:
        """The trace begins."""
        self.tracer.begin(self._clock(), kernels=kernels)

    def end(self) -> Iterator[bytes]:
        """The trace ends; its file."""
        self.tracer.end()
        slices = self.tracer.ring.take()
        return chrome.document(self.tracer, slices, {"version": __version__, **self._about()})

    def over(self) -> None:
        """The file is sent, or nobody wants it any more."""
        if self.tracer.on:
            self.tracer.end()
        self.tracer.forget()
        self._busy = None

    def stop(self) -> None:
        """The server stops."""
        if self._busy is not None:
            self._busy.abort()


class Download(asyncio.Protocol):
    """The rest of one request's connection."""

    def __init__(self, traces: Traces, seconds: float, *, kernels: bool) -> None:
        self._traces = traces
        self._seconds = seconds
        self._kernels = kernels
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pieces: Iterator[bytes] | None = None
        self._paused = False
        self._unasked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._traces.begin(kernels=self._kernels)
        log.info("a trace of %g s begins", self._seconds, extra={"fields": {"seconds": self._seconds}})
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._finish)

    def data_received(self, data: bytes) -> None:
        self._unasked += len(data)
        if self._unasked > UNASKED_BYTES:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._pieces = None
        self._traces.over()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()

    def abort(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _finish(self) -> None:
        if self._transport is None:
            return
        self._pieces = self._traces.end()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self.abort)
        self._transport.write(AFTER_REQUEST + b"\r\n")
        self._send()

    def _send(self) -> None:
        """One piece, and the next when everything else has had its turn."""
        if self._paused or self._transport is None or self._pieces is None:
            return
        piece = next(self._pieces, None)
        if piece is None:
            self._pieces = None
            self._transport.write(b"0\r\n\r\n")
            self._transport.close()
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if not self._paused:
            asyncio.get_running_loop().call_soon(self._send)
