"""How fast the sidecar comes back: killed workers in mid-stream, and cold starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sidecar.client import Stream, Vitrine
from sidecar.demo.host import Host
from sidecar.errors import Unavailable, VitrineError

from .driver import until
from .frames import LAYERS, Bank
from .streams import StreamBroken, anext_part

FEED_HZ = 60.0
FAIL_S = 5.0
BACK_S = 60.0
STEADY_FRAMES = 10
RETRY_S = 0.02
READY_S = 60.0


@dataclass
class Kills:
    """One entry a kill, milliseconds: until the stream failed, until the next frame was answered."""

    failed_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    lost_connections: int = 0


async def kill_workers(
    vitrine: Vitrine, bank: Bank, *, count: int, pause_s: float, told: Callable[[str], None]
) -> Kills:
    """Kills the frame worker `count` times while a stream runs; opens a new stream at once each time.

    Raises `StreamBroken` when the stream does not fail, or no frame is answered within a minute.
    """
    kills, session, lost = Kills(), vitrine.welcome.session, 0
    for number in range(count):
        told(f"kill {number + 1} of {count}")
        killed_s = await _one_kill(vitrine, bank, kills)
        await asyncio.wait_for(_answered_again(vitrine, bank), BACK_S)
        kills.answered_ms.append(1000 * (time.perf_counter() - killed_s))
        lost += vitrine.welcome.session != session
        session = vitrine.welcome.session
        await asyncio.sleep(pause_s)
    kills.lost_connections = lost
    return kills


async def _one_kill(vitrine: Vitrine, bank: Bank, kills: Kills) -> float:
    """Streams, kills, waits until the stream has failed; the time of the kill."""
    async with vitrine.stream("tryon.stream", {"layers": LAYERS}, newest=2) as stream:
        feeder = asyncio.ensure_future(_feed(stream, bank))
        try:
            for _ in range(STEADY_FRAMES):
                await asyncio.wait_for(anext_part(stream), BACK_S)
            stats = await vitrine.call("server.stats")
            pid = next(worker["pid"] for worker in stats["workers"] if worker["name"] == "frame")
            killed_s = time.perf_counter()
            psutil.Process(pid).kill()
            try:
                await asyncio.wait_for(_drain(stream), FAIL_S)
            except VitrineError as error:
                kills.failed_ms.append(1000 * (time.perf_counter() - killed_s))
                kills.codes.append(error.code)
                return killed_s
            except asyncio.TimeoutError as error:
                raise StreamBroken(f"the stream did not fail within {FAIL_S:g} s of the kill") from error
            raise StreamBroken("the stream ended well although its worker was killed")
        finally:
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)


async def _feed(stream: Stream, bank: Bank) -> None:
    start, n = time.perf_counter(), 0
    while True:
        await until(start + n / FEED_HZ)
        await stream.push_frame(bank.frame(n), n=n, t_us=n)
        n += 1


async def _drain(stream: Stream) -> None:
    async for _ in stream:
        pass


async def _answered_again(vitrine: Vitrine, bank: Bank) -> None:
    """Opens streams until one answers a frame."""
    while True:
        try:
            async with vitrine.stream("tryon.stream", {"layers": LAYERS}, newest=2) as stream:
                await stream.push_frame(bank.frame(0), n=0, t_us=0)
                await anext_part(stream)
                return
        except Unavailable:
            await asyncio.sleep(RETRY_S)


def cold_starts(packs: Path | None, *, count: int, told: Callable[[str], None]) -> list[float]:
    """Seconds from starting the process to `/readyz` 200, `count` times. Raises `HostFailed`."""
    times = []
    for number in range(count):
        told(f"cold start {number + 1} of {count}")
        with Host(packs=packs) as host:
            times.append(host.wait_ready(timeout_s=READY_S))
    return times
