"""Open calls of all connections, and the way of each through the scheduler to a worker and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..engine.scheduler import Dropped, Job, Scheduler, Step
from ..errors import Cancelled, Overloaded, Unavailable, VitrineError, from_wire
from ..trace.tracer import CallTrace, Tracer
from ..wire import codec
from ..wire.messages import Timing
from ..wire.ops import OpRule
from .connection import Connection
from .stats import Stats
from .watch import Watch

WAITING_BYTES = 512 * 2**20
LONGEST_REST_S = 0.25


@dataclass(eq=False, slots=True)
class OpenCall:
    """A call that has not been answered; `live` turns false once it has been, whatever still runs for it."""

    connection: Connection
    id: int
    op: str
    rule: OpRule
    prio: str
    budget_ms: float | None
    read_at: float
    live: bool = True
    frames_in: int = 0
    frames_out: int = 0
    superseded: int = 0
    ending: bool = False
    running: Work | None = None


@dataclass(eq=False, slots=True)
class Work:
    """What a job carries: its call, the peer's message, the client's slots that it reads, the server's it may fill."""

    call: OpenCall
    step: Step
    raw: bytes
    slots: list[int]
    read_at: float
    number: int = 0
    started_at: float = 0.0
    grants: list[tuple[int, int]] = field(default_factory=list)
    job: Job[Work] | None = None
    trace: CallTrace | None = None

    @property
    def frame(self) -> bool:
        """Whether it is one of the frames that `frames_in` counts."""
        return self.step == "frame" or (self.step == "push" and self.call.rule.frames)


class Bench(Protocol):
    """The workers, as the calls see them: one a lane."""

    def idle(self, lane: str) -> bool:
        """Whether the lane's worker is ready and has no job."""

    def run(self, lane: str, work: Work) -> None:
        """Hands a job to the lane's worker."""

    def cancel(self, lane: str, number: int) -> None:
        """Asks a running job to stop."""

    def close_stream(self, lane: str, conn: int, call: int) -> None:
        """Tells the worker to forget a B call."""


