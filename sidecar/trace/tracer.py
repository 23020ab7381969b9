"""The gateway's side of a trace: from the bytes that were read to the answer that was written, for every call.

While none is taken `on` is false, and that is all that anybody looks at.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .spans import RING, Flow, Ring, Slice, Span, trace_number

RECENT = 256  # jobs whose worker may still send spans


@dataclass(frozen=True)
class Clock:
    """One moment, the trace's zero: on the clock of the spans, on the one that `pong` tells, on the wall's."""

    trace_ns: int
    server_us: int
    unix_us: int


def read_clock() -> Clock:
    """Now, on all three."""
    return Clock(time.perf_counter_ns(), time.monotonic_ns() // 1000, time.time_ns() // 1000)


class CallTrace:
    """The way of one job: a call, or one push of a stream."""

    __slots__ = (
        "_tracer", "answered_ns", "args", "ended", "handled_ns", "id", "lane", "name", "read_ns", "sent_ns", "spans",
    )  # fmt: skip

    def __init__(self, tracer: Tracer, number: int, name: str, lane: str, args: dict[str, Any], read_ns: int) -> None:
        self.id = number
        self.name = name
        self.lane = lane
        self.args = args
        self.read_ns = read_ns
        self.handled_ns = 0
        self.sent_ns = 0
        self.answered_ns = 0
        self.ended = False
        self.spans: Sequence[Span] = ()
        self._tracer = tracer

    def sent(self, job: int) -> int:
        """It is about to be handed to its worker, who is told the result."""
        self.sent_ns = self._tracer.clock()
        self._tracer.remember(job, self)
        return self._tracer.number

    def answered(self) -> None:
        """The worker's answer is here."""
        self.answered_ns = self._tracer.clock()

    def end(self, outcome: str, **more: Any) -> None:
        """It is over, whatever became of it; told twice it is still over once."""
        if not self.ended:
            self.ended = True
            self._tracer.close(self, outcome, more)


