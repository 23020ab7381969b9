"""The Trace Event Format as its document says it, checked independently of the code that writes it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

Event = dict[str, Any]
SLACK_US = 0.0015  # of times written in microseconds with three digits behind the point


def load(data: bytes | str) -> list[Event]:
    """The events of a whole file, each checked by itself."""
    document = json.loads(data, parse_constant=lambda name: AssertionError(name))
    assert document["displayTimeUnit"] in ("ms", "ns")
    events: list[Event] = document["traceEvents"]
    for event in events:
        check(event)
    return events


def check(event: Event) -> None:
    """One event's fields."""
    assert isinstance(event["name"], str) and isinstance(event["pid"], int) and isinstance(event["tid"], int), event
    assert event["ph"] in tuple("XbestfM"), event
    if event["ph"] == "M":
        assert event["name"] in ("process_name", "thread_name", "process_sort_index"), event
        return
    assert isinstance(event["ts"], (int, float)) and event["ts"] >= 0 and isinstance(event["cat"], str), event
    if event["ph"] == "X":
        assert event["dur"] >= 0 and isinstance(event["args"], dict), event
    else:
        assert int(event["id"], 16) > 0, event
    if event["ph"] == "f":
        assert event["bp"] == "e", event


def nests(events: list[Event]) -> None:
    """On a thread slices lie inside each other or apart; every async span that begins ends, children within."""
    threads: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            threads[event["pid"], event["tid"]].append(event)
    for slices in threads.values():
        _stack(sorted(slices, key=lambda event: (event["ts"], -event["dur"])))
    _pairs(events)


def _stack(slices: list[Event]) -> None:
    open_until: list[float] = []
    for event in slices:
        begin, end = event["ts"], event["ts"] + event["dur"]
        while open_until and open_until[-1] <= begin + SLACK_US:
            open_until.pop()
        assert not open_until or end <= open_until[-1] + SLACK_US, f"{event} sticks out of its parent"
        open_until.append(end)


def _pairs(events: list[Event]) -> None:
    stacks: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    order = {"e": 0, "b": 0}
    spans = [(event["ts"], place, event) for place, event in enumerate(events) if event["ph"] in order]
    for _, _, event in sorted(spans, key=lambda item: item[:2]):
        stack = stacks[event["pid"], event["cat"], event["id"]]
        if event["ph"] == "b":
            stack.append(event["name"])
        else:
            assert stack and stack.pop() == event["name"], f"{event} ends what is not the innermost"
    assert not any(stacks.values())


def flows(events: list[Event]) -> dict[str, list[Event]]:
    """Arrows by id, in order of time; each begins once, and ends at most once, last."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            found[event["id"]].append(event)
    for chain in found.values():
        chain.sort(key=lambda event: event["ts"])
        phases = [event["ph"] for event in chain]
        assert phases[0] == "s" and phases.count("s") == 1 and "f" not in phases[:-1], phases
    return found


def bound(events: list[Event], arrow: Event) -> Event:
    """The slice that a flow event belongs to: the innermost that begins with it on its thread."""
    here = [
        event
        for event in events
        if event["ph"] == "X"
        and (event["pid"], event["tid"]) == (arrow["pid"], arrow["tid"])
        and event["ts"] <= arrow["ts"] <= event["ts"] + event["dur"]
    ]
    assert here, f"{arrow} belongs to no slice"
    return max(here, key=lambda event: (event["ts"], -event["dur"]))