class Calls:
    """Routes calls. Every call gets exactly one end; every slot that was handed over goes back exactly once."""

    def __init__(self, scheduler: Scheduler[Work], bench: Bench, stats: Stats, watch: Watch) -> None:
        self.scheduler = scheduler
        self.changed: Callable[[], None] = lambda: None
        self.later: Callable[[str, float], None] = lambda lane, delay_s: None
        self.frame_share = 1.0  # of the time in which a lane may work on frames; below 1 it rests after each
        self._rests: dict[str, float] = {}
        self._bench = bench
        self._stats = stats
        self._watch = watch
        self.trace = Tracer()
        self._open: dict[tuple[int, int], OpenCall] = {}
        self._running: dict[int, Work] = {}
        self._numbers = 0
        self._bytes = 0  # of all messages that wait or run

    # -- from the peer -------------------------------------------------------------------------------------------

    def open(self, call: OpenCall, raw: bytes, slots: list[int], key: object | None) -> None:
        """Queues a call for a worker."""
        self._open[(call.connection.number, call.id)] = call
        step: Step = "open" if call.rule.kind == "B" else "call"
        work = self._work(call, step, raw, slots, call.read_at)
        deadline = float("inf")
        if call.budget_ms is not None and step == "call":
            deadline = call.read_at + call.budget_ms / 1000
        job = Job(call, call.rule.lane, call.prio, step, work, call.read_at, deadline, key)
        work.job = job
        if self._refused_for_memory(work):
            return
        if dropped := self.scheduler.submit(job):
            self._settle(dropped)
        self.pump(call.rule.lane)
        if deadline != float("inf") and job.state == "waiting":
            self.changed()

    def push(self, call: OpenCall, step: Step, raw: bytes, slots: list[int], n: object = None) -> None:
        """Queues more input of a B call, its number `n` if it has one; what comes after its `end` is ignored."""
        now = time.monotonic()
        work = self._work(call, step, raw, slots, now, n)
        if call.ending:
            self._give_back(work)
            return
        call.ending = step == "end"
        if work.frame:
            call.frames_in += 1
            self._stats.frame("in")
        deadline = float("inf")
        if call.budget_ms is not None and step == "frame":  # other steps change a state, so they are never dropped
            deadline = now + call.budget_ms / 1000
        job = Job(call, call.rule.lane, call.prio, step, work, now, deadline)
        work.job = job
        if self._refused_for_memory(work):
            return
        self._settle(self.scheduler.push(job))
        self.pump(call.rule.lane)

    def _work(
        self, call: OpenCall, step: Step, raw: bytes, slots: list[int], read_at: float, n: object = None
    ) -> Work:
        self._bytes += len(raw)
        work = Work(call, step, raw, slots, read_at)
        if self.trace.on:
            work.trace = self._traced(work, n)
        return work

    def _traced(self, work: Work, n: object) -> CallTrace:
        call = work.call
        return self.trace.call(
            session=call.connection.client, call=call.id, op=call.op, step=work.step, n=n, prio=call.prio,
            lane=call.rule.lane, size=len(work.raw),
        )  # fmt: skip

    def _refused_for_memory(self, work: Work) -> bool:
        """Whether the messages that wait are too many bytes already, however few they are; then the call fails."""
        if self._bytes <= WAITING_BYTES:
            return False
        self._give_back(work)
        self.stop(work.call, Overloaded("Too much data is waiting; send less or try again later.", retry_ms=100))
        return True

    def find(self, connection: Connection, call_id: int) -> OpenCall | None:
        """The open call of this id, if a worker has to do with it."""
        return self._open.get((connection.number, call_id))

    def open_in(self, lane: str) -> list[OpenCall]:
        """The B calls that a lane's worker holds state for."""
        return [call for call in self._open.values() if call.rule.lane == lane and call.rule.kind == "B"]

    def all_open(self) -> list[OpenCall]:
        """Every call that a worker has to do with."""
        return list(self._open.values())

    def stop(self, call: OpenCall, error: VitrineError | None, *, code: str = Cancelled.code) -> None:
        """Ends a call before its time at every layer; without an error the peer has been told already, or is gone, and
        `code` is what is counted."""
        if not call.live:
            return
        for dropped in self.scheduler.withdraw(call):
            self._give_back(dropped.job.payload)
        if call.running is not None:
            self._bench.cancel(call.rule.lane, call.running.number)
        if call.rule.kind == "B":
            self._bench.close_stream(call.rule.lane, call.connection.number, call.id)
        if error is not None:
            self.fail(call, error)
        else:
            self._forget(call, code)

    def cancel(self, call: OpenCall) -> None:
        """The peer's `cancel`."""
        self.stop(call, Cancelled("The call was cancelled."))

    def shed(self, prios: frozenset[str], refusal: Callable[[str], VitrineError | None]) -> None:
        """Ends the calls of these priorities that still wait; what runs goes on, and so do streams."""
        for call in [call for call in self._open.values() if call.prio in prios]:
            if call.running is None and call.rule.kind != "B":
                self.stop(call, refusal(call.prio))

    def stop_connection(self, connection: Connection) -> None:
        """The connection is gone: everything of it stops."""
        for call in [call for call in self._open.values() if call.connection is connection]:
            self.stop(call, None)

    # -- to and from the workers ---------------------------------------------------------------------------------

    def pump(self, lane: str) -> None:
        """Gives a lane's worker its next job if it is free."""
        if not self._bench.idle(lane) or (self._rests and self._resting(lane)):
            return
        job, dropped = self.scheduler.next_job(lane, time.monotonic())
        self._settle(dropped)
        if job is not None:
            self._run(job.payload)
        if job is not None or dropped:
            self.changed()

    def _resting(self, lane: str) -> bool:
        """Whether the lane leaves the machine to the game for a moment longer; then it is pumped again after it."""
        left_s = self._rests.get(lane, 0.0) - time.monotonic()
        if left_s > 0:
            self.later(lane, left_s)
            return True
        self._rests.pop(lane, None)
        return False

    def _run(self, work: Work) -> None:
        self._numbers += 1
        work.number = self._numbers
        work.started_at = time.monotonic()
        work.call.running = work
        connection = work.call.connection
        if connection.mapped and connection.down is not None and work.step not in ("open", "layers", "end"):
            for _ in range(work.call.rule.pictures):
                if (grant := connection.down.take()) is not None:
                    work.grants.append(grant)
        self._running[work.number] = work
        self._bench.run(work.call.rule.lane, work)

    def answered(self, number: int, body: bytes, timing: tuple[float, float, float], used: list[int]) -> None:
        """A worker's result."""
        work = self._finish(number)
        if work is None:
            return
        connection = work.call.connection
        if work.trace is not None:
            work.trace.answered()
        connection.cork()
        self._return_grants(work, keep=used if work.call.live else [])
        if work.call.live:
            self._deliver(work, body, timing, used)
        self._give_back(work)
        connection.uncork()
        if work.trace is not None:
            work.trace.end("ok")
        self.pump(work.call.rule.lane)

    def refused(self, number: int, code: str, message: str, retry_ms: int | None) -> None:
        """A worker's failure: a bad frame fails its whole stream."""
        work = self._finish(number)
        if work is None:
            return
        if work.trace is not None:
            work.trace.answered()
        self._return_grants(work, keep=[])
        if work.call.live:
            self.stop(work.call, from_wire(code, message, retry_ms))
        self._give_back(work)
        if work.trace is not None:
            work.trace.end(code)
        self.pump(work.call.rule.lane)

    def worker_lost(self, lane: str, running: list[int]) -> None:
        """A worker died: what it ran fails, and so does every B call whose state died with it."""
        error = Unavailable("The engine worker stopped; it is being started again, send the call again.", retry_ms=1000)
        for number in running:
            work = self._finish(number)
            if work is not None:
                self._return_grants(work, keep=[])
                self.stop(work.call, error)
                self._give_back(work, error.code)
        for call in self.open_in(lane):
            self.stop(call, error)

    def _finish(self, number: int) -> Work | None:
        work = self._running.pop(number, None)
        if work is None:
            return None
        work.call.running = None
        assert work.job is not None
        now = time.monotonic()
        self.scheduler.finished(work.job, now - work.started_at)
        if self.frame_share < 1.0 and work.frame:
            rest_s = (now - work.started_at) * (1 / self.frame_share - 1)
            self._rests[work.call.rule.lane] = now + min(LONGEST_REST_S, rest_s)
        return work

    def _deliver(self, work: Work, body: bytes, timing: tuple[float, float, float], used: list[int]) -> None:
        call, session = work.call, work.call.connection.session
        now = time.monotonic()
        tm = Timing(
            queue_ms=1000 * (work.started_at - work.read_at),
            decode_ms=timing[0],
            infer_ms=timing[1],
            encode_ms=timing[2],
            total_ms=1000 * (now - work.read_at),
        )
        if work.step == "call":
            session.done(call.id, body, tm)
            self._stats.took(call.op, now - work.read_at)
            self._watch.answered(call.op, call.connection.number, tm, now)
            self._forget(call, "ok")
        elif work.step == "end":
            if call.rule.frames:
                counts = {"frames_in": call.frames_in, "frames_out": call.frames_out, "superseded": call.superseded}
                body = codec.encode(counts)
            session.done(call.id, body, tm)
            self._forget(call, "ok")
            for dropped in self.scheduler.withdraw(call):
                self._give_back(dropped.job.payload)
        elif body != EMPTY:
            self._part(work, body, tm, used)
            self._stats.took(call.op, now - work.read_at)
            self._watch.answered(call.op, call.connection.number, tm, now)
            if call.rule.frames:
                call.connection.seen.frame((now, tm.total_ms))

    def _part(self, work: Work, body: bytes, tm: Timing, used: list[int]) -> None:
        call, connection = work.call, work.call.connection
        if not call.rule.frames:
            connection.session.part(call.id, body, tm)
            return
        call.frames_out += 1
        self._stats.frame("out")
        dropped = connection.session.frame_part(call.id, body, tm, used)
        if dropped is not None:  # the reader is slow: an answered frame was never sent
            call.frames_out -= 1
            call.superseded += 1
            self._stats.frame("superseded")
            if connection.down is not None:
                connection.down.give_back(dropped)

    # -- ends ----------------------------------------------------------------------------------------------------

    def fail(self, call: OpenCall, error: VitrineError) -> None:
        """Answers a call with a fail."""
        if call.live and call.connection.session.is_open(call.id):
            call.connection.session.fail(call.id, error)
        self._forget(call, error.code)
        call.connection.flush()

    def _forget(self, call: OpenCall, code: str) -> None:
        if call.live:
            call.live = False
            self._open.pop((call.connection.number, call.id), None)
            self._stats.ended(call.op, code)
            if code != "ok":
                self._watch.failed(call.op, code, call.connection.number)

    def _settle(self, dropped: list[Dropped[Work]]) -> None:
        """Jobs that will not run: their slots go back, their call fails or, for a frame, goes on."""
        for item in dropped:
            work = item.job.payload
            self._give_back(work, "superseded" if item.error is None else item.error.code)
            if item.error is not None:
                self.stop(work.call, item.error)
            elif work.frame and work.call.live:
                work.call.superseded += 1
                self._stats.frame("superseded")

    def expire(self) -> None:
        """Fails the waiting calls whose budget is over."""
        self._settle(self.scheduler.expire(time.monotonic()))

    def _give_back(self, work: Work, why: str = "not run") -> None:
        """Lets go of what a job read: the last step of every job, whatever became of it; `why` is for its trace."""
        if work.trace is not None and not work.trace.answered_ns:
            work.trace.end(why)
        self._bytes -= len(work.raw)
        work.raw = b""
        if work.slots:
            work.call.connection.release(work.slots)
            work.slots = []

    def _return_grants(self, work: Work, *, keep: list[int]) -> None:
        pool = work.call.connection.down
        if pool is not None and work.grants:
            pool.give_back(slot for slot, _ in work.grants if slot not in keep)


EMPTY = codec.encode({})

