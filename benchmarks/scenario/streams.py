"""Pushes the frames of one connection on time, whatever comes back, and opens the stream again when it breaks."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np

from sidecar.client import Vitrine
from sidecar.client.connection import Connection, Options
from sidecar.client.pictures import Pixels
from sidecar.errors import VitrineError
from sidecar.wire.messages import Done, Part

from ..arrivals import Offsets
from ..driver import until
from . import payloads
from .record import SUPERSEDED, UNANSWERED, Record
from .spec import Load

PAUSE_S = 0.01


@dataclass
class Counts:
    """What the server and the client counted over every stream of one connection that ended with a `done`."""

    pushed: int = 0
    answered: int = 0
    frames_in: int = 0
    frames_out: int = 0
    superseded: int = 0
    broken: list[str] = field(default_factory=list)
    reasons: int = 0
    opened: int = 0


class Frames:
    """One connection's frames."""

    def __init__(self, load: Load, stream: int, record: Record, film: payloads.Film) -> None:
        self.load = load
        self.record = record
        self.stream = stream
        self.counts = Counts()
        self.out = np.empty_like(film(0))
        self.over = False
        self.arrived = asyncio.Event()
        self._film = film
        self._options = Options(load.budget_ms, load.prio, None)
        self._current: OneStream | None = None
        self._sent = 0

    async def play(self, vitrine: Vitrine, offsets: Offsets, start_s: float, end_s: float) -> None:
        """Pushes everything; answers come in meanwhile and after it."""
        if self.load.arrivals == "closed":
            await until(start_s)
            await self._closed(vitrine, end_s)
            return
        for offset in offsets.tolist():
            await until(start_s + offset)
            await self._push(vitrine, start_s + offset)

    async def finish(self, vitrine: Vitrine, timeout_s: float) -> None:
        """Ends the stream and waits for its `done`; what has no answer then is unanswered."""
        current = self._current
        try:
            if current is not None and not current.over.is_set():
                current.connection.end(current.id)
                await asyncio.wait_for(current.over.wait(), timeout_s)
        except (VitrineError, asyncio.TimeoutError):
            assert current is not None
            current.fail(UNANSWERED, float("nan"))
        self.over = True

    async def _closed(self, vitrine: Vitrine, end_s: float) -> None:
        while (now := time.perf_counter()) < end_s:
            self.arrived.clear()
            row = await self._push(vitrine, now)
            if self.record.is_open(row):
                with_end = asyncio.ensure_future(self.arrived.wait())
                await asyncio.wait([with_end], timeout=max(0.0, end_s - now) + 1.0)
                with_end.cancel()
            if self.record.outcome[row] != 1:
                await asyncio.sleep(PAUSE_S)

    async def _push(self, vitrine: Vitrine, at_s: float) -> int:
        n = self._sent
        self._sent += 1
        row = self.record.begin(self.stream, n, at_s)
        try:
            if self.load.unsent == "wait" and vitrine.connection().link.paused:
                await vitrine.connection().ready()
            picture = self._picture(vitrine.connection(), n)
            if picture is None:
                self.record.ended(row, SUPERSEDED)
                return row
            self._open(vitrine).push(n, row, {"n": n, "t_us": round(1e6 * at_s), "image": picture})
        except VitrineError as error:
            self.record.said(error)
            self.record.ended(row, error.code, time.perf_counter())
        else:
            if self.record.is_open(row):
                self.record.sent_s[row] = time.perf_counter()
        return row

    def _picture(self, connection: Connection, n: int) -> Pixels | None:
        """The frame, drawn where it is sent from; None where there is no room for it and the next one will be newer."""
        frame = self._film(n)
        if self.load.unsent == "wait":
            return frame
        if connection.memory is None:
            return None if connection.link.paused else frame
        height, width, channels = frame.shape
        canvas = connection.memory.canvas((height, width, channels))
        if canvas is not None:
            np.copyto(canvas, frame)
        return canvas

    def _open(self, vitrine: Vitrine) -> OneStream:
        if self._current is None or self._current.over.is_set():
            connection = vitrine.connection()
            self._current = OneStream(self, connection)
            self._current.id = connection.start(
                self.load.op, payloads.opening(self.load), self._options, self._current
            )
            self.counts.opened += 1
        return self._current


class OneStream:
    """One open B call: frames are answered in order, so an answer says of all older ones that they were superseded."""

    def __init__(self, frames: Frames, connection: Connection) -> None:
        self.connection = connection
        self.over = asyncio.Event()
        self.code = UNANSWERED
        self.id = -1
        self._frames = frames
        self._rows: dict[int, int] = {}  # by number: pushed, no end yet
        self._pushed = 0
        self._answered = 0

    def push(self, n: int, row: int, d: dict[str, object]) -> None:
        """Sends a frame. Raises what the connection raises; a stream that ended meanwhile has failed this one too."""
        if self.over.is_set():
            self._frames.record.ended(row, self.code, time.perf_counter())
            return
        self._rows[n] = row
        try:
            self.connection.push(self.id, d)
        except BaseException:
            self._rows.pop(n, None)
            raise
        self._pushed += 1

    def part(self, part: Part) -> None:
        """A frame is answered: its picture is copied out at once, as a game would."""
        now = time.perf_counter()
        frames, record = self._frames, self._frames.record
        if frames.over:
            self.connection.discard(part.d)
            return
        try:
            result = self.connection.result(part, frames.out)
        except VitrineError as error:
            frames.counts.broken.append(str(error))
            return
        usable_s = time.perf_counter()
        n = result.d.get("n", -1)
        row = self._rows.pop(n, None)
        if row is None or result.d.get("t_us") != round(1e6 * record.at_s[row]):
            frames.counts.broken.append("a frame was answered twice, out of order, or with another frame's time")
            return
        record.answered(row, usable_s, part.tm, 1000 * (usable_s - now))
        self._answered += 1
        frames.counts.reasons += result.d.get("reason") is not None
        for older in [number for number in self._rows if number < n]:
            record.ended(self._rows.pop(older), SUPERSEDED)
        frames.arrived.set()

    def _done(self, counts: dict[str, int]) -> None:
        """The stream is done: what is left was superseded, and both sides' counts are kept."""
        for row in self._rows.values():
            self._frames.record.ended(row, SUPERSEDED)
        self._rows.clear()
        total = self._frames.counts
        total.pushed += self._pushed
        total.answered += self._answered
        for name in ("frames_in", "frames_out", "superseded"):
            setattr(total, name, getattr(total, name) + int(counts.get(name, 0)))

    def fail(self, code: str, at_s: float) -> None:
        """Every frame that has no end ends so."""
        for row in self._rows.values():
            self._frames.record.ended(row, code, at_s)
        self._rows.clear()

    def ended(self, end: Done | VitrineError) -> None:
        """The stream has its end."""
        if not self._frames.over:
            if isinstance(end, Done):
                self._done(end.d)
            else:
                self.code = end.code
                self._frames.record.said(end)
                self.fail(end.code, time.perf_counter())
        self.over.set()
        self._frames.arrived.set()
