"""What the dashboard shows beyond `server.stats`: sessions with their frames, the slowest calls, the last errors.

Bounded rings that are cheap to fill and worked out when somebody looks. They hold names of ops, codes and times: no
words, no pictures, and of a client only what its program calls itself.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Protocol

from ..wire.messages import ClientInfo, Timing

FRAMES = 128
FPS_OVER_S = 5.0
LEAST_SPAN_S = 0.2
SLOW_OP = 4
SLOW_MINUTE_S = 60.0
SLOW_MINUTES = 5
SLOW_SHOWN = 16
ERRORS = 32
CLIENT_NAME = 40
EXPECTED = frozenset({"cancelled", "superseded"})  # ends that a peer chose: counted, but nothing to mend


class OpenCall(Protocol):
    """An open call, as far as it is shown."""

    op: str
    frames_in: int
    frames_out: int
    superseded: int


class Seen:
    """One session: who, since when, and its last `FRAMES` answered frames."""

    __slots__ = ("_frames", "client", "frame", "number", "refresh_hz", "since", "ticket")

    def __init__(self, number: int, client: ClientInfo, *, ticket: bool, now: float) -> None:
        self.number = number
        self.client = "".join(letter for letter in client.name if letter.isprintable())[:CLIENT_NAME]
        self.refresh_hz = client.refresh_hz
        self.ticket = ticket
        self.since = now
        self._frames: deque[tuple[float, float]] = deque(maxlen=FRAMES)
        # A frame was answered: when, and how many milliseconds after it was read. Bound here, since each one calls it.
        self.frame: Callable[[tuple[float, float]], None] = self._frames.append

    def pace(self, now: float) -> dict[str, Any]:
        """`{fps, age_ms{p50, p95}}` of the last five seconds; empty when nothing was answered in them."""
        fresh = [(at, total_ms) for at, total_ms in self._frames if now - at <= FPS_OVER_S]
        if not fresh:
            return {}
        ages = sorted(total_ms for _, total_ms in fresh)
        span = max(LEAST_SPAN_S, now - fresh[0][0])
        return {
            "fps": (len(fresh) - 1) / span if len(fresh) > 1 else 1 / FPS_OVER_S,
            "age_ms": {"p50": quantile(ages, 0.5), "p95": quantile(ages, 0.95)},
        }


class Watch:
    """Everything that is kept for people who look. `clock` and `wall` are seconds; times shown are of `wall`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._sessions: dict[int, Seen] = {}
        self._errors: deque[list[Any]] = deque(maxlen=ERRORS)
        self._closes: Counter[int] = Counter()
        self._slow: deque[tuple[float, dict[str, _Slowest]]] = deque(maxlen=SLOW_MINUTES)
        self._minute: dict[str, _Slowest] = {}
        self._minute_ends = float("-inf")

    # -- what happens --------------------------------------------------------------------------------------------

    def arrived(self, number: int, client: ClientInfo, *, ticket: bool) -> Seen:
        """A connection was welcomed."""
        seen = self._sessions[number] = Seen(number, client, ticket=ticket, now=self._clock())
        return seen

    def left(self, number: int, code: int | None) -> None:
        """A connection is over; `code` is the one that we closed it with, if we did."""
        self._sessions.pop(number, None)
        if code is not None:
            self._closes[code] += 1

    def answered(self, op: str, number: int, tm: Timing, now: float) -> None:
        """A call or a frame was answered: kept if it is one of the slowest of its op in this minute."""
        if now >= self._minute_ends:
            self._turn(now)
        slowest = self._minute.get(op)
        if slowest is None:
            slowest = self._minute[op] = _Slowest()
        if tm.total_ms > slowest.floor_ms:
            slowest.keep(self._wall(), number, tm)

    def failed(self, op: str, code: str, number: int) -> None:
        """A call ended in a fail; a row that repeats itself is one row with a count."""
        if code in EXPECTED:
            return
        last = self._errors[-1] if self._errors else None
        if last is not None and last[1] == op and last[2] == code and last[3] == number:
            last[0] = self._wall()
            last[4] += 1
        else:
            self._errors.append([self._wall(), op, code, number, 1])

    def _turn(self, now: float) -> None:
        """A new minute begins, so that what was slow an hour ago does not hide what is slow now."""
        self._minute = {}
        self._minute_ends = now + SLOW_MINUTE_S
        self._slow.append((now, self._minute))

    # -- looking -------------------------------------------------------------------------------------------------

    def snapshot(self, *, open_calls: Mapping[int, Sequence[OpenCall]], mapped: Container[int]) -> dict[str, Any]:
        """The `watch` of `server.stats`: `{sessions, slowest, errors, closes}`. `open_calls` by session, `mapped` the
        sessions whose pictures travel through shared memory."""
        now = self._clock()
        return {
            "sessions": [
                self._session(seen, now, open_calls.get(seen.number, ()), seen.number in mapped)
                for seen in self._sessions.values()
            ],
            "slowest": self._slowest(now),
            "errors": [
                {"at": at, "op": op, "code": code, "session": f"s{number}", "count": count}
                for at, op, code, number, count in reversed(self._errors)
            ],
            "closes": {str(code): count for code, count in sorted(self._closes.items())},
        }

    def _session(self, seen: Seen, now: float, calls: Sequence[OpenCall], mapped: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "name": f"s{seen.number}",
            "client": seen.client,
            "since_s": now - seen.since,
            "pictures": "shm" if mapped else "inline",
            "ticket": seen.ticket,
            "open": dict(Counter(call.op for call in calls)),
            "frames_in": sum(call.frames_in for call in calls),
            "frames_out": sum(call.frames_out for call in calls),
            "superseded": sum(call.superseded for call in calls),
        }
        if seen.refresh_hz is not None:
            row["refresh_hz"] = seen.refresh_hz
        return row | seen.pace(now)

    def _slowest(self, now: float) -> list[dict[str, Any]]:
        """The slowest of the last five minutes, each op's few, longest first."""
        best: dict[str, list[_Row]] = {}
        for began, minute in self._slow:
            if now - began <= SLOW_MINUTES * SLOW_MINUTE_S:
                for op, slowest in minute.items():
                    best.setdefault(op, []).extend(slowest.rows)
        rows = [(op, row) for op, found in best.items() for row in sorted(found, key=_total, reverse=True)[:SLOW_OP]]
        rows.sort(key=lambda item: item[1][0], reverse=True)
        return [
            {
                "op": op,
                "session": f"s{number}",
                "at": at,
                "queue_ms": tm.queue_ms,
                "decode_ms": tm.decode_ms,
                "infer_ms": tm.infer_ms,
                "encode_ms": tm.encode_ms,
                "total_ms": tm.total_ms,
            }
            for op, (_, at, number, tm) in rows[:SLOW_SHOWN]
        ]


_Row = tuple[float, float, int, Timing]


class _Slowest:
    """The `SLOW_OP` slowest of one op in one minute; whatever is not above `floor_ms` is none of them."""

    __slots__ = ("floor_ms", "rows")

    def __init__(self) -> None:
        self.floor_ms = -1.0
        self.rows: list[_Row] = []

    def keep(self, at: float, number: int, tm: Timing) -> None:
        self.rows.append((tm.total_ms, at, number, tm))
        if len(self.rows) > SLOW_OP:
            self.rows.remove(min(self.rows, key=_total))
        if len(self.rows) == SLOW_OP:
            self.floor_ms = min(row[0] for row in self.rows)


def _total(row: _Row) -> float:
    return row[0]


def quantile(ordered: list[float], share: float) -> float:
    """The value that `share` of an ordered list do not exceed (nearest rank)."""
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]
