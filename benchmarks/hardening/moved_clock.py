"""The wall clock jumps while everything runs: nothing that waits, counts or expires may notice.

The processes get a `sitecustomize` that adds to `time.time` what a file says; monotonic clocks stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np

from sidecar.client import connect

from ..frames import Bank
from ..report import Check, Report, Row
from ..stats import summarise
from . import callers, processes
from .callers import Dressing, Tally
from .kept import Kept

HOUR_S = 3600.0
JUMPS_S = (HOUR_S, -HOUR_S, 10 * 365 * 24 * HOUR_S, 0.0, -10 * 365 * 24 * HOUR_S, 2.5)
HELD_S = 2.0
HZ = 30.0
FRAMES_A_STREAM = 60
BUDGET_MS = 5000.0
LONGEST_GAP_S = 2.0
PATCH = """
import os, time

def _moved(real, scale):
    def now():
        try:
            with open(os.environ["VITRINE_TEST_CLOCK"]) as file:
                return real() + type(real())(float(file.read()) * scale)
        except (OSError, ValueError):
            return real()
    return now

time.time, time.time_ns = _moved(time.time, 1), _moved(time.time_ns, 10**9)
"""


async def measure(packs: Path | None, bank: Bank, report: Report, *, jumps: int, told: Callable[[str], None]) -> None:
    """Moves the clock `jumps` times, some seconds apart; new clients come at each of them."""
    tallies = {name: Tally() for name in ("small calls", "pictures", "visitors")}
    dressing = Dressing()
    with tempfile.TemporaryDirectory(prefix="vitrine-clock-") as folder:
        clock = Clock(Path(folder))
        with Kept(packs=packs, environ=clock.environ()) as kept:
            async with await connect(run_file=kept.run_file, reconnect=True) as vitrine:
                await callers.warm(vitrine)
                session, pids = vitrine.welcome.session, await processes.of(vitrine)

                async def visit() -> None:
                    async with await connect(run_file=kept.run_file, reconnect=False) as visitor:
                        await visitor.call("server.echo", callers.SMALL, budget_ms=BUDGET_MS)

                async with callers.background(
                    dressing.run(vitrine, bank, hz=HZ, frames=FRAMES_A_STREAM),
                    callers.steadily(
                        tallies["small calls"],
                        lambda: vitrine.call("server.echo", callers.SMALL, budget_ms=BUDGET_MS),
                        every_s=0.02,
                    ),
                    callers.steadily(tallies["pictures"], callers.segment(vitrine, bank), every_s=0.2),
                    callers.steadily(tallies["visitors"], visit, every_s=0.3),
                ):
                    await asyncio.sleep(HELD_S)
                    for number in range(jumps):
                        told(f"the clock jumps, {number + 1} of {jumps}")
                        clock.move(JUMPS_S[number % len(JUMPS_S)])
                        await asyncio.sleep(HELD_S)
                lost = vitrine.welcome.session != session
                replaced = await processes.of(vitrine) != pids
            moved = was_seen(kept.log())
    _judge(report, tallies["small calls"], jumps=jumps, lost=lost, replaced=replaced, moved=moved)
    callers.judge(report, {**tallies, "streams": dressing.tally}, during="moved clock")


def _judge(report: Report, small: Tally, *, jumps: int, lost: bool, replaced: bool, moved: bool) -> None:
    at = [moment for moment, _ in small.answers]
    gaps = np.diff(at)
    report.rows.append(Row("between answers while the clock jumps", "ms", summarise(1000 * gaps)))
    report.checks += [
        Check("longest silence while the clock jumps", float(gaps.max()), "<=", LONGEST_GAP_S, "s", f"{jumps} jumps"),
        Check("the processes saw the clock jump", float(moved), "==", 1, "", "else nothing was tried"),
        Check("connections lost to the clock", float(lost), "==", 0),
        Check("processes that ended with the clock", float(replaced), "==", 0),
    ]


class Clock:
    """The wall clock of child processes: what is written here is added to it, seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "offset"
        (folder / "sitecustomize.py").write_text(PATCH, encoding="utf-8")
        self.move(0.0)

    def environ(self) -> dict[str, str]:
        """What puts a child under it."""
        paths = [str(self._folder), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "VITRINE_TEST_CLOCK": str(self._file)}

    def move(self, offset_s: float) -> None:
        """From now on it is wrong by so much."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(repr(offset_s), encoding="utf-8")
        fresh.replace(self._file)


def was_seen(log: str) -> bool:
    """Whether the times in a log lie further apart than the run was long."""
    times: list[datetime] = []
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            times.append(datetime.strptime(line[: len("2000-01-01 00:00:00")], "%Y-%m-%d %H:%M:%S"))
    return bool(times) and (max(times) - min(times)).total_seconds() > HOUR_S / 2
