"""The workers as the gateway uses them: one a lane, one job at a time each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import psutil

from ..errors import ModelLoading, Unavailable, VitrineError, from_wire
from ..wire import codec
from ..wire.messages import ShmOffer
from .calls import Work
from .connection import Connection

Timings = tuple[float, float, float]
RECYCLE_S = 30.0


class Events(Protocol):
    """What a worker handle tells; every method runs on the event loop."""

    def worker_ready(self, name: str) -> None:
        """It is warm and takes work."""

    def worker_answered(self, number: int, body: bytes, timings: Timings, used: list[int]) -> None:
        """A job's result."""

    def worker_refused(self, number: int, code: str, message: str, retry_ms: int | None) -> None:
        """A job's failure."""

    def worker_models(self, name: str) -> None:
        """Its models or their latencies changed."""

    def worker_lost(self, name: str) -> None:
        """The process is gone, with whatever it was doing; it is being started again."""


class ModelInfo(Protocol):
    """A model inside one worker."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def runs(self) -> int: ...
    @property
    def p50_ms(self) -> float: ...
    @property
    def p95_ms(self) -> float: ...


class Handle(Protocol):
    """One worker process and its successors; `sidecar.worker.supervisor` has the real one."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def ort(self) -> str: ...
    @property
    def providers(self) -> Sequence[str]: ...
    @property
    def models(self) -> dict[str, Any]: ...
    @property
    def warm(self) -> Sequence[str]: ...

    def start(self, events: Events) -> None: ...
    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None: ...
    def detach(self, conn: int) -> None: ...
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
    ) -> None: ...
    def close_stream(self, conn: int, call: int) -> None: ...
    def cancel(self, number: int) -> None: ...
    def throttle(self, *, share: float, cores: float) -> None: ...
    def load(self, number: int, name: str) -> None: ...
    def unload(self, number: int, name: str) -> None: ...
    def recycle(self, warm: list[str]) -> None: ...
    async def stop(self) -> None: ...


