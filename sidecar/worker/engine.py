"""The inside of an engine worker: reads a job, runs it, answers; one job at a time, in the process's main thread.

A second thread listens on the control socket for what must not wait: cancels, so that a running model can be
terminated, and pressure.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

import msgspec

from ..engine.runtime import Runtime, Terminated
from ..errors import BadRequest, Cancelled, Internal, NotFound, VitrineError
from ..ops import registry
from ..ops.context import Context, Infer, Scratch
from ..wire import codec
from ..wire.shm import Lane, open_lane
from .cores import Cores
from .link import (
    Answer,
    Attach,
    CancelJob,
    CloseStream,
    Detach,
    Load,
    Models,
    Ready,
    Refused,
    Run,
    Spans,
    Splitter,
    Throttle,
    Unload,
    frame,
    read_to_worker,
)
from .tracing import JobTrace, Profiled

log = logging.getLogger("vitrine.worker")
REPORT_EVERY_S = 1.0


class _LazyModels(Mapping[str, Infer]):
    """Models by name, loaded when an op first asks for one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __getitem__(self, name: str) -> Infer:
        return self._runtime.load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._runtime.known())

    def __len__(self) -> int:
        return len(self._runtime.known())


class Engine:
    """One worker: its sockets, its models, the mappings and streams of the connections that it serves."""

    def __init__(self, data: socket.socket, control: socket.socket, runtime: Runtime) -> None:
        self._data = data
        self._control = control
        self._runtime = runtime
        self._models = _LazyModels(runtime)
        self._offers: dict[int, Attach] = {}
        self._lanes: dict[int, Lane | None] = {}
        self._streams: dict[tuple[int, int], registry.Stream] = {}
        self._scratch = Scratch()
        self._cancelled: set[int] = set()
        self._current: int | None = None
        self._newest = 0
        self._lock = threading.Lock()
        self._reported_at = 0.0
        self._cores = Cores()
        self._profiled = Profiled()
        self._handlers: dict[type, Callable[[Any], None]] = {
            Attach: self._attach,
            Detach: self._detach,
            Run: self._run,
            CloseStream: self._close_stream,
            Load: self._load,
            Unload: self._unload,
        }

    def serve(self, *, warming: Sequence[Future[None]] = ()) -> None:
        """Waits for the models that are being loaded, says that it is ready, and works until the socket is closed."""
        threading.Thread(target=self._listen_for_orders, name="control", daemon=True).start()
        for loaded in as_completed(warming):
            loaded.result()
            self._report()
        self._send(Ready(pid=self._runtime.pid, ort=self._runtime.flavour, providers=self._runtime.providers()))
        splitter = Splitter()
        while data := self._data.recv(1 << 18):
            for body in splitter.feed(data):
                message = read_to_worker(body)
                self._handlers[type(message)](message)

    # -- messages ------------------------------------------------------------------------------------------------

    def _attach(self, message: Attach) -> None:
        self._offers[message.conn] = message

    def _detach(self, message: Detach) -> None:
        self._offers.pop(message.conn, None)
        lane = self._lanes.pop(message.conn, None)
        for key in [key for key in self._streams if key[0] == message.conn]:
            self._streams.pop(key).close()
        if lane is not None:
            lane.close()

    def _close_stream(self, message: CloseStream) -> None:
        stream = self._streams.pop((message.conn, message.call), None)
        if stream is not None:
            stream.close()

    def _run(self, message: Run) -> None:
        if message.trace:
            self._run_traced(message)
        else:
            self._answered(message.job, lambda: self._run_step(message, None))

    def _run_traced(self, message: Run) -> None:
        traced = JobTrace(message, self._runtime, self._send)
        self._answered(message.job, lambda: traced.around(lambda: self._run_step(message, traced)))
        traced.kernels(self._profiled)

    def _load(self, message: Load) -> None:
        def load() -> Answer:
            self._runtime.load(message.name)
            self._report()
            return Answer(message.job, codec.encode({}), 0.0, 0.0, 0.0, [])

        self._answered(message.job, load)

    def _unload(self, message: Unload) -> None:
        def unload() -> Answer:
            returned = self._runtime.unload(message.name)
            self._report()
            return Answer(message.job, codec.encode({"returned": returned}), 0.0, 0.0, 0.0, [])

        self._answered(message.job, unload)

    # -- one job -------------------------------------------------------------------------------------------------

    def _answered(self, job: int, work: Callable[[], Answer]) -> None:
        """Runs one job to exactly one answer: the task boundary where anything unexpected is logged, not sent."""
        with self._lock:
            self._current = job
            self._newest = max(self._newest, job)
            self._runtime.begin()
        answer: Answer | Refused
        try:
            answer = work()
        except VitrineError as error:
            answer = Refused(job, error.code, str(error), error.retry_ms)
        except Terminated:
            answer = Refused(job, Cancelled.code, "The call was cancelled.", None)
        except Exception:
            log.exception("job failed")
            answer = Refused(job, Internal.code, "Something went wrong here; the server's log has details.", None)
        with self._lock:
            self._current = None
            self._cancelled.discard(job)
        self._send(answer)
        if time.monotonic() - self._reported_at > REPORT_EVERY_S:
            self._report()

    def _run_step(self, message: Run, traced: JobTrace | None) -> Answer:
        self._stop_if_cancelled(message.job)
        context = Context(
            models=self._models,
            lane=lambda: self._lane(message.conn),
            grants=message.grants,
            scratch=self._scratch,
            stopped=lambda: message.job in self._cancelled,
            image_px=message.image_px,
            max_side=message.max_side,
            told=None if traced is None else traced.spans.stage,
        )
        value = codec.decode(message.raw) if message.raw else {}
        result = self._step(message, context, value)
        body = codec.encode(result)
        return Answer(message.job, body, context.decode_ms, context.infer_ms, context.encode_ms, context.used)

    def _step(self, message: Run, context: Context, value: dict[str, Any]) -> dict[str, Any]:
        key = (message.conn, message.call)
        if message.step == "call":
            op = registry.UNARY[message.op]
            return op.run(context, _arguments(value.get("a", {}), op.arguments))
        if message.step == "open":
            kind = registry.STREAMS[message.op]
            self._streams[key] = kind.open(context, _arguments(value.get("a", {}), kind.arguments))
            return {}
        stream = self._streams.get(key)
        if stream is None:
            raise NotFound("This call is not open here any more; open it again.")
        if message.step == "end":
            del self._streams[key]
            return stream.end(context)
        return stream.push(context, _arguments(value.get("d", {}), registry.STREAMS[message.op].pushes))

    def _lane(self, conn: int) -> Lane | None:
        """The connection's mapping, opened on first use; None where it cannot be: then bytes go inline."""
        if conn not in self._lanes:
            offered = self._offers.get(conn)
            try:
                self._lanes[conn] = None if offered is None else open_lane(offered.offer, identity=offered.identity)
            except (OSError, ValueError):
                log.warning("a connection's shared memory cannot be opened")
                self._lanes[conn] = None
        return self._lanes[conn]

    # -- cancels -------------------------------------------------------------------------------------------------

    def _listen_for_orders(self) -> None:
        splitter = Splitter()
        while data := self._control.recv(4096):
            for body in splitter.feed(data):
                message = read_to_worker(body)
                if isinstance(message, CancelJob):
                    self._cancel(message.job)
                elif isinstance(message, Throttle):
                    self._runtime.throttle(message.share)
                    self._cores.narrow(message.cores)

    def _cancel(self, job: int) -> None:
        """Marks a job that runs now or has not been read yet; for one that was answered already it is too late."""
        with self._lock:
            if self._current == job:
                self._cancelled.add(job)
                self._runtime.terminate()
            elif job > self._newest:
                self._cancelled.add(job)

    def _stop_if_cancelled(self, job: int) -> None:
        if job in self._cancelled:
            raise Cancelled("The call was cancelled.")

    # -- sending -------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        self._send(Models(self._runtime.states(), self._runtime.vram_bytes()))

    def _send(self, message: Answer | Refused | Ready | Models | Spans) -> None:
        self._data.sendall(frame(message))


def _arguments(value: object, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(f"An argument is not valid: {error}.") from error
