"""Faults that are put into the null target on purpose, to see whether a report finds them; never into the sidecar.

`encode:20:50` takes 20 ms longer in `encode` (or `decode`, `infer`) for every 50th frame; `stall:1@3` answers nothing
for one second, three seconds after the first frame or call.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

STAGES = ("decode", "infer", "encode")
SLOWED = re.compile(r"(decode|infer|encode):(\d{1,4}(?:\.\d{1,3})?):(\d{1,6})")
STALLED = re.compile(r"stall:(\d{1,2}(?:\.\d{1,3})?)@(\d{1,5}(?:\.\d{1,3})?)")


@dataclass(frozen=True)
class Slowed:
    """`ms` more in a stage of every `every`-th number."""

    stage: str
    ms: float
    every: int


@dataclass(frozen=True)
class Stalled:
    """Nothing is answered for `seconds`, `at_s` after the first number."""

    seconds: float
    at_s: float


Fault = Slowed | Stalled


def parse(text: str) -> str:
    """Checks a fault's words and gives them back; fits argparse's `type`."""
    read(text)
    return text


def read(text: str) -> Fault:
    """The fault that the words stand for. Raises `argparse.ArgumentTypeError`."""
    if (slowed := SLOWED.fullmatch(text)) and int(slowed[3]) > 0:
        return Slowed(slowed[1], float(slowed[2]), int(slowed[3]))
    if stalled := STALLED.fullmatch(text):
        return Stalled(float(stalled[1]), float(stalled[2]))
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is no fault; write encode:20:50 or stall:1@3")


class Faults:
    """What is to go wrong; `clock` and `sleep` (seconds, blocking, as a busy server is) can be replaced."""

    def __init__(
        self,
        words: Iterable[str],
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        faults = [read(text) for text in words]
        self._slowed = [fault for fault in faults if isinstance(fault, Slowed)]
        self._stalls = sorted((fault for fault in faults if isinstance(fault, Stalled)), key=lambda one: -one.at_s)
        self._clock = clock
        self._sleep = sleep
        self._first_s: float | None = None

    def stall(self) -> None:
        """Stays silent if it is time to."""
        now = self._clock()
        if self._first_s is None:
            self._first_s = now
        while self._stalls and now - self._first_s >= self._stalls[-1].at_s:
            self._sleep(self._stalls.pop().seconds)

    def slow(self, stage: str, number: int) -> None:
        """Takes the stage's extra time for this number, if it has one."""
        for fault in self._slowed:
            if fault.stage == stage and number % fault.every == 0:
                self._sleep(fault.ms / 1000)
