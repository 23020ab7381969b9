"""Slices as the Trace Event Format (Chromium's, JSON object form), which Perfetto and chrome://tracing open.

Times are microseconds since the trace's beginning, with nanoseconds behind the point. Slices on threads are complete
events (`X`), those aside are nestable async events (`b`, `e`) of the category `call`; flow events (`s`, `t`, `f`) tie
one call together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from .spans import Slice
from .tracer import Clock, Tracer

AT_ONCE = 256
VERSION = 1
TAIL = b"\n]}\n"
_encode = msgspec.json.Encoder().encode

Event = dict[str, Any]


def document(tracer: Tracer, slices: Iterable[Slice], about: Mapping[str, Any]) -> Iterator[bytes]:
    """The whole file in pieces of at most `AT_ONCE` slices, so that nobody waits long for one."""
    other = {"format": VERSION, **about, "clock": clock_of(tracer.began), "lost": tracer.ring.lost + tracer.more}
    yield _head(other)
    yield _lines(names(tracer.names, tracer.threads))
    remaining = iter(slices)
    while block := list(islice(remaining, AT_ONCE)):
        yield b",\n" + _lines([event for item in block for event in events(item, tracer.began.trace_ns)])
    yield TAIL


def whole(other: Mapping[str, Any], items: Iterable[Event]) -> bytes:
    """The same of events that are there already."""
    return _head(other) + _lines(list(items)) + TAIL


def _head(other: Mapping[str, Any]) -> bytes:
    return b'{"displayTimeUnit":"ms","otherData":' + _encode(other) + b',"traceEvents":[\n'


def _lines(items: list[Event]) -> bytes:
    return b",\n".join(map(_encode, items))


def clock_of(began: Clock) -> dict[str, int]:
    """What ties the file's time to other clocks: zero on the one that `pong` tells, and on the wall's."""
    return {"server_us": began.server_us, "unix_us": began.unix_us}


def names(processes: Mapping[int, str], threads: Mapping[tuple[int, int], str]) -> list[Event]:
    """Metadata events, in the order in which processes should stand."""
    found: list[Event] = []
    for index, (pid, name) in enumerate(processes.items(), 1):
        found += [
            {"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": name}},
            {"name": "process_sort_index", "ph": "M", "pid": pid, "tid": 0, "args": {"sort_index": index}},
        ]
    return found + [
        {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}
        for (pid, tid), name in threads.items()
    ]


def events(item: Slice, zero_ns: int) -> list[Event]:
    """The events of one slice."""
    where = {"pid": item.pid, "tid": item.tid}
    begin_us, end_us = (item.begin_ns - zero_ns) / 1000, (item.end_ns - zero_ns) / 1000
    if not item.name:
        return [flow(item.flow, item.id, begin_us, item.pid, item.tid)]
    plain: Event = {"name": item.name, "cat": item.category}
    if item.aside:
        tied = {"id": hex(item.id), **where}
        begin = {**plain, "ph": "b", "ts": begin_us, **tied}
        if item.args:
            begin["args"] = item.args
        return [begin, {**plain, "ph": "e", "ts": end_us, **tied}]
    took_us = max(0, item.end_ns - item.begin_ns) / 1000
    found: list[Event] = [{**plain, "ph": "X", "ts": begin_us, "dur": took_us, **where, "args": item.args}]
    if item.flow:
        found.append(flow(item.flow, item.id, begin_us, item.pid, item.tid))
    return found


def flow(phase: str, number: int, at_us: float, pid: int, tid: int) -> Event:
    """An arrow's beginning, way or end, at the slice that begins at this moment on this thread."""
    found: Event = {"name": "call", "cat": "call", "ph": phase, "id": hex(number), "ts": at_us, "pid": pid, "tid": tid}
    return {**found, "bp": "e"} if phase == "f" else found
