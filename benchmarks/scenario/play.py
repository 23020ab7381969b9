"""Plays a plan against an endpoint: connects, sends on time, samples the processes, does the events, waits."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec import structs

from sidecar.client import Vitrine, connect
from sidecar.endpoint import Endpoint
from sidecar.errors import VitrineError
from sidecar.wire.messages import ClientInfo

from .. import gpu
from ..arrivals import Offsets, for_seconds
from ..driver import Tasks
from ..residence import processes
from ..target import child
from . import events
from .calls import Calls
from .payloads import Film
from .record import Record
from .spec import Load, Plan
from .streams import Counts, Frames
from .usage import Usage

ANSWER_S = 10.0
LEAD_S = 0.1
TELL_EVERY_S = 1.0

Told = Callable[[str], None]


@dataclass
class Connected:
    """One connection of a load: `number` is its stream's in the record."""

    number: int
    name: str
    load: Load
    vitrine: Vitrine
    session: str
    offsets: Offsets
    player: Calls | Frames


@dataclass
class Played:
    """What a run left. `start_s` is the counted start, of `time.perf_counter`."""

    plan: Plan
    record: Record
    connected: list[Connected]
    start_s: float = 0.0
    clock: dict[str, Any] = field(default_factory=dict)
    happened: list[events.Happened] = field(default_factory=list)
    served: dict[str, Any] = field(default_factory=dict)
    usage_values: dict[str, float] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    gpu: list[dict[str, Any]] = field(default_factory=list)
    lost_connections: int = 0

    def counts(self, name: str) -> list[Counts]:
        """The frame counts of a load's connections."""
        return [one.player.counts for one in self.connected if one.load.name == name and isinstance(one.player, Frames)]


async def play(plan: Plan, endpoint: Endpoint, *, film: Film, told: Told = lambda _: None) -> Played:
    """Plays everything. Raises `Unavailable` and its kin when the server cannot be reached at all."""
    async with contextlib.AsyncExitStack() as stack:
        control = await stack.enter_async_context(await _connect(plan, endpoint, shm=False))
        played = Played(plan, Record(), [])
        await _connect_all(stack, plan, endpoint, film, played)
        look = _looking(control)
        pids = {**await look(), "client": os.getpid()}
        usage, graphics = Usage(pids, look), gpu.Sampler()
        before = await control.clock_offset()
        with _collected():
            async with usage, graphics:
                await _run(played, look, told)
        offset = before
        with contextlib.suppress(VitrineError):
            again = await control.clock_offset()
            offset = again if again.rtt_us < before.rtt_us else before
            played.served = (await control.call("server.stats")).d
        played.clock = {**_clock(played.start_s), **structs.asdict(offset)}
        played.clock["server_offset_us"] = played.clock.pop("offset_us")
        played.lost_connections = sum(_lost(one) for one in played.connected)
        played.usage, played.usage_values = usage.details(), {**usage.values(), **graphics.values()}
        played.gpu = graphics.samples
    return played


async def _run(played: Played, look: Callable[[], Any], told: Told) -> None:
    plan = played.plan
    begin_s = time.perf_counter() + LEAD_S
    played.start_s = begin_s + plan.warm_up_s
    end_s = played.start_s + plan.seconds
    told_of = asyncio.ensure_future(_tell(plan, begin_s, told))
    happening = asyncio.ensure_future(
        events.happen(plan.events, start_s=played.start_s, seconds=plan.seconds, look=look)
    )
    try:
        async with Tasks() as tasks:
            for one in played.connected:
                tasks.start(one.player.play(one.vitrine, one.offsets, begin_s, end_s))
            await tasks.all()
        played.happened = await happening
        await asyncio.gather(*(one.player.finish(one.vitrine, ANSWER_S) for one in played.connected))
    finally:
        for task in (told_of, happening):
            task.cancel()
        await asyncio.gather(told_of, happening, return_exceptions=True)


async def _tell(plan: Plan, begin_s: float, told: Told) -> None:
    while True:
        at_s = time.perf_counter() - begin_s - plan.warm_up_s
        told(f"{plan.name}: warm-up" if at_s < 0 else f"{plan.name}: {at_s:.0f} of {plan.seconds:.0f} s")
        await asyncio.sleep(TELL_EVERY_S)


async def _connect(plan: Plan, endpoint: Endpoint, *, shm: bool) -> Vitrine:
    client = ClientInfo(name="benchmark", version="1", refresh_hz=plan.refresh_hz)
    return await connect(endpoint=endpoint, client=client, shm=shm, reconnect=True)


async def _connect_all(
    stack: contextlib.AsyncExitStack, plan: Plan, endpoint: Endpoint, film: Film, played: Played
) -> None:
    """Every load's connections."""
    relays: dict[str, Endpoint] = {}
    for number, (load, name, offsets, random) in enumerate(drawn(plan)):
        if load.read_bytes_per_s is not None and load.name not in relays:
            relays[load.name] = await stack.enter_async_context(_slow(endpoint, load))
        there = relays.get(load.name, endpoint)
        vitrine = await stack.enter_async_context(await _connect(plan, there, shm=load.shm))
        player: Calls | Frames
        if load.frames:
            player = Frames(load, number, played.record, film)
        else:
            player = Calls(load, number, played.record, film, random=random)
        session = vitrine.welcome.session
        played.connected.append(Connected(number, name, load, vitrine, session, offsets, player))


def drawn(plan: Plan) -> list[tuple[Load, str, Offsets, np.random.Generator]]:
    """Each connection's load, name, send times and generator of its own, all from the plan's seed."""
    seeds = iter(np.random.SeedSequence(plan.seed).spawn(2 * sum(load.connections for load in plan.streams)))
    seconds = plan.warm_up_s + plan.seconds
    found = []
    for load in plan.streams:
        for index in range(load.connections):
            name = load.name if load.connections == 1 else f"{load.name}-{index + 1}"
            offsets = offsets_of(load, index, seconds, np.random.default_rng(next(seeds)))
            found.append((load, name, offsets, np.random.default_rng(next(seeds))))
    return found


def offsets_of(load: Load, index: int, seconds: float, random: np.random.Generator) -> Offsets:
    """When a connection sends; those of a closed loop are not known beforehand."""
    if load.rate_hz is None:
        return np.zeros(0)
    phase_s = index / load.connections * load.burst / load.rate_hz
    return for_seconds(load.arrivals, load.rate_hz, seconds, burst=load.burst, phase_s=phase_s, random=random)


@contextlib.asynccontextmanager
async def _slow(endpoint: Endpoint, load: Load) -> AsyncIterator[Endpoint]:
    words = (endpoint.host, str(endpoint.port), str(load.read_bytes_per_s))
    async with child("benchmarks.scenario.relay", *words) as (port,):
        yield structs.replace(endpoint, host="127.0.0.1", port=int(port))


def _looking(control: Vitrine) -> Callable[[], Any]:
    latest: dict[str, int] = {}

    async def look() -> Mapping[str, int]:
        with contextlib.suppress(VitrineError):
            latest.update(await processes(control))
        return latest

    return look


def _lost(one: Connected) -> bool:
    return not one.vitrine.connected or one.vitrine.welcome.session != one.session


def _clock(start_s: float) -> dict[str, Any]:
    """The counted start on the wall's clock and on the client's, which pings are told in."""
    since_s = time.perf_counter() - start_s
    return {"start_unix_s": time.time() - since_s, "start_us": round(time.monotonic_ns() / 1000 - 1e6 * since_s)}


@contextlib.contextmanager
def _collected() -> Iterator[None]:
    """What was there before the run is not looked through again and again while it goes on."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
