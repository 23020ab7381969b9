"""Carries out what the governor decides: rests between try-on frames, throttled workers, refused priorities, a note."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from ..engine.governor import Change, Governor, sentence
from ..engine.policy import Measures, describe
from ..errors import Overloaded
from ..wire.messages import Pace
from .calls import Calls
from .workers import Workers

log = logging.getLogger("vitrine.governor")
FRAME_LANE = "frame"
SHED_RETRY_MS = 2000


class Yielding:
    """The governor's hands. `tell` sends `note pressure` to every connection: level and sentence."""

    def __init__(
        self, governor: Governor, calls: Calls, workers: Workers, *, tell: Callable[[int, str], None]
    ) -> None:
        self._governor = governor
        self._calls = calls
        self._workers = workers
        self._tell = tell
        self._changes = {"up": 0, "down": 0}
        self._shed: frozenset[str] = frozenset()
        self._said = "At start: nothing is held back."

    def start(self) -> None:
        """Puts the mode's floor in force."""
        self._said = f"At start: {describe(self._governor.measures)}."
        self._apply(self._governor.measures)

    def paced(self, session: int, pace: Pace) -> None:
        """A game told its frame timing."""
        now = time.monotonic()
        self._governor.pace(
            session, refresh_hz=pace.refresh_hz, frame_ms=pace.frame_ms, dropped=pace.dropped, now=now
        )
        self._decide(now, 0.0)

    def left(self, session: int) -> None:
        """A connection is gone."""
        self._governor.gone(session)

    def tick(self, *, late_ms: float) -> None:
        """Every half second; `late_ms` is how late the event loop came to it."""
        self._decide(time.monotonic(), late_ms)

    def refusal(self, prio: str) -> Overloaded | None:
        """Why a call of this priority is not taken now; None when it is."""
        if prio not in self._shed:
            return None
        return Overloaded("The game needs the machine now; try again later.", retry_ms=SHED_RETRY_MS)

    def snapshot(self) -> dict[str, Any]:
        """The `pressure` of `server.stats`: `{mode, level, what, changes{up, down}}`."""
        governor = self._governor
        return {"mode": governor.mode, "level": governor.level, "what": self._said, "changes": dict(self._changes)}

    def _decide(self, now: float, late_ms: float) -> None:
        before = self._governor.level
        change = self._governor.tick(now, late_ms=late_ms)
        if change is not None:
            self._changes["up" if change.level > before else "down"] += 1
            self._announce(change)
            self._apply(change.measures)

    def _announce(self, change: Change) -> None:
        self._said = sentence(change)
        log.info("pressure %d (%s): %s", change.level, self._governor.mode, self._said)
        self._tell(change.level, self._said)

    def _apply(self, measures: Measures) -> None:
        self._calls.frame_share = measures.frame_share
        self._workers.max_side = measures.max_side
        for lane in self._workers.lanes:
            # The frame worker rests between frames, never inside one: a frame that has begun only gets older.
            share = 1.0 if lane == FRAME_LANE else measures.work_share
            self._workers.throttle(lane, share=share, cores=measures.core_share)
        self._shed = measures.shed
        if self._shed:
            self._calls.shed(self._shed, self.refusal)
