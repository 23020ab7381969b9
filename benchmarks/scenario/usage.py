"""Processor time and memory of every process of a run, sampled beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psutil

from ..residence import FEWEST_SAMPLES, MIB, SETTLING_S
from ..stats import slope

EVERY_S = 0.5
SLOPE_S = 60.0  # a shorter run has no slope of memory

Pids = Mapping[str, int]


class Usage:
    """`async with` samples; `look` says which processes there are, and is asked again when one is gone."""

    def __init__(self, pids: Pids, look: Callable[[], Awaitable[Pids]]) -> None:
        self._look = look
        self._known: dict[str, psutil.Process] = {}
        self._before: dict[str, tuple[float, float]] = {}
        self._start = time.perf_counter()
        self._task: asyncio.Task[None] | None = None
        self.t_s: list[float] = []
        self.cpu_percent: dict[str, list[float | None]] = {name: [] for name in pids}
        self.rss_bytes: dict[str, list[int | None]] = {name: [] for name in pids}
        self._meet(pids)

    async def __aenter__(self) -> Usage:
        self._start = time.perf_counter()
        self._sample()  # the base of the first share
        self.t_s.clear()
        for name in self.cpu_percent:
            self.cpu_percent[name].clear()
            self.rss_bytes[name].clear()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if self._sample():
                self._meet(await self._look())

    def _meet(self, pids: Pids) -> None:
        for name, pid in pids.items():
            if name in self.cpu_percent and (name not in self._known or self._known[name].pid != pid):
                try:
                    self._known[name] = psutil.Process(pid)
                except psutil.Error:
                    continue
                self._before.pop(name, None)

    def _sample(self) -> bool:
        """One row; whether a process is gone."""
        now = time.perf_counter()
        self.t_s.append(round(now - self._start, 3))
        for name in self.cpu_percent:
            percent, rss = self._of(name, now)
            self.cpu_percent[name].append(percent)
            self.rss_bytes[name].append(rss)
        return len(self._known) < len(self.cpu_percent)

    def _of(self, name: str, now: float) -> tuple[float | None, int | None]:
        process = self._known.get(name)
        if process is None:
            return None, None
        try:
            with process.oneshot():
                times, rss = process.cpu_times(), int(process.memory_info().rss)
        except psutil.Error:
            del self._known[name]
            self._before.pop(name, None)
            return None, None
        spent_s = times.user + times.system
        before = self._before.get(name)
        self._before[name] = (now, spent_s)
        if before is None:
            return None, rss
        return round(100 * (spent_s - before[1]) / (now - before[0]), 1), rss

    # -- when it is over -----------------------------------------------------------------------------------------

    def values(self) -> dict[str, float]:
        """Mean share of a core and largest memory of each process; growth of memory where the run was long enough."""
        found: dict[str, float] = {}
        for name, series in self.cpu_percent.items():
            if shares := [share for share in series if share is not None]:
                found[f"cpu {name}, %"] = sum(shares) / len(shares)
        for name, sizes in self.rss_bytes.items():
            if known := [size for size in sizes if size is not None]:
                found[f"resident {name}, MiB"] = max(known) / MIB
        return found | {f"growth {name}, MiB a minute": growth for name, growth in self.growth().items()}

    def growth(self) -> dict[str, float]:
        """MiB a minute of each process that lived all the time, once it had settled; none of a short run."""
        if not self.t_s or self.t_s[-1] < SLOPE_S:
            return {}
        settled_s = min(SETTLING_S, self.t_s[-1] / 2)
        first = sum(at < settled_s for at in self.t_s)
        times = self.t_s[first:]
        found = {}
        for name, sizes in self.rss_bytes.items():
            kept = [size for size in sizes[first:] if size is not None]
            if len(kept) == len(times) >= FEWEST_SAMPLES:
                found[name] = 60 / MIB * slope(times, kept)
        return found

    def details(self) -> dict[str, Any]:
        """Every sample."""
        return {"t_s": self.t_s, "cpu_percent": self.cpu_percent, "rss_bytes": self.rss_bytes}
