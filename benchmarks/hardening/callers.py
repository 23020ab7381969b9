"""Clients that go on calling whatever happens, and a count of what became of every call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sidecar.client import Vitrine
from sidecar.errors import ModelLoading, VitrineError

from ..frames import LAYERS, Bank
from ..report import Check, Report

STUCK_S = 20.0
CANCEL_AGAIN_S = 0.5
WARM_S = 60.0
BACK_S = 0.02
STUCK = "stuck"
SMALL = {"where": "engine", "data": b"x" * 64}


@dataclass
class Tally:
    """`ends`: calls by how they ended (`ok`, a code, or `stuck`). `answers`: when each good one came, seconds of the
    monotonic clock, and how long it took, milliseconds."""

    ends: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[float, float]] = field(default_factory=list)

    async def call(self, work: Callable[[], Awaitable[object]]) -> bool:
        """One call to its end, which must come within `STUCK_S`; whether it was good."""
        start = time.monotonic()
        try:
            await asyncio.wait_for(work(), STUCK_S)
        except asyncio.TimeoutError:
            self.ends[STUCK] += 1
            return False
        except VitrineError as error:
            self.ends[error.code] += 1
            return False
        now = time.monotonic()
        self.ends["ok"] += 1
        self.answers.append((now, 1000 * (now - start)))
        return True

    @property
    def calls(self) -> int:
        """All that came to an end, or did not."""
        return sum(self.ends.values())

    def other_than(self, *codes: str) -> int:
        """Calls that ended in none of these; stuck ones are counted apart."""
        return sum(count for code, count in self.ends.items() if code not in ("ok", STUCK, *codes))


def together(tallies: Mapping[str, Tally]) -> Counter[str]:
    """The ends of all of them."""
    total: Counter[str] = Counter()
    for tally in tallies.values():
        total.update(tally.ends)
    return total


def judge(report: Report, tallies: Mapping[str, Tally], *, allowed: tuple[str, ...] = (), during: str = "") -> None:
    """Nothing stuck, nothing failed otherwise than it may; every end is counted in the details. `during` names the part
    of a run that this is about."""
    about = f", {during}" if during else ""
    ends = together(tallies)
    report.values[f"calls{about}"] = float(sum(ends.values()))
    report.details[f"ends{about}"] = {name: dict(tally.ends) for name, tally in tallies.items()}
    others = sum(tally.other_than(*allowed) for tally in tallies.values())
    note = ", ".join(f"{code} {count}" for code, count in sorted(ends.items()))
    report.checks += [
        Check(f"stuck calls{about}", float(ends[STUCK]), "==", 0, "", f"none answered within {STUCK_S:g} s"),
        Check(f"calls that failed{_but(allowed)}{about}", float(others), "==", 0, "", note),
    ]


def _but(allowed: tuple[str, ...]) -> str:
    return f" otherwise than {' or '.join(allowed)}" if allowed else ""


async def steadily(tally: Tally, work: Callable[[], Awaitable[object]], *, every_s: float) -> None:
    """Calls again and again; at once where `every_s` is 0, but never in a tight loop of failures."""
    while True:
        good = await tally.call(work)
        await asyncio.sleep(every_s if good or every_s else BACK_S)


def small(vitrine: Vitrine) -> Callable[[], Awaitable[object]]:
    """A small call to the frame worker."""
    return lambda: vitrine.call("server.echo", SMALL)


def segment(vitrine: Vitrine, bank: Bank) -> Callable[[], Awaitable[object]]:
    """A picture for the general worker."""
    picture = np.ascontiguousarray(bank.frame(0)[::4, ::4])
    return lambda: vitrine.call("vision.segment", {"image": picture})


async def warm(vitrine: Vitrine) -> None:
    """Returns once every worker takes work: before, one has no process id yet. Raises `ModelLoading` after a minute."""
    deadline = time.monotonic() + WARM_S
    while True:
        stats = await vitrine.call("server.stats")
        if all(worker["state"] in ("ready", "busy") for worker in stats["workers"]):
            return
        if time.monotonic() > deadline:
            raise ModelLoading(f"The workers were not ready within {WARM_S:g} s.")
        await asyncio.sleep(BACK_S)


@dataclass
class Dressing:
    """What became of the frames of streams that are opened again whenever they fail."""

    tally: Tally = field(default_factory=Tally)
    pushed: int = 0
    shown_at: list[float] = field(default_factory=list)
    unaccounted: int = 0

    async def run(self, vitrine: Vitrine, bank: Bank, *, hz: float, frames: int) -> None:
        """Streams of `frames` frames each at `hz`, one after the other, for ever."""
        while True:
            await self.tally.call(lambda: self._stream(vitrine, bank, hz, frames))
            await asyncio.sleep(BACK_S)

    async def _stream(self, vitrine: Vitrine, bank: Bank, hz: float, frames: int) -> None:
        async with vitrine.stream("tryon.stream", {"layers": LAYERS}, newest=2) as stream:
            shown = 0

            async def read() -> None:
                nonlocal shown
                async for _ in stream:
                    shown += 1
                    self.shown_at.append(time.monotonic())

            async with background(read()) as reading:
                start = time.monotonic()
                for n in range(frames):
                    await asyncio.sleep(max(0.0, start + n / hz - time.monotonic()))
                    if reading.done():
                        break
                    await stream.push_frame(bank.frame(n), n=n, t_us=n)
                    self.pushed += 1
                await stream.end()
                await reading
            if stream.done is not None:
                counted = int(stream.done["frames_out"]) + int(stream.done["superseded"])
                self.unaccounted += int(stream.done["frames_in"]) - counted
                self.unaccounted += int(stream.done["frames_out"]) - shown - stream.dropped


@contextlib.asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Runs work beside the block and stops it after; what it raised is raised. Yields the first task."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield tasks[0]
    finally:
        pending = set(tasks)
        while pending:  # before Python 3.12 `wait_for` loses a cancel that comes together with its answer
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
