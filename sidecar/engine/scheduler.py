"""Which job runs next: priorities, deadlines, latest-wins, `key`, bounded queues. Pure; time is passed in.

A job is one unit of a worker's time: a whole U or S call, or one step (open, push, end) of a B call. Steps of one B
call run in order and one at a time; a frame that waits is replaced by a newer one.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from ..errors import Deadline, Overloaded, Superseded, VitrineError

Payload = TypeVar("Payload")
Step = Literal["call", "open", "frame", "layers", "push", "end"]
RANK: Mapping[str, int] = {"frame": 0, "voice": 1, "chat": 2, "render": 3, "batch": 4}


@dataclass(frozen=True)
class QueueLimits:
    """Jobs that may wait, by priority, and input that an unread B call may pile up."""

    by_prio: Mapping[str, int] = field(
        default_factory=lambda: {"frame": 64, "voice": 64, "chat": 64, "render": 32, "batch": 32}
    )
    pushes: int = 256


@dataclass(eq=False, slots=True)
class Job(Generic[Payload]):
    """One unit of work. `owner` names the call, `deadline` and `queued_at` are seconds of the caller's clock."""

    owner: object
    lane: str
    prio: str
    step: Step
    payload: Payload
    queued_at: float
    deadline: float = float("inf")
    key: object | None = None
    state: Literal["waiting", "running", "gone"] = "waiting"


@dataclass(frozen=True, slots=True)
class Dropped(Generic[Payload]):
    """A job that will not run, and why; a superseded frame carries no error, since its call goes on."""

    job: Job[Payload]
    error: VitrineError | None


class _Stream(Generic[Payload]):
    """A B call's mailbox: at most one frame and one change of layers wait; other pushes keep their order."""

    __slots__ = ("busy", "lane", "offered", "prio", "waiting")

    def __init__(self, lane: str, prio: str) -> None:
        self.lane = lane
        self.prio = prio
        self.waiting: list[Job[Payload]] = []
        self.busy = False
        self.offered = False  # whether the lane's heap holds an entry for it


