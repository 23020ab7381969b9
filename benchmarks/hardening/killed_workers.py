"""Workers killed at random moments under load: who notices, how long until they answer again, what stays behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from sidecar.client import Vitrine, connect
from sidecar.demo.host import Host
from sidecar.errors import VitrineError

from ..frames import Bank
from ..report import Check, Report, Row
from ..stats import summarise
from . import callers, processes
from .callers import Dressing, Tally
from .processes import GROWTH_PERCENT, Processes, growth_percent

LANES = ("frame", "general")
HZ = 30.0
FRAMES_A_STREAM = 150
LONGEST_PAUSE_S = 1.5
BACK_S = 30.0
POLL_S = 0.005
BACK_P95_MS = 1500.0


@dataclass
class Kills:
    """One entry a kill: the lane, the process's resident bytes just before, milliseconds until it answered again."""

    lanes: list[str] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    back_ms: list[float] = field(default_factory=list)
    not_back: int = 0


async def measure(
    host: Host, bank: Bank, report: Report, *, kills: int, seed: int, told: Callable[[str], None]
) -> None:
    """Kills `kills` workers, and adds what came of it to the report."""
    tallies = {name: Tally() for name in ("small calls", "pictures")}
    dressing, found = Dressing(), Kills()
    async with await connect(endpoint=host.endpoint, reconnect=True) as vitrine, await connect(
        endpoint=host.endpoint, reconnect=True
    ) as prober:
        sessions = [vitrine.welcome.session, prober.welcome.session]
        pids = {"gateway": (await processes.of(vitrine))["gateway"]}
        restarts = await _restarts(prober)
        async with Processes(pids) as sampled, callers.background(
            dressing.run(vitrine, bank, hz=HZ, frames=FRAMES_A_STREAM),
            callers.steadily(tallies["small calls"], callers.small(vitrine), every_s=0.02),
            callers.steadily(tallies["pictures"], callers.segment(vitrine, bank), every_s=0.05),
        ):
            chance = random.Random(seed)
            for number in range(kills):
                told(f"worker {number + 1} of {kills} is killed")
                await asyncio.sleep(chance.uniform(0.0, LONGEST_PAUSE_S))
                await _kill(prober, bank, chance.choice(LANES), found)
        lost = [vitrine.welcome.session, prober.welcome.session] != sessions
        counted = await _restarts(prober) - restarts
    _judge(report, found, kills, counted, lost)
    callers.judge(report, {**tallies, "streams": dressing.tally}, allowed=("unavailable",), during="killed workers")
    note = "of streams that ended well"
    report.checks.append(Check("frames not accounted for", float(dressing.unaccounted), "==", 0, "", note))
    sampled.judge(report)


async def _kill(prober: Vitrine, bank: Bank, lane: str, found: Kills) -> None:
    process = psutil.Process((await processes.of(prober))[lane])
    found.lanes.append(lane)
    found.resident.append(float(process.memory_info().rss))
    ask = callers.small(prober) if lane == "frame" else callers.segment(prober, bank)
    process.kill()
    killed = time.monotonic()
    while time.monotonic() - killed < BACK_S:
        try:
            await asyncio.wait_for(ask(), BACK_S)
        except (VitrineError, asyncio.TimeoutError):
            await asyncio.sleep(POLL_S)
            continue
        if (await processes.of(prober))[lane] != process.pid:  # else the answer was on its way before the kill
            found.back_ms.append(1000 * (time.monotonic() - killed))
            return
    found.not_back += 1


async def _restarts(vitrine: Vitrine) -> int:
    stats: Any = await vitrine.call("server.stats")
    return sum(int(worker["restarts"]) for worker in stats["workers"])


def _judge(report: Report, found: Kills, kills: int, counted: int, lost: bool) -> None:
    if found.back_ms:
        back = summarise(found.back_ms)
        report.rows.append(Row("kill of a worker until it answers", "ms", back))
        report.checks.append(
            Check("kill of a worker until it answers, p95", back.p95, "<=", BACK_P95_MS, "ms", f"{kills} kills")
        )
    report.checks += [
        Check("workers that did not come back", float(found.not_back), "==", 0),
        Check("restarts beside the kills", float(counted - kills), "==", 0),
        Check("connections lost to killed workers", float(lost), "==", 0),
    ]
    for lane in LANES:
        resident = [size for size, at in zip(found.resident, found.lanes, strict=True) if at == lane]
        grown = growth_percent(range(len(resident)), resident)
        if grown is not None:
            note = f"{len(resident)} successive processes"
            name = f"growth of memory from one {lane} worker to the next"
            report.checks.append(Check(name, grown, "<=", GROWTH_PERCENT, "%", note))
    report.details["kills"] = {"lanes": found.lanes, "back_ms": found.back_ms, "resident_bytes": found.resident}
