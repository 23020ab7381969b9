"""The gateway's notes as a file: hops without gaps, one arrow a call, bounded, and nothing while no trace is taken."""

from __future__ import annotations

import json
import os
from typing import Any

from tracing.format import bound, flows, load, nests

from sidecar.trace import chrome
from sidecar.trace.spans import JobSpans, Span, trace_number, wants_kernels
from sidecar.trace.tracer import CallTrace, Clock, Tracer

ZERO = Clock(1_000_000_000, 77, 88)
WORKER, ENGINE = 4711, 4712
MS = 1_000_000


class Stage:
    """A tracer whose clock the test moves, in milliseconds after the trace's beginning."""

    def __init__(self, **options: Any) -> None:
        self.now_ns = ZERO.trace_ns
        self.tracer = Tracer(lambda: self.now_ns, **options)

    def at(self, ms: float) -> Stage:
        self.now_ns = ZERO.trace_ns + round(ms * MS)
        return self

    def begin(self, *, kernels: bool = False) -> Stage:
        self.at(0).tracer.begin(ZERO, kernels=kernels)
        return self

    def read(self, ms: float, until: float, *, n: int | None = None, call: int = 7, sent: bool = True) -> CallTrace:
        """A message that came at `ms` and was dealt with at `until`, with the job half-way if it was handed over."""
        self.at(ms).tracer.received()
        traced = self.tracer.call(
            session="s1", call=call, op="tryon.stream", step="frame", n=n, prio="frame", lane="frame", size=100
        )
        if sent:
            self.at((ms + until) / 2)
            traced.sent(job=call)
        self.at(until).tracer.read("read pushed", "s1")
        return traced

    def events(self) -> list[dict[str, Any]]:
        slices = self.tracer.ring.take()
        return load(b"".join(chrome.document(self.tracer, slices, {})))


def span(name: str, kind: Any, begin: float, end: float) -> Span:
    return Span(name, kind, ZERO.trace_ns + round(begin * MS), ZERO.trace_ns + round(end * MS))


JOB = [span("decode", "stage", 3.1, 3.4), span("pose-full", "model", 4, 8), span("tryon.stream push", "job", 3, 9)]


def whole_call(stage: Stage) -> list[dict[str, Any]]:
    traced = stage.read(1, 2, n=5)
    stage.tracer.worked(7, WORKER, ENGINE, JOB, more=0)
    stage.at(10)
    traced.answered()
    stage.at(10.5)
    traced.end("ok")
    stage.tracer.end()
    return stage.events()


def test_the_hops_of_a_call_follow_each_other_without_a_gap() -> None:
    events = whole_call(Stage().begin())
    nests(events)
    aside = {event["name"]: event["ts"] for event in events if event["ph"] == "b"}
    ends = {event["name"]: event["ts"] for event in events if event["ph"] == "e"}
    hops = ["read", "queue", "to worker", "at worker", "from worker", "write"]
    assert [aside[name] for name in hops] == [1000, 1500, 1500, 3000, 9000, 10_000]
    assert [ends[name] for name in hops] == [1500, 1500, 3000, 9000, 10_000, 10_500]
    assert aside["tryon.stream frame"] == 1000 and ends["tryon.stream frame"] == 10_500.001
    root = next(event for event in events if event["ph"] == "b" and event["name"] == "tryon.stream frame")
    assert root["args"] == {"session": "s1", "call": 7, "prio": "frame", "bytes": 100, "n": 5, "outcome": "ok"}


def test_one_arrow_leads_from_the_read_through_the_models_to_the_answer() -> None:
    events = whole_call(Stage().begin())
    (chain,) = flows(events).values()
    assert [event["ph"] for event in chain] == ["s", "t", "t", "f"]
    names = [bound(events, arrow)["name"] for arrow in chain]
    assert names == ["read pushed", "tryon.stream push", "pose-full", "answer tryon.stream frame"]
    assert {bound(events, arrow)["args"]["call"] for arrow in chain} == {7}


def test_processes_and_threads_have_names() -> None:
    events = whole_call(Stage().begin())
    names = {(e["name"], e["pid"]): e["args"]["name"] for e in events if e["ph"] == "M" and "name" in e["args"]}
    assert names["process_name", os.getpid()] == "vitrine gateway"
    assert names["process_name", WORKER] == "vitrine worker frame"
    assert names["thread_name", WORKER] == "engine"


