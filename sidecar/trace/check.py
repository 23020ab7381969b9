"""Whether a file is a trace: every event's fields as the Trace Event Format wants them, checked before it is used."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

LIMIT_BYTES = 256 * 2**20
MOST_EVENTS = 2_000_000
FIRST_US, LAST_US = -1e13, 1e17
TIMED = frozenset("XbensftiIC")
KNOWN = TIMED | {"M", "B", "E", "N", "O", "D"}


class NotATrace(ValueError):
    """The file is not one that can be used; the message says why."""


class Document(Struct):
    """The object form; keys of other programs are passed over."""

    traceEvents: list[dict[str, Any]]
    otherData: dict[str, Any] = {}
    vitrineClient: dict[str, Any] | None = None


def read(path: Path) -> Document:
    """A trace file. Raises `NotATrace` or `OSError`."""
    if not path.is_file():
        raise NotATrace(f"{path} is not a file")
    with path.open("rb") as stream:
        data = stream.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise NotATrace(f"{path} is larger than {LIMIT_BYTES >> 20} MiB; trace for a shorter time")
    return parse(data, str(path))


def parse(data: bytes, name: str) -> Document:
    """The same of bytes; `name` stands in messages."""
    try:
        found = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotATrace(f"{name} is not a trace in the Trace Event Format: {error}") from error
    if len(found.traceEvents) > MOST_EVENTS:
        raise NotATrace(f"{name} holds more than {MOST_EVENTS:,} events; trace for a shorter time")
    for number, event in enumerate(found.traceEvents):
        if (fault := fault_of(event)) is not None:
            raise NotATrace(f"{name}: event {number} {fault}")
    return found


def fault_of(event: dict[str, Any]) -> str | None:
    """What is wrong with an event, or None."""
    phase = event.get("ph")
    if phase not in KNOWN:
        return f"has the phase {str(phase)[:20]!r}, which is none"
    if not isinstance(event.get("name", ""), str) or (phase != "E" and "name" not in event):
        return "has no name"
    for key in ("pid", "tid"):
        if type(event.get(key, 0)) is not int:
            return f"has a {key} that is no whole number"
    if phase != "M" and not _time(event.get("ts")):
        return "has no time (ts, microseconds)"
    if phase == "X" and not (_time(event.get("dur")) and event["dur"] >= 0):
        return "has no duration (dur, microseconds)"
    if phase in "bensft" and not isinstance(event.get("id"), (str, int)):
        return "has no id"
    if not isinstance(event.get("args", {}), dict):
        return "has args that are no map"
    return None


def _time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and FIRST_US <= value <= LAST_US
