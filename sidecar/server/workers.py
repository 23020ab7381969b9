"""The workers as the gateway uses them: one a lane, one job at a time each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from ..engine.memory import Amount, Place
from ..errors import ModelLoading, Unavailable, VitrineError, from_wire
from ..trace.spans import Span
from ..wire import codec
from .admission import Admission
from .calls import OpenCall, Work
from .connection import Connection
from .handles import Events as Events
from .handles import Handle as Handle
from .handles import ModelInfo
from .handles import Timings as Timings
from .keeper import Keeper

RECYCLE_S = 30.0


class Workers:
    """All lanes' workers. The gateway hooks itself in through `answered`, `refused`, `lost`, `ready` and `noted`.

    `keeper` stands before every job that needs a model that is not loaded, where there is a memory budget;
    `open_streams` are the B calls that a lane holds state for.
    """

    def __init__(self, handles: Sequence[Handle]) -> None:
        self._handles = {handle.name: handle for handle in handles}
        self._running: dict[str, int | None] = dict.fromkeys(self._handles)
        self._been_ready: set[str] = set()
        self._draining: set[str] = set()
        self._ready_waiters: dict[str, list[asyncio.Future[None]]] = {name: [] for name in self._handles}
        self._model_jobs: dict[int, tuple[str, asyncio.Future[bytes]]] = {}
        self._model_numbers = 0
        self._states: dict[str, str] = {}
        self._jobs: dict[str, Work] = {}  # what each lane runs
        self._admission = Admission(lambda *refused: self.refused(*refused))
        self._loading: set[Place] = set()
        self._harmless: set[str] = set()  # lanes whose process is replaced while nobody has state in it
        self.keeper: Keeper | None = None
        self.open_streams: Callable[[str], list[OpenCall]] = lambda _: []
        self.max_side = 0  # longest side of streams' pictures, pixels; 0 for as sent
        self.answered: Callable[[int, bytes, Timings, list[int]], None] = lambda *_: None
        self.refused: Callable[[int, str, str, int | None], None] = lambda *_: None
        self.lost: Callable[[str, list[int]], None] = lambda *_: None
        self.ready: Callable[[str], None] = lambda _: None
        self.noted: Callable[[str, str], None] = lambda *_: None
        self.traced: Callable[[int, int, int, list[Span], int], None] = lambda *_: None

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes."""
        return tuple(self._handles)

    def start(self) -> None:
        """Starts every process; what their handles were told to warm gates readiness."""
        for handle in self._handles.values():
            handle.start(self)
        if self.keeper is not None:
            self.keeper.start()

    async def stop(self) -> None:
        """Ends every process."""
        if self.keeper is not None:
            await self.keeper.stop()
        self._admission.stop()
        await asyncio.gather(*(handle.stop() for handle in self._handles.values()))

    # -- work ----------------------------------------------------------------------------------------------------

    def warm(self, lane: str) -> bool:
        """Whether the lane has been ready once; while it restarts, calls wait instead of failing."""
        return lane in self._been_ready

    def idle(self, lane: str) -> bool:
        """Whether the lane's worker is ready and has no job."""
        ready = self._handles[lane].state == "ready"
        free = self._running[lane] is None and not self._admission.waits(lane)
        return ready and free and lane not in self._draining

    def run(self, lane: str, work: Work) -> None:
        """Hands a job to the lane's worker, once there is room for its models."""
        models = work.call.rule.models
        if self.keeper is None or not models:
            self._hand_over(lane, work)
        elif work.step in ("open", "call") and not self.keeper.holds(lane, models):
            self._admission.begin(lane, work, self._room(self.keeper, lane, models), self._hand_over)
        else:
            self.keeper.used(lane, models)
            self._hand_over(lane, work)

    async def _room(self, keeper: Keeper, lane: str, models: tuple[str, ...]) -> None:
        await keeper.make_room(lane, models)
        await self._ready_again(lane)

    def _hand_over(self, lane: str, work: Work) -> None:
        self._running[lane] = work.number
        self._jobs[lane] = work
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
            trace=0 if work.trace is None else work.trace.sent(work.number),
        )

    def cancel(self, lane: str, number: int) -> None:
        """Asks a running job to stop."""
        if not self._admission.cancel(lane, number):
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
        """Loads a model into a lane's worker. Raises the worker's error, or the keeper's where there is no room."""
        self._expect_ready(lane)
        place = (lane, name)
        fresh = place not in self._loading
        self._loading.add(place)
        try:
            if self.keeper is not None and not self.keeper.holds(lane, (name,)):
                await self.keeper.make_room(lane, (name,))
            await self.load_now(lane, name)
        finally:
            if fresh:
                self._loading.discard(place)

    async def load_now(self, lane: str, name: str) -> None:
        """Loads a model whatever there is room for. Raises the worker's error."""
        await self._ready_again(lane)
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
            if self.quiet(lane):
                self._harmless.add(lane)
            self._handles[lane].recycle(warm)
        finally:
            self._draining.discard(lane)
        done, _ = await asyncio.wait([waiter], timeout=RECYCLE_S)
        if not done:
            raise Unavailable("The engine worker did not start again in time; run: vitrine doctor")

    async def renew(self, lane: str) -> None:
        """Replaces a lane's process, which has the same models afterwards. Raises `Unavailable`."""
        await self._recycle(lane, list(self._handles[lane].models))

    async def _ready_again(self, lane: str) -> None:
        """Waits for a process that is being replaced. Raises `Unavailable`."""
        if self._handles[lane].state != "ready":
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._ready_waiters[lane].append(waiter)
            done, _ = await asyncio.wait([waiter], timeout=RECYCLE_S)
            if not done:
                raise Unavailable("The engine worker did not start again in time; run: vitrine doctor")

    async def all_ready(self) -> None:
        """Returns once every lane has been ready."""
        for lane in self._handles:
            while lane not in self._been_ready:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._ready_waiters[lane].append(waiter)
                await waiter

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

    # -- what the keeper asks ------------------------------------------------------------------------------------

    def costs(self, lane: str) -> dict[str, Amount]:
        """What a lane's worker has loaded, and what each model added."""
        models = self._handles[lane].models.values()
        return {model.name: Amount(model.bytes, model.vram_bytes) for model in models if model.state == "ready"}

    def on_gpu(self, lane: str) -> bool:
        """Whether a lane's worker could load a model to a GPU."""
        return any(provider != "cpu" for provider in self._handles[lane].providers)

    def busy(self) -> set[Place]:
        """What open streams, running jobs and loads use."""
        used = set(self._loading)
        for lane in self._handles:
            calls = self.open_streams(lane)
            if self._running[lane] is not None and lane in self._jobs:
                calls = [*calls, self._jobs[lane].call]
            used |= {(lane, model) for call in calls for model in call.rule.models}
        return used

    def quiet(self, lane: str) -> bool:
        """Whether a lane's process could be replaced without costing a call its state."""
        entering = self._admission.call(lane)
        return self._running[lane] is None and all(call is entering for call in self.open_streams(lane))

    # -- events of the handles -----------------------------------------------------------------------------------

    def worker_ready(self, name: str) -> None:
        self._been_ready.add(name)
        self._harmless.discard(name)
        if self.keeper is not None:
            self.keeper.restarted(name)
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

    def worker_traced(self, job: int, pid: int, tid: int, spans: list[Span], more: int) -> None:
        self.traced(job, pid, tid, spans, more)

    def worker_models(self, name: str) -> None:
        if self.keeper is not None:
            self.keeper.look()
        for model in self._handles[name].models.values():
            if self._states.get(model.name) != model.state:
                self._states[model.name] = model.state
                self.noted(model.name, model.state)
        gone = [known for known in self._states if not self.holding(known)]
        for known in gone:
            del self._states[known]
            self.noted(known, "evicted" if self.keeper is not None and known in self.keeper.evicted else "installed")

    def worker_lost(self, name: str) -> None:
        running = self._running[name]
        self._running[name] = None
        for number in [number for number, (lane, _) in self._model_jobs.items() if lane == name]:
            self._resolve(number, b"", Unavailable("The engine worker stopped; try again."))
        if name not in self._harmless:
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
                "rss_bytes": resident_bytes(handle.pid),
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
        for name in self.keeper.evicted - merged.keys() if self.keeper is not None else ():
            merged[name] = _evicted_row(name)
        return [merged[name] for name in sorted(merged)]

    def memory(self) -> dict[str, Any]:
        """The `memory` of `server.stats`: empty without a budget."""
        return {} if self.keeper is None else self.keeper.snapshot()

    def tick(self) -> None:
        """Every half second."""
        if self.keeper is not None:
            self.keeper.tick()

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
        for _, name in self.keeper.pending if self.keeper is not None else ():
            total += 1
            states[name] = "loading"
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


def _evicted_row(name: str) -> dict[str, Any]:
    """A model that made room: it comes back when it is needed."""
    nothing = {"bytes": 0, "p50_ms": 0.0, "p95_ms": 0.0, "runs": 0}
    return {"name": name, "state": "evicted", "provider": "", "precision": "", **nothing}


def resident_bytes(pid: int) -> int:
    """What a process holds in memory; 0 for one that is gone."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
