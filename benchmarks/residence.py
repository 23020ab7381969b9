"""Memory of the sidecar's processes over time."""

from __future__ import annotations

import asyncio
import time

import psutil

from sidecar.client import Vitrine

from .stats import slope

EVERY_S = 1.0
SETTLING_S = 60.0
FEWEST_SAMPLES = 2
MIB = 2**20


class Residence:
    """Samples the resident bytes of the gateway and of every worker; `async with` runs it beside the work."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._start = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self.times: list[float] = []
        self.series: dict[str, list[int]] = {name: [] for name in processes}

    async def __aenter__(self) -> Residence:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            self.times.append(time.monotonic() - self._start)
            for name, process in self._processes.items():
                self.series[name].append(process.memory_info().rss)
            await asyncio.sleep(EVERY_S)

    def latest_mib(self) -> dict[str, float]:
        """The last sample of each process."""
        return {name: values[-1] / MIB for name, values in self.series.items()}

    def growth_mib_per_minute(self) -> dict[str, float]:
        """The slope of each process once it has settled for a minute (or from the middle of a shorter run).

        Empty when the run was too short for a slope: two settled samples are the least that has one.
        """
        settled = min(SETTLING_S, self.times[-1] / 2) if self.times else 0.0
        times = [at for at in self.times if at >= settled]
        if len(times) < FEWEST_SAMPLES:
            return {}
        first = len(self.times) - len(times)
        return {
            name: 60 / MIB * slope(times, values[first : len(self.times)]) for name, values in self.series.items()
        }


async def processes(vitrine: Vitrine) -> dict[str, int]:
    """The gateway's and the workers' process ids by name."""
    stats = await vitrine.call("server.stats")
    workers = {worker["name"]: worker["pid"] for worker in stats["workers"]}
    return {"gateway": vitrine.welcome.server.pid, **workers}
