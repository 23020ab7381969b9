"""A recording of a game's frames, whichever tool made it, and the times of day in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from ..latency_file import REFRESH_HZ, Unreadable

Floats = NDArray[np.float64]
RATES = (60.0, 72.0, 80.0, 90.0, 100.0, 120.0, 144.0)
NEAR = 0.02
MOST_MS = 60_000.0
DATE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)


@dataclass(frozen=True)
class Choices:
    """What the user says of a file: which program's frames, the display's rate, its hours before UTC."""

    process: str | None = None
    refresh_hz: float | None = None
    utc_offset: timezone | None = None


@dataclass
class Capture:
    """One game's frames in order.

    `at_s`: when each frame (or second, with `averaged`) ended, seconds since the first row. `frame_ms`: from the frame
    before to it. `missed`: refreshes of the display that went by without a new frame. `start_unix_s`: the wall's clock
    at the first row, where the tool wrote it. `averaged`: rows are averages of a second, so single frames are hidden.
    """

    tool: str
    at_s: Floats
    frame_ms: Floats
    missed: Floats
    refresh_hz: float
    start_unix_s: float | None = None
    gpu_ms: Floats | None = None
    averaged: bool = False
    process: str = ""
    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The time that its rows cover; gaps between them do not count."""
        return float(self.frame_ms.size if self.averaged else self.frame_ms.sum() / 1000)

    def part(self, rows: NDArray[np.bool_]) -> Capture:
        """Some of its rows."""
        gpu = None if self.gpu_ms is None else self.gpu_ms[rows]
        return Capture(
            self.tool, self.at_s[rows], self.frame_ms[rows], self.missed[rows], self.refresh_hz, self.start_unix_s,
            gpu, self.averaged, self.process,
        )  # fmt: skip


def refresh_of(frame_ms: Floats, chosen: float | None) -> tuple[float, str | None]:
    """The display's rate: as chosen, else the usual one that the common frame time fits, and a note about that.

    Raises `Unreadable` when none fits: a game far below its display's rate does not show what that is.
    """
    if chosen is not None:
        if not REFRESH_HZ[0] <= chosen <= REFRESH_HZ[1]:
            raise Unreadable(f"--refresh-hz goes from {REFRESH_HZ[0]:g} to {REFRESH_HZ[1]:g}")
        return chosen, None
    common = 1000 / float(np.median(frame_ms))
    nearest = min(RATES, key=lambda rate: abs(rate - common))
    if abs(nearest / common - 1) > NEAR:
        raise Unreadable(
            f"frames come {common:.1f} times a second, which is no usual display's rate; say it with --refresh-hz"
        )
    return nearest, f"takes the display for {nearest:g} Hz, since frames come so often; else say --refresh-hz"


def missed_refreshes(shown_ms: Floats, refresh_hz: float) -> Floats:
    """Refreshes that each frame stood too long: a frame shown for two refreshes missed one."""
    return np.maximum(0.0, np.round(shown_ms * refresh_hz / 1000) - 1)


def likely(frame_ms: Floats) -> NDArray[np.bool_]:
    """Which frame times can be: above nothing, below a minute."""
    return (frame_ms > 0) & (frame_ms <= MOST_MS)


def unix_time(text: str, zone: timezone | None) -> float | None:
    """Seconds since 1970 of a date in a file: in its own zone, else in `zone`, else in this machine's."""
    found = DATE.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, part, own = found.groups()
    try:
        date = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
        whole = date.replace(tzinfo=parse_zone(own) if own else zone).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return whole + (float(f"0.{part}") if part else 0.0)


def parse_zone(text: str) -> timezone:
    """`Z`, `+08:00`, `-0330`. Raises `ValueError`."""
    if text in ("Z", "z"):
        return timezone.utc
    found = re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", text, re.ASCII)
    if found is None or int(found[2]) > 14 or int(found[3] or 0) > 59:
        raise ValueError("say hours before UTC as +08:00")
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return timezone(away if found[1] == "+" else -away)
