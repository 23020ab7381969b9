"""Sends the calls of one connection on time and records what becomes of each, without a task a call."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from sidecar.client import Vitrine
from sidecar.client.connection import Connection, Options
from sidecar.client.pictures import Pixels
from sidecar.errors import VitrineError
from sidecar.wire.messages import Done, Part

from ..arrivals import Offsets
from ..driver import until
from . import payloads
from .record import CANCELLED, OK, Record
from .spec import Load

WRONG = "wrong answer"
PAUSE_S = 0.01  # of a closed loop after a call that failed


class Calls:
    """One connection's unary calls."""

    def __init__(
        self, load: Load, stream: int, record: Record, film: payloads.Film, *, random: np.random.Generator
    ) -> None:
        self.load = load
        self.record = record
        self.open = 0
        self.over = False
        self.stream = stream
        self.out: Pixels | None = None
        self._arguments = payloads.unary(load, film)
        self._options = Options(load.budget_ms, load.prio, load.key)
        self._random = random
        self._sent = 0
        self._pending: set[int] = set()
        if load.op in ("tryon.still", "vision.segment"):
            self.out = np.empty_like(film(0))

    async def play(self, vitrine: Vitrine, offsets: Offsets, start_s: float, end_s: float) -> None:
        """Sends everything; answers come in meanwhile and after it."""
        if self.load.arrivals == "closed":
            await until(start_s)
            await asyncio.gather(*(self._closed(vitrine, end_s) for _ in range(self.load.at_once)))
            return
        for offset in offsets.tolist():
            await until(start_s + offset)
            await self._send(vitrine, start_s + offset)

    async def finish(self, vitrine: Vitrine, timeout_s: float) -> None:
        """Waits for what is open; what stays out then is unanswered."""
        deadline = time.perf_counter() + timeout_s
        while self._pending and time.perf_counter() < deadline:
            await asyncio.sleep(0.005)
        self.over = True

    async def _closed(self, vitrine: Vitrine, end_s: float) -> None:
        while (now := time.perf_counter()) < end_s:
            call = await self._send(vitrine, now)
            if call is not None:
                call.waiter = asyncio.get_running_loop().create_future()
                if not call.ended_ok and call.row in self._pending:
                    await asyncio.wait([call.waiter], timeout=max(0.0, end_s - now) + 1.0)
            if call is None or not call.ended_ok:
                await asyncio.sleep(PAUSE_S)

    async def _send(self, vitrine: Vitrine, at_s: float) -> OneCall | None:
        n = self._sent
        self._sent += 1
        row = self.record.begin(self.stream, n, at_s)
        cancelled = self.load.cancel_share > 0 and self._random.random() < self.load.cancel_share
        try:
            connection = vitrine.connection()
            if connection.link.paused:
                await connection.ready()
            call = OneCall(self, connection, row, n)
            self._pending.add(row)
            call.id = connection.start(self.load.op, self._arguments(n), self._options, call)
        except VitrineError as error:
            self._pending.discard(row)
            self.record.said(error)
            self.record.ended(row, error.code, time.perf_counter())
            return None
        self.record.sent_s[row] = time.perf_counter()
        if cancelled:
            asyncio.get_running_loop().call_later(self.load.cancel_after_ms / 1000, call.cancel)
        return call

    def settled(self, row: int) -> None:
        """A call has its end."""
        self._pending.discard(row)


class OneCall:
    """Waits for one call's end."""

    __slots__ = ("_calls", "_cancelled", "_connection", "_n", "ended_ok", "id", "row", "waiter")

    def __init__(self, calls: Calls, connection: Connection, row: int, n: int) -> None:
        self._calls = calls
        self._connection = connection
        self._n = n
        self._cancelled = False
        self.row = row
        self.id = -1
        self.ended_ok = False
        self.waiter: asyncio.Future[None] | None = None

    def cancel(self) -> None:
        """Takes the call back, if it is still open."""
        calls = self._calls
        if calls.over or not calls.record.is_open(self.row):
            return
        self._cancelled = True
        calls.record.cancel_s[self.row] = time.perf_counter()
        self._connection.cancel(self.id)

    def part(self, part: Part) -> None:
        """Nobody asked for parts."""
        self._connection.discard(part.d)

    def ended(self, end: Done | VitrineError) -> None:
        """Records the end; the picture of a `done` is copied out first, as a game would."""
        now = time.perf_counter()
        calls, record = self._calls, self._calls.record
        if calls.over:
            return
        if isinstance(end, Done):
            self._done(end, now)
        else:
            ours = self._cancelled and end.code == CANCELLED
            if not ours:
                record.said(end)
            record.ended(self.row, CANCELLED if ours else end.code, now)
        self.ended_ok = record.outcomes[record.outcome[self.row]] == OK
        calls.settled(self.row)
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def _done(self, end: Done, now: float) -> None:
        calls = self._calls
        try:
            result = self._connection.result(end, calls.out)
        except VitrineError as error:
            calls.record.ended(self.row, error.code, now)
            return
        usable_s = time.perf_counter()
        if payloads.right(calls.load, self._n, result):
            calls.record.answered(self.row, usable_s, end.tm, 1000 * (usable_s - now))
        else:
            calls.record.ended(self.row, WRONG, usable_s)
