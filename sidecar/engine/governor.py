"""Decides how far the sidecar yields to the game: pressure rises at once on missed frames and falls slowly. Pure.

Evidence is the `pace` of every game that tells one (missed frames, frame time against its budget) and the lateness of
the sidecar's own event loop. The shape is that of TCP's congestion control: quick back-off, careful probing, and a
probe that failed is repeated later each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from .policy import HIGHEST, POLICY, Measures, Mode, describe

PACE_LASTS_S = 3.0
SETTLE_S = 0.5
CALM_S = 2.0
CALM_LIMIT_S = 60.0
PROBE_S = 5.0
MISSED, BADLY_MISSED = 0.01, 0.10
FULL, ROOMY = 1.0, 0.9
LATE_MS = 20.0
REFRESH_HZ = (1.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Change:
    """The level has changed: `level` 0..3, what holds now, and what was seen."""

    level: int
    measures: Measures
    cause: str


@dataclass(frozen=True, slots=True)
class _Pace:
    at: float
    missed_share: float
    load: float  # frame time / budget


class Governor:
    """Levels 0 (nothing held back beyond the mode's own floor) to 3. Seconds are of the caller's clock."""

    def __init__(self, mode: Mode = "balance") -> None:
        self.mode: Mode = mode
        self.level = 0
        self._paces: dict[int, _Pace] = {}
        self._changed_at = float("-inf")
        self._calm_since: float | None = None
        self._calm_s = CALM_S
        self._fell_at = float("-inf")
        self._rose_at = float("-inf")

    @property
    def measures(self) -> Measures:
        """What holds now."""
        return POLICY[self.mode][self.level]

    def pace(self, session: int, *, refresh_hz: float, frame_ms: float, dropped: int, now: float) -> None:
        """A game's frame timing since its last `pace`: `frame_ms` of a typical frame, `dropped` missed frames."""
        hz = min(max(refresh_hz, REFRESH_HZ[0]), REFRESH_HZ[1])
        before = self._paces.get(session)
        elapsed = min(max(now - before.at, 0.1), 10.0) if before is not None else 1.0
        missed = min(1.0, max(0, dropped) / max(1.0, hz * elapsed))
        self._paces[session] = _Pace(now, missed, max(0.0, frame_ms) * hz / 1000)

    def gone(self, session: int) -> None:
        """The session is over: what its game told counts no more."""
        self._paces.pop(session, None)

    def tick(self, now: float, *, late_ms: float = 0.0) -> Change | None:
        """Weighs the evidence; call it after every `pace` and at least every half second.

        `late_ms`: how much later than asked the event loop came to it, a sign of too little processor for everybody.
        """
        for session in [name for name, pace in self._paces.items() if now - pace.at > PACE_LASTS_S]:
            del self._paces[session]
        wanted, cause = self._evidence(late_ms)
        if wanted > 0:
            return self._rise(wanted, cause, now)
        if wanted < 0:
            return self._fall(cause, now)
        self._calm_since = None
        return None

    def _evidence(self, late_ms: float) -> tuple[int, str]:
        """Levels to rise by, -1 for room to spare, 0 for neither; and what was seen."""
        if not self._paces:
            return -1, "no game tells its pace"
        missed = max(pace.missed_share for pace in self._paces.values())
        load = max(pace.load for pace in self._paces.values())
        if missed >= BADLY_MISSED:
            return 2, f"the game misses {missed:.0%} of its frames"
        if missed >= MISSED:
            return 1, f"the game misses {missed:.0%} of its frames"
        if load > FULL:
            return 1, f"the game's frames take {load:.0%} of their time"
        if late_ms > LATE_MS:
            return 1, f"the machine is short of processor time ({late_ms:.0f} ms late)"
        return (-1, "the game has room to spare") if missed == 0 and load <= ROOMY else (0, "")

    def _rise(self, by: int, cause: str, now: float) -> Change | None:
        self._calm_since = None
        if self.level == HIGHEST or now - self._changed_at < SETTLE_S:
            return None
        if now - self._fell_at < PROBE_S:  # the last probe was too early
            self._calm_s = min(CALM_LIMIT_S, 2 * self._calm_s)
        self._rose_at = now
        return self._change(min(HIGHEST, self.level + by), cause, now)

    def _fall(self, cause: str, now: float) -> Change | None:
        if self._calm_since is None:
            self._calm_since = now
        if now - self._rose_at > CALM_LIMIT_S:
            self._calm_s = CALM_S
        if self.level == 0 or now - self._calm_since < self._calm_s:
            return None
        self._calm_since = now
        self._fell_at = now
        return self._change(self.level - 1, cause, now)

    def _change(self, level: int, cause: str, now: float) -> Change:
        self.level = level
        self._changed_at = now
        return Change(level, self.measures, cause)


def sentence(change: Change) -> str:
    """What `note pressure` says: the cause and what is given up."""
    return f"{change.cause[:1].upper()}{change.cause[1:]}: {describe(change.measures)}."
