"""The gateway's hold on one worker process: starts it, feeds it, notices its death at once, starts it again warm."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from ..engine.state import ModelState
from ..trace.spans import Span
from ..wire.messages import ShmOffer
from . import handoff
from .link import (
    Answer,
    Attach,
    CancelJob,
    CloseStream,
    Detach,
    FromWorker,
    Load,
    Models,
    Ready,
    Refused,
    Run,
    Spans,
    Splitter,
    Throttle,
    ToWorker,
    Unload,
    frame,
    read_from_worker,
)

log = logging.getLogger("vitrine.workers")
SETTLED_S = 5.0
MAX_BACKOFF_S = 30.0
STOP_WAIT_S = 2.0


class Events(Protocol):
    """Who is told what happens to a worker; every method runs on the event loop."""

    def worker_ready(self, name: str) -> None:
        """It is warm and takes work."""

    def worker_answered(self, number: int, body: bytes, timings: tuple[float, float, float], used: list[int]) -> None:
        """A job's result: encoded map, decode, infer and encode milliseconds, granted slots that it refers to."""

    def worker_refused(self, number: int, code: str, message: str, retry_ms: int | None) -> None:
        """A job's failure."""

    def worker_traced(self, job: int, pid: int, tid: int, spans: list[Span], more: int) -> None:
        """What a traced job did, before its answer; the kernels of its models after it."""

    def worker_models(self, name: str) -> None:
        """Its models or their latencies changed."""

    def worker_lost(self, name: str) -> None:
        """The process is gone, with whatever it was doing; it is being started again."""


@dataclass(frozen=True)
class WorkerSettings:
    """How workers are started."""

    packs: str
    providers: list[str]
    threads: int
    vram_bytes: int | None = None
    log_level: str = "INFO"
    log_format: str = "text"
    command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "sidecar.worker"])


def backoff_s(quick_deaths: int) -> float:
    """How long to wait before the next start: nothing at first, then doubling while it keeps dying young."""
    return 0.0 if quick_deaths < 3 else min(MAX_BACKOFF_S, 0.5 * 2.0 ** (quick_deaths - 3))