def test_a_message_that_is_no_call_is_a_slice_on_the_loop_alone() -> None:
    stage = Stage().begin()
    stage.at(1).tracer.received()
    stage.at(2).tracer.read("read ping", "s9")
    stage.at(4).tracer.read("read pace", "s9")  # the same bytes held two messages
    events = [event for event in stage.events() if event["ph"] != "M"]
    assert [(e["name"], e["ts"], e["dur"], e["args"]) for e in events] == [
        ("read ping", 1000, 1000, {"session": "s9"}),
        ("read pace", 2000, 2000, {"session": "s9"}),
    ]


def test_a_frame_that_was_never_run_waits_until_it_is_dropped() -> None:
    stage = Stage().begin()
    dropped = stage.read(1, 2, n=3, sent=False)
    stage.at(30)
    dropped.end("superseded")
    dropped.end("ok")  # whoever is second is too late
    events = stage.events()
    nests(events)
    root = next(event for event in events if event["ph"] == "b")
    assert root["args"]["outcome"] == "superseded"
    queue = [event["ts"] for event in events if event["name"] == "queue"]
    assert queue == [2000, 30_000]
    assert [event["ph"] for event in events if event["ph"] in "stf"] == ["s"]


def test_what_still_runs_at_the_end_is_in_the_file() -> None:
    stage = Stage().begin()
    stage.read(1, 2)
    stage.at(50).tracer.end()
    events = stage.events()
    nests(events)
    root = next(event for event in events if event["ph"] == "b")
    assert root["args"]["outcome"] == "running"
    assert [event["ts"] for event in events if event["name"] == "at worker"] == [1500, 50_000]


def test_nothing_is_kept_of_what_comes_after_the_end() -> None:
    stage = Stage().begin()
    late = stage.read(1, 2)
    stage.at(3).tracer.end()
    kept = len(stage.tracer.ring)
    stage.tracer.worked(7, WORKER, ENGINE, JOB, more=0)
    stage.at(9)
    late.answered()
    late.end("ok")
    assert len(stage.tracer.ring) == kept and not stage.tracer.on and stage.tracer.number == 0


def test_the_ring_keeps_the_newest_and_counts_what_it_lost() -> None:
    stage = Stage(most=10).begin()
    for number in range(25):
        stage.at(number).tracer.received()
        stage.tracer.read(f"read {number}", "s1")
    assert len(stage.tracer.ring) == 10 and stage.tracer.ring.lost == 15
    document = json.loads(b"".join(chrome.document(stage.tracer, stage.tracer.ring.take(), {})))
    assert document["otherData"]["lost"] == 15
    assert [e["name"] for e in document["traceEvents"] if e["ph"] == "X"] == [f"read {n}" for n in range(15, 25)]


def test_a_job_keeps_a_bounded_number_of_spans() -> None:
    spans = JobSpans(most=3)
    for number in range(5):
        spans.add(f"model {number}", "model", number, number + 1)
    assert len(spans.kept) == 3 and spans.more == 2


def test_kernels_hang_on_their_model_by_an_arrow_of_their_own() -> None:
    stage = Stage().begin(kernels=True)
    assert wants_kernels(stage.tracer.number) and not wants_kernels(trace_number(9, kernels=False))
    traced = stage.read(1, 2)
    stage.tracer.worked(7, WORKER, ENGINE, JOB, more=0)
    stage.at(10)
    traced.answered()
    traced.end("ok")
    late = [span("Conv n1", "kernel", 21, 22), span("kernels of pose-full", "profile", 20, 25)]
    stage.tracer.worked(7, WORKER, ENGINE, late, more=0)
    events = stage.events()
    nests(events)
    chains = flows(events)
    assert len(chains) == 2
    begin, end = next(chain for chain in chains.values() if len(chain) == 2)
    assert bound(events, begin)["name"] == "pose-full" and bound(events, end)["name"] == "kernels of pose-full"
    kernel = next(event for event in events if event["name"] == "Conv n1")
    assert kernel["args"]["call"] == 7


def test_the_file_tells_its_clock() -> None:
    stage = Stage().begin()
    document = json.loads(b"".join(chrome.document(stage.tracer, [], {"version": "1"})))
    assert document["otherData"]["clock"] == {"server_us": 77, "unix_us": 88}
    assert document["otherData"]["version"] == "1"
