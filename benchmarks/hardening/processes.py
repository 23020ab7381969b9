"""Memory and handles of the sidecar's processes over time, and how much of either a run has added."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np
import psutil

from sidecar.client import Vitrine
from sidecar.errors import Unavailable

from ..report import Check, Report
from ..stats import slope

EVERY_S = 1.0
SETTLING_S = 60.0
SETTLING_SHARE = 0.25  # of a run shorter than four settling times
FEWEST = 10  # samples that a slope rests on
MIB = 2**20
GROWTH_PERCENT = 5.0
Pids = Mapping[str, int]


class Processes:
    """`async with` samples every process of `pids`; `look` says which there are and is asked again when one is gone.

    A process that came in another's place goes on with its series.
    """

    def __init__(self, pids: Pids, look: Callable[[], Awaitable[Pids]] | None = None) -> None:
        self._look = look
        self._known = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._start = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self.t_s: list[float] = []
        self.rss: dict[str, list[float]] = {name: [] for name in pids}
        self.handles: dict[str, list[float]] = {name: [] for name in pids}

    async def __aenter__(self) -> Processes:
        self._start = time.monotonic()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            gone = self.sample()
            if gone and self._look is not None:
                for name, pid in (await self._look()).items():
                    if name in gone and psutil.pid_exists(pid):
                        self._known[name] = psutil.Process(pid)

    def sample(self) -> set[str]:
        """Takes one sample of each; returns the names of those that are gone."""
        gone: set[str] = set()
        self.t_s.append(time.monotonic() - self._start)
        for name, process in self._known.items():
            try:
                rss, count = float(process.memory_info().rss), float(handles(process))
            except psutil.Error:
                rss = count = float("nan")
                gone.add(name)
            self.rss[name].append(rss)
            self.handles[name].append(count)
        return gone

    # -- when it is over -----------------------------------------------------------------------------------------

    def growth(self) -> dict[str, tuple[float, float]]:
        """Percent that memory and handles of each process grew by once it had settled; none of a short run."""
        found = {}
        for name in self.rss:
            memory, count = growth_percent(self.t_s, self.rss[name]), growth_percent(self.t_s, self.handles[name])
            if memory is not None and count is not None:
                found[name] = (memory, count)
        return found

    def judge(self, report: Report, *, handles: bool = True) -> None:
        """Values, checks and every sample of this run."""
        for name, series in self.rss.items():
            if kept := [size for size in series if size == size]:
                report.values[f"resident {name}, MiB"] = kept[-1] / MIB
        for name, (memory, count) in self.growth().items():
            report.checks.append(Check(f"growth of memory, {name}", memory, "<=", GROWTH_PERCENT, "%", "Theil-Sen"))
            if handles:
                report.checks.append(Check(f"growth of handles, {name}", count, "<=", GROWTH_PERCENT, "%", "Theil-Sen"))
        if not self.growth():
            report.warnings.append("too short for a slope of memory; run it longer")
        report.details["processes"] = self.details()

    def details(self) -> dict[str, Any]:
        """Every sample; null where a process was gone."""
        plain = {kind: _plain(series) for kind, series in (("rss_bytes", self.rss), ("handles", self.handles))}
        return {"t_s": [round(at, 3) for at in self.t_s], **plain}


def growth_percent(times: Sequence[float], values: Sequence[float]) -> float | None:
    """What the Theil-Sen slope of the settled part adds up to, percent of its median; None for too few samples."""
    x, y = np.asarray(times), np.asarray(values)
    if x.size == 0:
        return None
    settled = x >= x[0] + min(SETTLING_S, SETTLING_SHARE * (x[-1] - x[0]))
    kept = settled & np.isfinite(y)
    if kept.sum() < FEWEST:
        return None
    x, y = x[kept], y[kept]
    return float(100 * slope(x, y) * (x[-1] - x[0]) / max(1.0, float(np.median(y))))


def handles(process: psutil.Process) -> int:
    """Open file descriptors, on Windows handles."""
    if sys.platform == "win32":
        return int(process.num_handles())
    return int(process.num_fds())


async def of(vitrine: Vitrine) -> dict[str, int]:
    """Process ids of the gateway and its workers; none while it cannot be asked."""
    try:
        stats = await vitrine.call("server.stats")
    except Unavailable:
        return {}
    workers = {worker["name"]: worker["pid"] for worker in stats["workers"]}
    return {"gateway": vitrine.welcome.server.pid, **workers}


def _plain(series: Mapping[str, Sequence[float]]) -> dict[str, list[int | None]]:
    return {name: [None if value != value else int(value) for value in row] for name, row in series.items()}