class Workers:
    """All lanes' workers. The gateway hooks itself in through `answered`, `refused`, `lost`, `ready` and `noted`."""

    def __init__(self, handles: Sequence[Handle]) -> None:
        self._handles = {handle.name: handle for handle in handles}
        self._running: dict[str, int | None] = dict.fromkeys(self._handles)
        self._been_ready: set[str] = set()
        self._draining: set[str] = set()
        self._ready_waiters: dict[str, list[asyncio.Future[None]]] = {name: [] for name in self._handles}
        self._model_jobs: dict[int, tuple[str, asyncio.Future[bytes]]] = {}
        self._model_numbers = 0
        self._states: dict[str, str] = {}
        self.max_side = 0  # longest side of streams' pictures, pixels; 0 for as sent
        self.answered: Callable[[int, bytes, Timings, list[int]], None] = lambda *_: None
        self.refused: Callable[[int, str, str, int | None], None] = lambda *_: None
        self.lost: Callable[[str, list[int]], None] = lambda *_: None
        self.ready: Callable[[str], None] = lambda _: None
        self.noted: Callable[[str, str], None] = lambda *_: None

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes."""
        return tuple(self._handles)

    def start(self) -> None:
        """Starts every process; what their handles were told to warm gates readiness."""
        for handle in self._handles.values():
            handle.start(self)

    async def stop(self) -> None:
        """Ends every process."""
        await asyncio.gather(*(handle.stop() for handle in self._handles.values()))

    # -- work ----------------------------------------------------------------------------------------------------

    def warm(self, lane: str) -> bool:
        """Whether the lane has been ready once; while it restarts, calls wait instead of failing."""
        return lane in self._been_ready

    def idle(self, lane: str) -> bool:
        """Whether the lane's worker is ready and has no job."""
        ready = self._handles[lane].state == "ready"
        return ready and self._running[lane] is None and lane not in self._draining

    def run(self, lane: str, work: Work) -> None:
        """Hands a job to the lane's worker."""
        self._running[lane] = work.number
        call = work.call
        step = "push" if work.step in ("frame", "layers") else work.step
        self._handles[lane].run(
            work.number,
            conn=call.connection.number,
            call=call.id,
            step=step,
            op=call.op,
            raw=work.raw,
            grants=work.grants,
            image_px=call.connection.session.limits.image_px,
            max_side=self.max_side if call.rule.frames else 0,
        )

    def cancel(self, lane: str, number: int) -> None:
        """Asks a running job to stop."""
        self._handles[lane].cancel(number)

    def throttle(self, lane: str, *, share: float, cores: float) -> None:
        """Has a lane's worker compute for this share of the time, on this share of the cores."""
        self._handles[lane].throttle(share=share, cores=cores)

    def close_stream(self, lane: str, conn: int, call: int) -> None:
        """Tells the worker to forget a B call."""
        self._handles[lane].close_stream(conn, call)

    def attach(self, connection: Connection, lane: str | None = None) -> None:
        """Tells workers about a connection's mapping."""
        assert connection.lane is not None
        for handle in self._handles.values() if lane is None else (self._handles[lane],):
            handle.attach(connection.number, connection.lane.offer, connection.lane.identity)

    def detach(self, connection: Connection) -> None:
        """The connection is gone."""
        for handle in self._handles.values():
            handle.detach(connection.number)

    # -- models --------------------------------------------------------------------------------------------------

    async def load(self, lane: str, name: str) -> None:
        """Loads a model into a lane's worker. Raises the worker's error."""
        self._expect_ready(lane)
        number, future = self._model_job(lane)
        self._handles[lane].load(number, name)
        await future

    async def unload(self, lane: str, name: str, *, may_recycle: Callable[[], bool]) -> None:
        """Takes a model out of a lane's worker; if its memory does not come back, the process is replaced.

        Raises `Unavailable` where that would cost open calls their state.
        """
        handle = self._handles[lane]
        if name not in handle.models:
            return
        self._expect_ready(lane)
        number, future = self._model_job(lane)
        handle.unload(number, name)
        if codec.decode(await future).get("returned"):
            return
        if not may_recycle():
            raise Unavailable("The model is out, but its memory only comes back when the open streams have ended.")
        await self._recycle(lane, [model for model in handle.models if model != name])

    async def _recycle(self, lane: str, warm: list[str]) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._draining.add(lane)
        try:
            deadline = asyncio.get_running_loop().time() + RECYCLE_S
            while self._running[lane] is not None:
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable("The model is out, but its memory only comes back when the worker is idle.")
                await asyncio.sleep(0.01)
            self._ready_waiters[lane].append(waiter)
            self._handles[lane].recycle(warm)
        finally:
            self._draining.discard(lane)
        done, _ = await asyncio.wait([waiter], timeout=RECYCLE_S)
        if not done:
            raise Unavailable("The engine worker did not start again in time; run: vitrine doctor")

    def _expect_ready(self, lane: str) -> None:
        if self._handles[lane].state != "ready":
            raise ModelLoading("The engine worker is still starting; try again shortly.", retry_ms=500)

    def _model_job(self, lane: str) -> tuple[int, asyncio.Future[bytes]]:
        self._model_numbers -= 1  # below zero: never the number of a call's job
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._model_jobs[self._model_numbers] = (lane, future)
        return self._model_numbers, future

    def holding(self, name: str) -> list[str]:
        """Lanes whose worker has this model."""
        return [lane for lane, handle in self._handles.items() if name in handle.models]

    # -- events of the handles -----------------------------------------------------------------------------------

    def worker_ready(self, name: str) -> None:
        self._been_ready.add(name)
        for waiter in self._ready_waiters[name]:
            if not waiter.done():
                waiter.set_result(None)
        self._ready_waiters[name].clear()
        self.ready(name)

    def worker_answered(self, number: int, body: bytes, timings: Timings, used: list[int]) -> None:
        if number < 0:
            self._resolve(number, body, None)
            return
        self._free_lane(number)
        self.answered(number, body, timings, used)

    def worker_refused(self, number: int, code: str, message: str, retry_ms: int | None) -> None:
        if number < 0:
            self._resolve(number, b"", from_wire(code, message, retry_ms))
            return
        self._free_lane(number)
        self.refused(number, code, message, retry_ms)

    def worker_models(self, name: str) -> None:
        for model in self._handles[name].models.values():
            if self._states.get(model.name) != model.state:
                self._states[model.name] = model.state
                self.noted(model.name, model.state)
        gone = [known for known in self._states if not self.holding(known)]
        for known in gone:
            del self._states[known]
            self.noted(known, "installed")

    def worker_lost(self, name: str) -> None:
        running = self._running[name]
        self._running[name] = None
        for number in [number for number, (lane, _) in self._model_jobs.items() if lane == name]:
            self._resolve(number, b"", Unavailable("The engine worker stopped; try again."))
        self.lost(name, [] if running is None else [running])

    def _free_lane(self, number: int) -> None:
        for lane, running in self._running.items():
            if running == number:
                self._running[lane] = None

    def _resolve(self, number: int, body: bytes, error: VitrineError | None) -> None:
        job = self._model_jobs.pop(number, None)
        if job is None or job[1].done():
            return
        if error is None:
            job[1].set_result(body)
        else:
            job[1].set_exception(error)

    # -- looking -------------------------------------------------------------------------------------------------

    def providers(self) -> list[str]:
        """The execution providers that models really run on; before any is loaded, those that could be used."""
        used = {model.provider for handle in self._handles.values() for model in handle.models.values()} - {""}
        return sorted(used) or sorted({name for handle in self._handles.values() for name in handle.providers})

    def describe(self) -> list[dict[str, Any]]:
        """The `workers` of `server.stats`."""
        return [
            {
                "name": handle.name,
                "pid": handle.pid,
                "state": "busy" if handle.state == "ready" and self._running[handle.name] is not None else handle.state,
                "rss_bytes": _rss(handle.pid),
                "restarts": handle.restarts,
            }
            for handle in self._handles.values()
        ]

    def models(self) -> list[dict[str, Any]]:
        """The `models` of `server.stats`: each once, over all workers that have it."""
        merged: dict[str, dict[str, Any]] = {}
        for handle in self._handles.values():
            for model in handle.models.values():
                seen = merged.get(model.name)
                if seen is None or model.runs > seen["runs"]:
                    more = seen["bytes"] if seen else 0
                    merged[model.name] = _model_row(model) | {"bytes": model.bytes + more}
                else:
                    seen["bytes"] += model.bytes
        return [merged[name] for name in sorted(merged)]

    def readiness(self) -> dict[str, Any]:
        """`{ready, models{name: state}, progress}`: ready once all that was asked for at start is warm."""
        states: dict[str, str] = {}
        loaded = total = 0
        for handle in self._handles.values():
            total += 1 + len(handle.warm)
            loaded += handle.state == "ready"
            for name in handle.warm:
                state = handle.models[name].state if name in handle.models else "loading"
                loaded += state == "ready"
                states[name] = state if state != "ready" or states.get(name) != "failed" else "failed"
        progress = round(loaded / max(1, total), 3)
        return {"ready": loaded == total, "models": dict(sorted(states.items())), "progress": progress}


def _model_row(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.name,
        "state": model.state,
        "provider": model.provider,
        "precision": model.precision,
        "bytes": model.bytes,
        "p50_ms": model.p50_ms,
        "p95_ms": model.p95_ms,
        "runs": model.runs,
    }


def _rss(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
