"""A worker handle that stands around another one and puts on a tape what goes through it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from .. import __version__
from ..errors import BadRequest
from ..server.workers import Events, Handle, Timings
from ..trace.spans import Span
from ..wire import codec
from ..wire.messages import ShmOffer, ShmRef
from ..wire.ops import OPS, WireImage
from ..wire.shm import Lane, open_lane
from . import pixels, values
from .records import Failure, Header, Loaded, LoadedModel, ModelRow, Step
from .tape import Tally, Tape
from .values import Held, Purpose

log = logging.getLogger("vitrine.recording")
# What answers the same without any model: a replaying server really answers it.
NEVER = frozenset({"server.echo"})
# Failures that say nothing about the call itself.
NOT_OF_THE_CALL = frozenset({"cancelled", "unavailable", "internal"})


class Recorder:
    """Records handles on one tape, made by `tape` when it begins. `inputs`: keep the pictures that were sent, too."""

    def __init__(
        self, tape: Callable[[], Tape], *, inputs: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = tape
        self._tape: Tape | None = None
        self._inputs = inputs
        self._clock = clock
        self._calls = 0

    def begin(self, models: list[dict[str, Any]]) -> None:
        """Makes the file; `models` are the rows of `model.list`. Raises `CannotRecord`."""
        self._tape = self._make()
        self._tape.begin(Header(f"vitrine {__version__}", time.time(), msgspec.convert(models, list[ModelRow])))

    def end(self) -> Tally | None:
        """Closes the file, if it was begun."""
        return None if self._tape is None else self._tape.end()

    def around(self, handle: Handle) -> Handle:
        """A handle that does what this one does and is recorded."""
        assert self._tape is not None
        notes = _Notes(self._tape, self._number, inputs=self._inputs)
        return cast(Handle, _RecordingHandle(handle, notes, self._clock))

    def _number(self) -> int:
        self._calls += 1
        return self._calls - 1


class _RecordingHandle:
    """Work goes to the real handle before it is noted; an answer is noted before it goes on, while its pictures are
    still in their slots. Whatever else a handle can do goes through as it is."""

    def __init__(self, inner: Handle, notes: _Notes, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._notes = notes
        self._clock = clock
        self._events: Events | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def start(self, events: Events) -> None:
        self._events = events
        self._inner.start(self)

    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None:
        self._inner.attach(conn, offer, identity)
        self._notes.attach(conn, offer, identity)

    def detach(self, conn: int) -> None:
        self._inner.detach(conn)
        self._notes.detach(conn)

    def run(self, number: int, *, conn: int, call: int, step: str, op: str, raw: bytes, **more: Any) -> None:
        began_at = self._clock()
        self._inner.run(number, conn=conn, call=call, step=step, op=op, raw=raw, **more)
        if op not in NEVER:
            self._safely(lambda: self._notes.given(number, (conn, call), step, op, raw, began_at))

    def close_stream(self, conn: int, call: int) -> None:
        self._inner.close_stream(conn, call)
        self._notes.close((conn, call))

    async def stop(self) -> None:
        await self._inner.stop()
        self._notes.stop()

    # -- events of the real handle -------------------------------------------------------------------------------

    def worker_ready(self, name: str) -> None:
        self._notes.models(name, self._inner.models)
        self._told().worker_ready(name)

    def worker_answered(self, number: int, body: bytes, timings: Timings, used: list[int]) -> None:
        now = self._clock()
        self._safely(lambda: self._notes.answered(number, body, timings, now))
        self._told().worker_answered(number, body, timings, used)

    def worker_refused(self, number: int, code: str, message: str, retry_ms: int | None) -> None:
        self._notes.refused(number, Failure(code, message[:4096], retry_ms), self._clock())
        self._told().worker_refused(number, code, message, retry_ms)

    def worker_traced(self, job: int, pid: int, tid: int, spans: list[Span], more: int) -> None:
        self._told().worker_traced(job, pid, tid, spans, more)

    def worker_models(self, name: str) -> None:
        self._notes.models(name, self._inner.models)
        self._told().worker_models(name)

    def worker_lost(self, name: str) -> None:
        self._notes.lost()
        self._told().worker_lost(name)

    def _told(self) -> Events:
        assert self._events is not None
        return self._events

    def _safely(self, note: Callable[[], None]) -> None:
        """The boundary behind which no fault of the recording reaches a call."""
        try:
            note()
        except Exception:
            log.exception("a job was not recorded")


@dataclass(slots=True)
class _Job:
    conn: int
    call: int
    op: str
    step: Any
    at_us: int
    began_at: float
    a: dict[str, Any]


class _Notes:
    """What one lane's recorder knows: jobs that run, streams that are open, mappings of connections."""

    def __init__(self, tape: Tape, number: Callable[[], int], *, inputs: bool) -> None:
        self._tape = tape
        self._number = number
        self._inputs = inputs
        self._jobs: dict[int, _Job] = {}
        self._streams: dict[tuple[int, int], tuple[int, float]] = {}
        self._offers: dict[int, tuple[ShmOffer, int]] = {}
        self._lanes: dict[int, Lane] = {}
        self._models: Loaded | None = None

    # -- connections ---------------------------------------------------------------------------------------------

    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None:
        """A connection has a mapping; it is opened when a picture lies in it."""
        self._offers[conn] = (offer, identity)

    def detach(self, conn: int) -> None:
        """The connection is gone, with its streams."""
        self._offers.pop(conn, None)
        if (lane := self._lanes.pop(conn, None)) is not None:
            lane.close()
        for key in [key for key in self._streams if key[0] == conn]:
            self.close(key)

    def stop(self) -> None:
        """The handle has stopped."""
        if self._models is not None:
            self._tape.loaded(self._models)
        for conn in list(self._lanes):
            self.detach(conn)

    # -- jobs ----------------------------------------------------------------------------------------------------

    def given(self, number: int, key: tuple[int, int], step: str, op: str, raw: bytes, began_at: float) -> None:
        """A job went to the worker; the client's pictures stay in their slots until it is answered."""
        message = codec.decode(raw) if raw else {}
        since = self._tape.started_at
        if step in ("call", "open"):
            call = self._number()
            if step == "open":
                self._streams[key] = (call, began_at)
        elif key in self._streams:
            call, since = self._streams[key] if step == "push" else self._streams.pop(key)
        else:
            return
        given = message.get("a" if step in ("call", "open") else "d", {})
        frames = step == "push" and op in OPS and OPS[op].frames
        a = {name: self._with_held(key[0], item, self._purpose(frames, name)) for name, item in given.items()}
        self._jobs[number] = _Job(key[0], call, op, step, _us(began_at - since), began_at, a)

    def _purpose(self, frames: bool, name: str) -> Purpose:
        """A stream's frames only count; what a call or its layers are about is told by an imprint."""
        if self._inputs:
            return "both"
        return "outline" if frames and name == "image" else "imprint"

    def answered(self, number: int, body: bytes, timings: Timings, now: float) -> None:
        """A job's result."""
        job = self._jobs.pop(number, None)
        if job is None:
            return
        d = self._with_held(job.conn, codec.decode(body), "pixels")
        self._tape.put(_step(job, now, tm=timings, d=d))

    def refused(self, number: int, failure: Failure, now: float) -> None:
        """A job's failure."""
        job = self._jobs.pop(number, None)
        if job is not None and failure.code not in NOT_OF_THE_CALL:
            self._tape.put(_step(job, now, fail=failure))

    def close(self, key: tuple[int, int]) -> None:
        """The stream is over, whoever ended it."""
        stream = self._streams.pop(key, None)
        if stream is not None:
            self._tape.closed(stream[0])

    def lost(self) -> None:
        """The worker is gone, with what it was doing."""
        self._jobs.clear()
        for key in list(self._streams):
            self.close(key)

    def models(self, lane: str, models: dict[str, Any]) -> None:
        """What the worker has loaded: put down when other models are, and at the end with the latencies of the day."""
        rows = [
            LoadedModel(model.name, model.precision, model.runs, model.p50_ms, model.p95_ms)
            for model in models.values()
        ]
        before = [] if self._models is None else self._models.models
        self._models = Loaded(lane, rows)
        if [row.name for row in rows] != [row.name for row in before]:
            self._tape.loaded(self._models)

    # -- pictures ------------------------------------------------------------------------------------------------

    def _with_held(self, conn: int, value: Any, purpose: Purpose) -> Any:
        return values.map_pictures(value, lambda picture: self._hold(conn, picture, purpose))

    def _hold(self, conn: int, picture: dict[str, Any], purpose: Purpose) -> Held:
        """The picture with its bytes copied out of the slot, or its outline where it is not what it says."""
        try:
            image = msgspec.convert(picture, WireImage)
            form = {"w": image.w, "h": image.h, "f": image.f, "o": image.o}
            if purpose == "outline":
                return Held(form, b"", purpose)
            data = self._read(conn, image.d) if isinstance(image.d, ShmRef) else image.d
        except (msgspec.ValidationError, BadRequest, OSError, ValueError):
            return Held({"w": 0, "h": 0, "f": picture["f"], "o": "top"}, b"", "outline")
        channels = pixels.CHANNELS.get(image.f)
        if channels is not None and (not data or len(data) != image.w * image.h * channels):
            return Held(form, b"", "outline")
        return Held(form, data, purpose)

    def _read(self, conn: int, ref: ShmRef) -> bytearray:
        lane = self._lanes.get(conn)
        if lane is None:
            if conn not in self._offers:
                raise BadRequest("There is no mapping.")
            offer, identity = self._offers[conn]
            lane = self._lanes[conn] = open_lane(offer, identity=identity)
        return lane.read(ref)


def _step(
    job: _Job,
    now: float,
    *,
    tm: Timings = (0.0, 0.0, 0.0),
    d: dict[str, Any] | None = None,
    fail: Failure | None = None,
) -> Step:
    return Step(job.call, job.op, job.step, job.at_us, _us(now - job.began_at), job.a, tm, d, fail)


def _us(seconds: float) -> int:
    return max(0, round(1e6 * seconds))
