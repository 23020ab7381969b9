"""The gateway killed while clients call: do they all find its successor, does anything hang, is anything left over?"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from sidecar.client import Vitrine, connect

from ..frames import Bank
from ..report import Check, Report, Row
from ..stats import summarise
from . import callers
from .callers import Dressing, Tally
from .kept import Kept

CLIENTS = 4
HZ = 30.0
FRAMES_A_STREAM = 90
BACK_S = 30.0
ORPHAN_S = 3.0
LONGEST_PAUSE_S = 1.0
BACK_P95_MS = 5000.0
POLL_S = 0.01


async def measure(
    packs: Path | None, bank: Bank, report: Report, *, kills: int, seed: int, told: Callable[[str], None]
) -> None:
    """Kills the gateway `kills` times and starts it again each time."""
    tallies = {f"client {number + 1}": Tally() for number in range(CLIENTS)}
    dressing, chance = Dressing(), random.Random(seed)
    back_ms: list[float] = []
    missing = orphans = 0
    with Kept(packs=packs) as kept:
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(await connect(run_file=kept.run_file, reconnect=True)) for _ in tallies
            ]
            work = [
                callers.steadily(tally, callers.small(client), every_s=0.02)
                for client, tally in zip(clients, tallies.values(), strict=True)
            ]
            await stack.enter_async_context(
                callers.background(*work, dressing.run(clients[0], bank, hz=HZ, frames=FRAMES_A_STREAM))
            )
            for number in range(kills):
                told(f"the gateway is killed, {number + 1} of {kills}")
                await asyncio.sleep(chance.uniform(0.2, LONGEST_PAUSE_S))
                sessions = [client.welcome.session for client in clients]
                workers = kept.kill()
                killed = time.monotonic()
                kept.start()
                await asyncio.to_thread(kept.wait)
                found = await asyncio.gather(*map(_back, clients, sessions, tallies.values()))
                back_ms += [1000 * (at - killed) for at in found if at is not None]
                missing += found.count(None)
                orphans += await _left(workers)
    _judge(report, back_ms, kills=kills, missing=missing, orphans=orphans)
    ends = {**tallies, "streams": dressing.tally}
    callers.judge(report, ends, allowed=("unavailable", "model_loading"), during="killed gateway")


async def _back(client: Vitrine, session: str, tally: Tally) -> float | None:
    """When the client's first answer in another session than `session` came; None if none does."""
    deadline, before = time.monotonic() + BACK_S, 0
    while time.monotonic() < deadline:
        if client.welcome.session == session:
            before = len(tally.answers)
        elif len(tally.answers) > before:
            return tally.answers[before][0]
        await asyncio.sleep(POLL_S)
    return None


async def _left(workers: list[psutil.Process]) -> int:
    """How many of a killed gateway's workers are still there a while later."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, workers, timeout=ORPHAN_S)
    return len(alive)


def _judge(report: Report, back_ms: list[float], *, kills: int, missing: int, orphans: int) -> None:
    if back_ms:
        back = summarise(back_ms)
        report.rows.append(Row("kill of the gateway until a client's answer", "ms", back))
        note = f"{kills} kills, {CLIENTS} clients; the start of the sidecar included"
        report.checks.append(
            Check("kill of the gateway until a client's answer, p95", back.p95, "<=", BACK_P95_MS, "ms", note)
        )
    report.checks += [
        Check("clients that did not find the next gateway", float(missing), "==", 0),
        Check("workers left by killed gateways", float(orphans), "==", 0),
    ]
    report.details["gateway_back_ms"] = back_ms
