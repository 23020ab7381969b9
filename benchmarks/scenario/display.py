"""What a wearer sees: at every refresh of the display, how old the newest picture is and whether it is a new one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .record import Floats


@dataclass(frozen=True)
class Display:
    """One connection's refreshes: ages in milliseconds at each, and at how many nothing new had come."""

    ages_ms: Floats
    stale: int

    @property
    def refreshes(self) -> int:
        """How many were looked at."""
        return len(self.ages_ms)


def at_refreshes(captured_ms: Floats, arrived_ms: Floats, *, until_ms: float, refresh_hz: float) -> Display | None:
    """The display of one connection from its first picture until `until_ms`; None when nothing came in time.

    Refreshes have the phase of the captures, as when the game sends a frame at each of its own.
    """
    if not len(arrived_ms):
        return None
    interval_ms = 1000 / refresh_hz
    order = np.argsort(arrived_ms, kind="stable")
    arrived, newest = arrived_ms[order], np.maximum.accumulate(captured_ms[order])
    first = captured_ms.min() + interval_ms * np.ceil((arrived[0] - captured_ms.min()) / interval_ms)
    ticks = np.arange(first, until_ms, interval_ms)
    if not len(ticks):
        return None
    count = np.searchsorted(arrived, ticks, side="right")
    shown = newest[count - 1]
    return Display(ticks - shown, int(np.count_nonzero(np.diff(shown) <= 0)))
