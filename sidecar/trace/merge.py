"""One file of the sidecar's trace and its clients': one clock, one arrow from a client's span to the model's run."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .check import Document, NotATrace
from .chrome import Event, flow
from .client import synced

Key = tuple[str, int, int | None]
AFTER_US = 100_000.0  # that a client may still be busy with an answer
FREE_PID = 1 << 22  # above every pid of Linux; Windows' are small numbers too


@dataclass
class Merged:
    """How much of a client's file could be tied: its slices that name a call, those of them that the trace knows, how
    far off their clock may be, and how many slices were left out since they lie before or after the trace."""

    session: str
    spans: int
    tied: int
    within_us: float
    outside: int = 0


@dataclass
class _Chain:
    """The arrows of one call in the sidecar's trace."""

    number: int = 0
    flows: list[Event] = field(default_factory=list)
    clients: list[Event] = field(default_factory=list)


def merge(trace: Document, clients: Sequence[tuple[str, Document]]) -> list[Merged]:
    """Adds the clients' events to the trace, in its clock and tied to its calls. Raises `NotATrace`."""
    clock = trace.otherData.get("clock")
    if not isinstance(clock, dict) or type(clock.get("server_us")) is not int:
        raise NotATrace("this trace is not of vitrine trace: it has no clock that a client's could be tied to")
    chains = _chains(trace.traceEvents)
    last_us = AFTER_US + max((event["ts"] for event in trace.traceEvents if "ts" in event), default=0.0)
    pids = {event.get("pid", 0) for event in trace.traceEvents}
    found = [_add(trace, name, client, chains, clock["server_us"], pids, last_us) for name, client in clients]
    for chain in chains.values():
        _tie(trace.traceEvents, chain)
    return found


def _chains(events: Sequence[Event]) -> dict[Key, _Chain]:
    """The sidecar's calls by what a client knows them by."""
    by_number: dict[str, _Chain] = defaultdict(_Chain)
    keys: dict[Key, _Chain] = {}
    for event in events:
        if event["ph"] in "stf":
            by_number[str(event["id"])].flows.append(event)
        elif event["ph"] == "b" and (key := _key(event, None)) is not None:
            chain = by_number[str(event["id"])]
            chain.number = int(str(event["id"]), 16)
            keys.setdefault(key, chain)  # of a stream's own steps the first: it opened the call
    return keys


def _key(event: Event, session: str | None) -> Key | None:
    args: dict[str, Any] = event.get("args", {})
    whose, call, n = session or args.get("session"), args.get("call"), args.get("n")
    if type(call) is not int or not isinstance(whose, str):
        return None
    return whose, call, n if type(n) is int else None


def _add(
    trace: Document, name: str, client: Document, chains: dict[Key, _Chain], server_us: int, pids: set[int], end: float
) -> Merged:
    sync = synced(client, name)
    shift = sync.offset_us - server_us
    renamed: dict[int, int] = {}
    report = Merged(sync.session, 0, 0, sync.rtt_us / 2)
    for event in client.traceEvents:
        mine = {**event, "pid": _pid(event.get("pid", 0), renamed, pids), "tid": event.get("tid", 0)}
        if "ts" in event:
            mine["ts"] = event["ts"] + shift
            if not 0 <= mine["ts"] <= end:
                report.outside += event["ph"] == "X"
                continue
        if event["ph"] in "bensft":  # its ids are its own
            mine["id"] = f"0x{mine['pid']:x}{zlib.crc32(str(event['id']).encode()):08x}"
        trace.traceEvents.append(mine)
        if event["ph"] == "X" and (key := _key(event, sync.session)) is not None:
            report.spans += 1
            if (chain := chains.get(key)) is not None:
                report.tied += 1
                chain.clients.append(mine)
    pids |= set(renamed.values())
    return report


def _pid(pid: int, renamed: dict[int, int], taken: set[int]) -> int:
    """The client's own, unless a process of the trace has it (it may come from another machine, or a container)."""
    if pid not in renamed:
        renamed[pid] = pid if pid and pid not in taken else FREE_PID + len(taken) + len(renamed)
    return renamed[pid]


def _tie(events: list[Event], chain: _Chain) -> None:
    """The client's spans join the chain: one before all begins it, one after all ends it."""
    if not chain.clients or not chain.number or not chain.flows:
        return
    begins = min(float(event["ts"]) for event in chain.flows)
    ends = max(float(event["ts"]) for event in chain.flows)
    ended = any(event["ph"] == "f" for event in chain.flows)
    spans = sorted(chain.clients, key=lambda event: float(event["ts"]))
    if float(spans[0]["ts"]) <= begins:
        _pass_on(chain.flows, "s")
        events.append(_flow("s", chain.number, spans.pop(0)))
    for span in spans:
        last = span is spans[-1] and float(span["ts"]) >= ends and ended
        if last:
            _pass_on(chain.flows, "f")
        elif ended and float(span["ts"]) >= ends:
            continue  # between the answer and the span that ends it all
        events.append(_flow("f" if last else "t", chain.number, span))


def _pass_on(flows: list[Event], phase: str) -> None:
    """What was the chain's beginning or end is a link of it from now on."""
    for event in flows:
        if event["ph"] == phase:
            event["ph"] = "t"
            event.pop("bp", None)


def _flow(phase: str, number: int, span: Event) -> Event:
    return flow(phase, number, span["ts"], span["pid"], span["tid"])