class Tracer:
    """What the gateway notes while a trace is taken. `clock`: nanoseconds. Everything happens on one thread."""

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns, *, most: int = RING) -> None:
        self.on = False
        self.number = 0  # what workers are told of the trace; 0 while none is taken
        self.clock = clock
        self.ring = Ring(most)
        self.more = 0  # spans that jobs had beyond what is kept
        self.began = Clock(0, 0, 0)
        self.names: dict[int, str] = {}  # of processes
        self.threads: dict[tuple[int, int], str] = {}
        self._pid = self._tid = 0
        self._most = most
        self._ids = 0
        self._serial = 0
        self._read_ns = 0
        self._current: CallTrace | None = None
        self._jobs: deque[tuple[int, CallTrace]] = deque(maxlen=RECENT)

    def begin(self, began: Clock, *, kernels: bool = False) -> None:
        """From now on everything is noted."""
        self.ring, self.more, self.began = Ring(self._most), 0, began
        self._pid, self._tid = os.getpid(), threading.get_native_id()
        self.names = {self._pid: "vitrine gateway"}
        self.threads = {(self._pid, self._tid): "event loop"}
        self._read_ns = self.clock()
        self._serial += 1
        self.number = trace_number(self._serial, kernels=kernels)
        self.on = True

    def end(self) -> None:
        """Nothing more is noted; what was stays until the next `begin`, or `forget`. What still runs is over here."""
        for _, call in self._jobs:
            call.end("running")
        self.on, self.number = False, 0
        self._current = None
        self._jobs.clear()

    def forget(self) -> None:
        """Gives the memory back."""
        self.ring = Ring(self._most)

    # -- on the event loop ---------------------------------------------------------------------------------------

    def received(self) -> None:
        """Bytes came from a socket: what is parsed next began now."""
        self._read_ns = self.clock()

    def read(self, name: str, session: str) -> None:
        """A message has been dealt with: parsed, routed, perhaps handed to a worker."""
        now, call = self.clock(), self._current
        args = {"session": session} if call is None else call.args
        flow: Flow = "" if call is None else "s"
        self._thread(name, "gateway", self._read_ns, now, args, 0 if call is None else call.id, flow)
        if call is not None:
            call.handled_ns = now
        self._current = None
        self._read_ns = now

    def call(
        self, *, session: str, call: int, op: str, step: str, n: object, prio: str, lane: str, size: int
    ) -> CallTrace:
        """A message opened a call or pushed to one."""
        self._ids += 1
        args: dict[str, Any] = {"session": session, "call": call, "prio": prio, "bytes": size}
        if isinstance(n, int):
            args["n"] = n
        traced = CallTrace(self, self._ids, f"{op} {step}", lane, args, self._read_ns)
        self._current = traced
        return traced

    def remember(self, job: int, call: CallTrace) -> None:
        """The worker knows the call by its job's number."""
        self._jobs.append((job, call))

    def worked(self, job: int, pid: int, tid: int, spans: Sequence[Span], more: int) -> None:
        """What a worker did for a job; comes before its answer, kernels after it."""
        call = next((call for number, call in reversed(self._jobs) if number == job), None)
        if call is None or not self.on:
            return
        self.more += more
        self.names.setdefault(pid, f"vitrine worker {call.lane}")
        self.threads.setdefault((pid, tid), "engine")
        if not call.spans:
            call.spans = spans
        self._work(call, pid, tid, spans)

    def close(self, call: CallTrace, outcome: str, more: dict[str, Any]) -> None:
        """A job is over: its way becomes slices."""
        if not self.on:
            return
        end_ns = self.clock()
        args = {**call.args, "outcome": outcome, **more}
        # It outlasts its parts, which tells viewers the nesting.
        self._aside(call, call.name, call.read_ns, end_ns + 1, args)
        handled_ns = call.handled_ns or call.sent_ns or end_ns
        self._aside(call, "read", call.read_ns, min(handled_ns, call.sent_ns or handled_ns), {})
        if not call.sent_ns:
            self._aside(call, "queue", handled_ns, end_ns, {})
            return
        self._aside(call, "queue", min(handled_ns, call.sent_ns), call.sent_ns, {})
        if call.answered_ns:
            self._thread(f"answer {call.name}", "gateway", call.answered_ns, end_ns, args, call.id, "f")
        self._hops(call, end_ns)

    # -- as slices -----------------------------------------------------------------------------------------------

    def _hops(self, call: CallTrace, end_ns: int) -> None:
        back_ns = call.answered_ns or end_ns
        job = next((span for span in call.spans if span.kind == "job"), None)
        if job is None:
            self._aside(call, "at worker", call.sent_ns, back_ns, {})
        else:
            self._aside(call, "to worker", call.sent_ns, job.begin_ns, {})
            self._aside(call, "at worker", job.begin_ns, job.end_ns, {})
            self._aside(call, "from worker", job.end_ns, back_ns, {})
        if call.answered_ns:
            self._aside(call, "write", call.answered_ns, end_ns, {})

    def _work(self, call: CallTrace, pid: int, tid: int, spans: Sequence[Span]) -> None:
        for span in spans:
            number, tied = call.id, ("t" if span.kind in ("job", "model") else "")
            if span.kind == "profile":
                number, tied = self._tie_profile(call, pid, tid, span.name), "f"
            flow: Flow = tied  # type: ignore[assignment]
            self.ring.add(Slice(pid, tid, span.name, span.kind, span.begin_ns, span.end_ns, call.args, number, flow))

    def _tie_profile(self, call: CallTrace, pid: int, tid: int, model: str) -> int:
        """A model's kernels are measured after the call's answer: an arrow of their own leads from its run to them."""
        self._ids += 1
        ran = next((span for span in call.spans if span.kind == "model" and model.endswith(span.name)), None)
        if ran is not None:
            self.ring.add(Slice(pid, tid, "", "", ran.begin_ns, ran.end_ns, {}, self._ids, "s"))
        return self._ids

    def _thread(
        self, name: str, category: str, begin_ns: int, end_ns: int, args: dict[str, Any], number: int, flow: Flow
    ) -> None:
        self.ring.add(Slice(self._pid, self._tid, name, category, begin_ns, end_ns, args, number, flow))

    def _aside(self, call: CallTrace, name: str, begin_ns: int, end_ns: int, args: dict[str, Any]) -> None:
        end_ns = max(begin_ns, end_ns)
        self.ring.add(Slice(self._pid, self._tid, name, "call", begin_ns, end_ns, args, call.id, aside=True))