class Scheduler(Generic[Payload]):
    """Queues of every lane. A lane runs one job at a time; `next_job` hands it out, `finished` takes it back."""

    def __init__(self, lanes: tuple[str, ...], limits: QueueLimits | None = None) -> None:
        self.limits = limits or QueueLimits()
        self._ready: dict[str, list[tuple[int, int, Any]]] = {lane: [] for lane in lanes}
        self._streams: dict[object, _Stream[Payload]] = {}
        self._waiting: dict[object, Job[Payload]] = {}
        self._by_key: dict[object, Job[Payload]] = {}
        self._depth: dict[str, int] = dict.fromkeys(RANK, 0)
        self._order = 0
        self._service_s: dict[str, float] = dict.fromkeys(lanes, 0.05)

    # -- putting in ----------------------------------------------------------------------------------------------

    def submit(self, job: Job[Payload]) -> list[Dropped[Payload]]:
        """Queues a call or the opening of a B call; returns what had to go for it (maybe the job itself)."""
        if self._depth[job.prio] >= self.limits.by_prio[job.prio]:
            return [self._drop(job, self._overloaded(job))]
        dropped: list[Dropped[Payload]] = []
        if job.key is not None:
            older = self._by_key.get(job.key)
            if older is not None and older.state == "waiting":
                dropped += self._supersede(older)
            self._by_key[job.key] = job
        if job.step == "open":
            stream: _Stream[Payload] = _Stream(job.lane, job.prio)
            self._streams[job.owner] = stream
            stream.waiting.append(job)
            self._offer(job.owner, stream)
        else:
            self._waiting[job.owner] = job
            self._push_ready(job.lane, job.prio, job)
        self._depth[job.prio] += 1
        return dropped

    def push(self, job: Job[Payload]) -> list[Dropped[Payload]]:
        """Queues one step of an open B call. A waiting frame gives way to a newer one, waiting layers to newer layers;
        layers overtake a waiting frame, since they are a state and not an event."""
        stream = self._streams.get(job.owner)
        if stream is None:
            return [self._drop(job, None)]
        dropped: list[Dropped[Payload]] = []
        if job.step in ("frame", "layers"):
            for older in [waiting for waiting in stream.waiting if waiting.step == job.step]:
                stream.waiting.remove(older)
                self._depth[older.prio] -= 1
                dropped.append(self._drop(older, None))
        if len(stream.waiting) >= self.limits.pushes:
            return [*dropped, self._drop(job, self._overloaded(job))]
        place = len(stream.waiting)
        while job.step == "layers" and place and stream.waiting[place - 1].step == "frame":
            place -= 1
        stream.waiting.insert(place, job)
        self._depth[job.prio] += 1
        self._offer(job.owner, stream)
        return dropped

    # -- taking out ----------------------------------------------------------------------------------------------

    def next_job(self, lane: str, now: float) -> tuple[Job[Payload] | None, list[Dropped[Payload]]]:
        """The job that this free lane should run now, and those whose budget is over."""
        dropped: list[Dropped[Payload]] = []
        ready = self._ready[lane]
        while ready:
            _, _, item = heapq.heappop(ready)
            job = self._claim(item)
            if job is None:
                continue
            self._depth[job.prio] -= 1
            if job.deadline < now:
                dropped += self._expired(job)
                continue
            job.state = "running"
            return job, dropped
        return None, dropped

    def _claim(self, item: Any) -> Job[Payload] | None:
        """The job behind a heap entry: the call itself, or the first step that its stream's mailbox holds."""
        if isinstance(item, Job):
            if item.state != "waiting":
                return None
            self._waiting.pop(item.owner, None)
            self._forget_key(item)
            return item
        stream = self._streams.get(item)
        if stream is None:
            return None
        stream.offered = False
        if stream.busy or not stream.waiting:
            return None
        stream.busy = True
        job = stream.waiting.pop(0)
        self._forget_key(job)
        return job

    def _expired(self, job: Job[Payload]) -> list[Dropped[Payload]]:
        if job.step in ("frame", "layers", "push", "end"):
            self._settle(job)  # a late frame is dropped and counted; its call goes on
            return [self._drop(job, None)]
        late = Deadline("Its budget ran out before it could start; give it more or send less.")
        return [self._drop(job, late), *self.withdraw(job.owner)]

    def finished(self, job: Job[Payload], service_s: float) -> None:
        """The worker has answered: the job's lane is free, its B call may run its next step."""
        job.state = "gone"
        self._service_s[job.lane] += 0.2 * (service_s - self._service_s[job.lane])
        self._settle(job)

    def _settle(self, job: Job[Payload]) -> None:
        stream = self._streams.get(job.owner)
        if stream is not None:
            stream.busy = False
            self._offer(job.owner, stream)

    # -- stopping ------------------------------------------------------------------------------------------------

    def expire(self, now: float) -> list[Dropped[Payload]]:
        """Drops every waiting call whose budget is over, wherever it stands in its queue."""
        late = [job for job in self._waiting.values() if job.deadline < now]
        return [
            self._remove(job, Deadline("Its budget ran out before it could start; give it more or send less."))
            for job in late
        ]

    def next_deadline(self) -> float:
        """When `expire` should be called next; infinity if nothing waits under a budget."""
        return min(job.deadline for job in self._waiting.values()) if self._waiting else float("inf")

    def withdraw(self, owner: object) -> list[Dropped[Payload]]:
        """Takes every waiting step of a call out (it was cancelled, failed or lost its connection)."""
        job = self._waiting.get(owner)
        dropped = [self._remove(job, None)] if job is not None else []
        stream = self._streams.pop(owner, None)
        if stream is not None:
            for step in stream.waiting:
                self._depth[step.prio] -= 1
                self._forget_key(step)
                dropped.append(self._drop(step, None))
        return dropped

    # -- looking -------------------------------------------------------------------------------------------------

    def depths(self) -> dict[str, int]:
        """Waiting jobs by priority."""
        return dict(self._depth)

    def service_s(self, lane: str) -> float:
        """Smoothed seconds that a job of this lane takes."""
        return self._service_s[lane]

    # -- inside --------------------------------------------------------------------------------------------------

    def _supersede(self, older: Job[Payload]) -> list[Dropped[Payload]]:
        """A waiting call goes, and with the opening of a B call the input that waits behind it."""
        error = Superseded("A newer call with the same key took its place.")
        return [Dropped(item.job, error if item.job is older else None) for item in self.withdraw(older.owner)]

    def _offer(self, owner: object, stream: _Stream[Payload]) -> None:
        if stream.waiting and not stream.busy and not stream.offered:
            stream.offered = True
            self._push_ready(stream.lane, stream.prio, owner)

    def _push_ready(self, lane: str, prio: str, item: object) -> None:
        self._order += 1
        ready = self._ready[lane]
        if len(ready) > 2 * sum(self._depth.values()) + 64:  # withdrawn entries are left behind until they are popped
            ready[:] = [entry for entry in ready if self._is_live(entry[2])]
            heapq.heapify(ready)
        heapq.heappush(ready, (RANK[prio], self._order, item))

    def _is_live(self, item: Any) -> bool:
        return item.state == "waiting" if isinstance(item, Job) else item in self._streams

    def _overloaded(self, job: Job[Payload]) -> Overloaded:
        retry_ms = int(1000 * self._service_s[job.lane] * max(1, self._depth[job.prio] // 2)) + 1
        return Overloaded("Too much work is waiting; send less or try again later.", retry_ms=min(retry_ms, 60_000))

    def _remove(self, job: Job[Payload], error: VitrineError | None) -> Dropped[Payload]:
        self._waiting.pop(job.owner, None)
        self._depth[job.prio] -= 1
        self._forget_key(job)
        if job.step == "open":
            self._streams.pop(job.owner, None)
        return self._drop(job, error)

    def _forget_key(self, job: Job[Payload]) -> None:
        if job.key is not None and self._by_key.get(job.key) is job:
            del self._by_key[job.key]

    def _drop(self, job: Job[Payload], error: VitrineError | None) -> Dropped[Payload]:
        job.state = "gone"
        return Dropped(job, error)
