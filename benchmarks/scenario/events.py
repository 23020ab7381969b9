"""What is done to a sidecar's processes while a plan is played: a worker killed, a process stopped for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import psutil

from ..driver import until
from .record import NAN
from .spec import Event

BACK_S = 30.0
LOOK_AGAIN_S = 0.2


@dataclass
class Happened:
    """An event, seconds of `time.perf_counter`; `lost` when its process was not there to be found."""

    do: str
    who: str
    at_s: float
    lost: bool = False
    back_ms: float = NAN


async def happen(
    events: tuple[Event, ...], *, start_s: float, seconds: float, look: Callable[[], Awaitable[Mapping[str, int]]]
) -> list[Happened]:
    """Does everything at its time. `look` gives the sidecar's process ids by name."""
    due = sorted(((at_s, event) for event in events for at_s in event.times(seconds)), key=lambda pair: pair[0])
    happened: list[Happened] = []
    stalls: list[asyncio.Task[None]] = []
    try:
        for at_s, event in due:
            await until(start_s + at_s - LOOK_AGAIN_S)
            pids = await look()
            await until(start_s + at_s)
            one = Happened(event.do, event.who, time.perf_counter())
            happened.append(one)
            try:
                process = psutil.Process(pids[event.who])
                if event.do == "kill":
                    process.kill()
                else:
                    stalls.append(asyncio.create_task(_stalled(process, event.seconds)))
                    await asyncio.sleep(0)
            except (KeyError, psutil.Error):
                one.lost = True
    finally:
        await asyncio.gather(*stalls, return_exceptions=True)
    return happened


async def _stalled(process: psutil.Process, seconds: float) -> None:
    """Stops a process for a while; whatever happens to us, it goes on afterwards."""
    process.suspend()
    try:
        await asyncio.sleep(seconds)
    finally:
        process.resume()