class _DataProtocol(asyncio.Protocol):
    def __init__(self, handle: WorkerHandle) -> None:
        self._handle = handle
        self._splitter = Splitter()

    def data_received(self, data: bytes) -> None:
        for body in self._splitter.feed(data):
            self._handle.received(read_from_worker(body), self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._handle.lost(self)


class WorkerHandle:
    """One worker and its successors. `state`: starting, ready, restarting, stopped."""

    def __init__(self, name: str, settings: WorkerSettings, *, warm: list[str]) -> None:
        self.name = name
        self.state = "starting"
        self.pid = 0
        self.restarts = 0
        self.ort = ""
        self.providers: list[str] = []
        self.models: dict[str, ModelState] = {}
        self.vram_bytes = 0
        self.warm = list(warm)
        self._settings = settings
        self._events: Events | None = None
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix=f"spawn-{name}")
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._protocol: _DataProtocol | None = None
        self._control: socket.socket | None = None
        self._started_at = 0.0
        self._quick_deaths = 0
        self._throttled: Throttle | None = None
        self._proved = False  # whether this process has answered anything
        self._starting: asyncio.Task[None] | None = None

    def start(self, events: Events) -> None:
        """Begins to start the process; `worker_ready` follows."""
        self._events = events
        self._begin()

    def _begin(self) -> None:
        self._starting = asyncio.get_running_loop().create_task(self._start(), name=f"start-{self.name}")

    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None:
        """Tells the process of a connection's mapping."""
        self._send(Attach(conn, offer, identity))

    def detach(self, conn: int) -> None:
        """The connection is gone: mapping and streams go."""
        self._send(Detach(conn))

    def run(
        self,
        number: int,
        *,
        conn: int,
        call: int,
        step: str,
        op: str,
        raw: bytes,
        grants: list[tuple[int, int]],
        image_px: int,
        max_side: int,
        trace: int = 0,
    ) -> None:
        """Hands a job over; `worker_answered` or `worker_refused` follows, or `worker_lost`."""
        self._send(Run(number, conn, call, step, op, raw, grants, image_px, max_side, trace))

    def close_stream(self, conn: int, call: int) -> None:
        """A B call is over."""
        self._send(CloseStream(conn, call))

    def load(self, number: int, name: str) -> None:
        """Loads a model."""
        self._send(Load(number, name))

    def unload(self, number: int, name: str) -> None:
        """Lets a model go; a successor of this process does not load it either."""
        self.warm = [model for model in self.warm if model != name]
        self._send(Unload(number, name))

    def _send(self, message: ToWorker) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame(message))

    def cancel(self, number: int) -> None:
        """Asks a running job to stop, past everything that waits on the data socket."""
        self._order(CancelJob(number))

    def throttle(self, *, share: float, cores: float) -> None:
        """From now on compute for this share of the time, on this share of the cores; a successor does so too."""
        self._throttled = Throttle(share, cores)
        self._order(self._throttled)

    def _order(self, message: CancelJob | Throttle) -> None:
        if self._control is not None:
            try:
                self._control.send(frame(message))
            except (BlockingIOError, ConnectionError):  # full: it is stuck; gone: `lost` deals with it
                log.warning("worker %s does not read its control socket", self.name)

    def recycle(self, warm: list[str]) -> None:
        """Ends the process and starts a fresh one with just these models: the surest way to give memory back."""
        self.warm = list(warm)
        self.models = {}
        self._quick_deaths = 0
        self._started_at = 0.0
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """Ends the process for good: closed socket first, kill after two seconds, or at once while it still starts."""
        working = self.state == "ready"
        self.state = "stopped"
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        self._close_sockets()
        process = self._process
        if process is not None:
            if not working:
                process.kill()
            await asyncio.get_running_loop().run_in_executor(self._spawner, _end, process)
        self._spawner.shutdown(wait=False)

    # -- from the process ----------------------------------------------------------------------------------------

    def received(self, message: FromWorker, protocol: _DataProtocol) -> None:
        """One message of the process."""
        if protocol is not self._protocol or self._events is None:
            return
        self._proved |= isinstance(message, (Answer, Refused))
        if isinstance(message, Answer):
            timings = (message.decode_ms, message.infer_ms, message.encode_ms)
            self._events.worker_answered(message.job, message.body, timings, message.used)
        elif isinstance(message, Refused):
            self._events.worker_refused(message.job, message.code, message.msg, message.retry_ms)
        elif isinstance(message, Spans):
            self._events.worker_traced(message.job, message.pid, message.tid, message.spans, message.more)
        elif isinstance(message, Models):
            self.models = {model.name: model for model in message.models}
            self.vram_bytes = message.vram_bytes
            self._events.worker_models(self.name)
        else:
            self._became_ready(message)

    def _became_ready(self, ready: Ready) -> None:
        self.pid, self.ort, self.providers = ready.pid, ready.ort, ready.providers
        self.state = "ready"
        if self._throttled is not None:
            self._order(self._throttled)
        took_s = time.monotonic() - self._started_at
        loaded = ", ".join(f"{model.name} on {model.provider}" for model in self.models.values()) or "no models"
        fields = {"worker": self.name, "pid": self.pid, "took_s": round(took_s, 3), "models": sorted(self.models)}
        log.info(
            "worker %s (pid %d) is ready after %.2f s: %s",
            self.name, self.pid, took_s, loaded, extra={"fields": fields},
        )  # fmt: skip
        if self._events is not None:
            self._events.worker_ready(self.name)

    def lost(self, protocol: _DataProtocol) -> None:
        """The data socket closed: the process is gone or as good as gone."""
        if protocol is not self._protocol or self.state == "stopped":
            return
        young = self._started_at and not self._proved and time.monotonic() - self._started_at < SETTLED_S
        self._quick_deaths = self._quick_deaths + 1 if young else 0
        self.state = "restarting"
        self.restarts += 1
        fields = {"worker": self.name, "pid": self.pid, "restarts": self.restarts}
        log.warning("worker %s (pid %d) is gone; starting it again", self.name, self.pid, extra={"fields": fields})
        self.warm = sorted(set(self.warm) | {name for name, model in self.models.items() if model.state == "ready"})
        self.models = {}
        self.vram_bytes = 0
        self._close_sockets()
        if self._events is not None:
            self._events.worker_lost(self.name)
        self._begin()

    # -- the process ---------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        old = self._process
        if old is not None:
            await loop.run_in_executor(self._spawner, _end, old)
        await asyncio.sleep(backoff_s(self._quick_deaths))
        data, worker_data = handoff.socket_pair()
        control, worker_control = handoff.socket_pair()
        self._started_at = time.monotonic()
        self._proved = False
        try:
            # One thread starts every process of this handle: the kernel ends a child with the thread that made it.
            spawning = loop.run_in_executor(self._spawner, self._spawn, [worker_data, worker_control])
            try:
                self._process = await asyncio.shield(spawning)
            except asyncio.CancelledError:  # half-way through it needs its sockets, and afterwards somebody to end it
                self._process = await spawning
                data.close()
                control.close()
                raise
        finally:
            worker_data.close()
            worker_control.close()
        control.setblocking(False)
        self._control = control
        self._protocol = protocol = _DataProtocol(self)
        connect = loop.create_connection if data.family == socket.AF_INET else loop.create_unix_connection
        data.setblocking(False)
        transport, _ = await connect(lambda: protocol, sock=data)
        self._transport = transport

    def _spawn(self, sockets: list[socket.socket]) -> subprocess.Popen[bytes]:
        settings: dict[str, object] = {
            "name": self.name,
            "packs": self._settings.packs,
            "providers": self._settings.providers,
            "threads": self._settings.threads,
            "vram_bytes": self._settings.vram_bytes,
            "warm": self.warm,
            "gateway_pid": os.getpid(),
            "log_level": self._settings.log_level,
            "log_format": self._settings.log_format,
        }
        return handoff.start(self._settings.command, sockets, settings)

    def _close_sockets(self) -> None:
        self._protocol = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._control is not None:
            self._control.close()
            self._control = None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Waits for a process whose socket is closed, kills it if it lingers, and reaps it."""
    try:
        process.wait(STOP_WAIT_S if process.poll() is None else 0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_WAIT_S)
