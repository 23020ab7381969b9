"""A worker handle without a process: a player in a thread, its answers held back as long as they once took."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ..engine.state import ModelState
from ..errors import Cancelled, Internal, VitrineError
from ..server.workers import Events
from ..wire import codec
from ..wire.messages import ShmOffer
from .player import Job, Played, Player
from .records import LoadedModel

log = logging.getLogger("vitrine.replay")
PROVIDER = "replay"


class Timer(Protocol):
    """What `call_at` gives back."""

    def cancel(self) -> None:
        """It will not happen."""


class Clock(Protocol):
    """Seconds and timers; the event loop is one."""

    def time(self) -> float:
        """Now."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Calls `callback` at that time."""


@dataclass(slots=True)
class _Running:
    began_at: float
    cancelled: bool = False
    played: Played | None = None
    timer: Timer | None = None


class ReplayHandle:
    """One lane. `speed` divides the time that answers once took; infinity answers at once.

    A cancelled job is refused at once, but not before its thread has let go of the slots that it may be writing to.
    """

    def __init__(
        self,
        name: str,
        player: Player,
        *,
        models: Sequence[LoadedModel] = (),
        speed: float = 1.0,
        clock: Clock | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.name = name
        self.state = "starting"
        self.pid = os.getpid()
        self.restarts = 0
        self.ort = ""
        self.providers = [PROVIDER]
        self.models = {model.name: _state(model) for model in models}
        self.warm = sorted(self.models)
        self._player = player
        self._speed = speed
        self._clock = clock
        self._thread = executor or ThreadPoolExecutor(1, thread_name_prefix=f"replay-{name}")
        self._events: Events | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: dict[int, _Running] = {}

    # -- from the gateway ----------------------------------------------------------------------------------------

    def start(self, events: Events) -> None:
        """Ready at once."""
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._clock = self._clock or self._loop
        self.state = "ready"
        events.worker_models(self.name)
        events.worker_ready(self.name)

    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None:
        """A connection's mapping."""
        self._tell(self._player.attach, conn, offer, identity)

    def detach(self, conn: int) -> None:
        """The connection is gone."""
        self._tell(self._player.detach, conn)

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
        **_: Any,
    ) -> None:
        """Answers when the recorded answer would come; what a governor asks of a worker changes nothing here."""
        assert self._loop is not None and self._clock is not None
        self._running[number] = _Running(self._clock.time())
        job = Job(conn, call, step, op, raw, grants, image_px)
        future = self._loop.run_in_executor(self._thread, self._player.play, job)
        future.add_done_callback(partial(self._played, number))

    def close_stream(self, conn: int, call: int) -> None:
        """A B call is over."""
        self._tell(self._player.close_stream, conn, call)

    def _tell(self, what: Callable[..., None], *words: Any) -> None:
        if self.state != "stopped":
            self._thread.submit(what, *words)

    def cancel(self, number: int) -> None:
        """A running job is to stop."""
        running = self._running.get(number)
        if running is None or self._loop is None:
            return
        running.cancelled = True
        if running.timer is not None:
            running.timer.cancel()
            self._loop.call_soon(self._deliver, number)

    def throttle(self, *, share: float, cores: float) -> None:
        """Nothing is computed here that could yield."""

    def load(self, number: int, name: str) -> None:
        """A model is put among the loaded ones; the recording does not say more of it."""
        self.models.setdefault(name, _state(LoadedModel(name)))
        self._reply(number, {})

    def unload(self, number: int, name: str) -> None:
        """A model is taken from the loaded ones; its answers stay."""
        self.models.pop(name, None)
        self._reply(number, {"returned": True})

    def recycle(self, warm: list[str]) -> None:
        """There is no process to replace."""

    async def stop(self) -> None:
        """Nothing is answered any more; the file is closed."""
        self.state = "stopped"
        for running in self._running.values():
            if running.timer is not None:
                running.timer.cancel()
        self._running.clear()
        closing = self._thread.submit(self._player.close)
        await asyncio.wrap_future(closing)
        self._thread.shutdown(wait=False)

    # -- answers -------------------------------------------------------------------------------------------------

    def _played(self, number: int, future: asyncio.Future[Played]) -> None:
        running = self._running.get(number)
        if running is None or future.cancelled():
            return
        assert self._clock is not None
        running.played = future.result()
        due = running.began_at + running.played.service_s / self._speed
        if running.cancelled or due <= self._clock.time():
            self._deliver(number)
        else:
            running.timer = self._clock.call_at(due, lambda: self._deliver(number))

    def _deliver(self, number: int) -> None:
        running = self._running.pop(number, None)
        if running is None or self._events is None:
            return
        played = running.played or Played(error=Internal("The recording gave no answer; record it again."))
        error: VitrineError | None = Cancelled("The call was cancelled.") if running.cancelled else played.error
        if error is None:
            self._events.worker_answered(number, played.body, played.timings, played.used)
        else:
            self._events.worker_refused(number, error.code, str(error), error.retry_ms)

    def _reply(self, number: int, result: dict[str, Any]) -> None:
        assert self._loop is not None and self._events is not None
        events = self._events
        events.worker_models(self.name)
        self._loop.call_soon(events.worker_answered, number, codec.encode(result), (0.0, 0.0, 0.0), [])


def _state(model: LoadedModel) -> ModelState:
    return ModelState(
        name=model.name,
        state="ready",
        provider=PROVIDER,
        precision=model.precision,
        runs=model.runs,
        p50_ms=model.p50_ms,
        p95_ms=model.p95_ms,
    )
