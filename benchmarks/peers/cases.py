"""What is asked of Vitrine and of a peer alike: a small call, one frame at a time, and a headset that never waits."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass

from sidecar.client import Vitrine

from ..driver import Tasks, back_to_back, until
from ..frames import Bank
from ..streams import Run, StreamBroken, headset, one_at_a_time
from ..target import NotAnEcho
from .environment import PeerFailed
from .process import MOST_WAITING, Running
from .protocol import FRAME_BYTES, REQUEST, RESPONSE, SMALL
from .servers import Server

HZ = 90.0
DRAIN_S = 60.0
ANSWER_S = 30.0
LEAST_CONFIDENCE = 0.2

SMALL_CALL, SMALL_WORKER = "small call", "small call, at the worker"
FRAME, BEYOND = "frame", "frame, beyond the model"
OVERLOAD, CAREFUL = "90 Hz, age", "90 Hz, one in flight, age"
Found = dict[str, list[float]]  # case -> milliseconds


@dataclass(frozen=True)
class Seconds:
    """How long each case runs."""

    small: float
    frame: float
    overload: float


class Frames:
    """Frames to and from a peer: posts the `n`-th of the bank, checks the answer, keeps the time in the model."""

    def __init__(self, peer: Running, path: str, bank: Bank) -> None:
        self._peer = peer
        self._path = path
        self._bank = bank
        self.infer_ms: list[float] = []
        self.undressed = 0

    async def send(self, n: int, captured_s: float) -> None:
        """One frame there and back. Raises `PeerFailed` for an answer that is not this frame's."""
        t_us = round(1e6 * captured_s)

        def read(body: memoryview) -> None:
            if len(body) != RESPONSE.size + FRAME_BYTES:
                raise PeerFailed(f"a frame was answered with {len(body)} bytes")
            answered_us, infer_ms, confidence = RESPONSE.unpack_from(body)
            if answered_us != t_us:
                raise PeerFailed("a frame was answered with another one")
            self.infer_ms.append(infer_ms)
            self.undressed += confidence < LEAST_CONFIDENCE

        pixels = self._bank.frame(n).reshape(-1).data
        await self._peer.pool.request(self._path, REQUEST.pack(t_us), pixels, read=read)

    def check_dressed(self) -> None:
        """Raises `PeerFailed` when most answers show nobody dressed: then the model did not do the same work."""
        if self.undressed > 0.02 * len(self.infer_ms):
            raise PeerFailed("the frames came back undressed; what was measured is not try-on")


# -- Vitrine -------------------------------------------------------------------------------------------------------


async def small_of_vitrine(vitrine: Vitrine, where: str, seconds: float) -> list[float]:
    """`server.echo` of 64 bytes, milliseconds each, one after the other."""

    async def send() -> None:
        data = os.urandom(SMALL)
        if (await vitrine.call("server.echo", {"where": where, "data": data}))["data"] != data:
            raise NotAnEcho("server.echo answered other bytes")

    return list((await back_to_back(send, seconds)).tolist())


async def frames_of_vitrine(vitrine: Vitrine, bank: Bank, seconds: float) -> tuple[list[float], list[float]]:
    """Round trips of frames through `tryon.stream`, and the same without the time in the model, milliseconds."""
    run = await one_at_a_time(vitrine, bank, seconds=seconds)
    _check_enough(run)
    if run.reasons > 0.02 * len(run.shown):
        raise NotAnEcho("the frames came back undressed; what was measured is not try-on")
    shown = run.after_warm_up()
    return [one.age_ms for one in shown], [one.age_ms - one.tm.infer_ms for one in shown]


async def ages_of_vitrine(vitrine: Vitrine, bank: Bank, seconds: float) -> list[float]:
    """Ages of answered frames, fed at 90 Hz whatever comes back."""
    run = await headset(vitrine, bank, rate_hz=HZ, seconds=seconds)
    _check_enough(run)
    return [shown.age_ms for shown in run.after_warm_up()]


def _check_enough(run: Run) -> None:
    if not run.after_warm_up():
        raise StreamBroken("too few frames were answered; measure longer, or while less else runs here")


# -- peers -----------------------------------------------------------------------------------------------------------


async def small_of_peer(peer: Running, path: str, seconds: float) -> list[float]:
    """POST of 64 bytes on one kept-alive connection."""

    async def send() -> None:
        data = os.urandom(SMALL)

        def read(body: memoryview) -> None:
            if body != data:
                raise PeerFailed("its echo answered other bytes")

        await peer.pool.request(path, data, read=read)

    return list((await back_to_back(send, seconds)).tolist())


async def frames_of_peer(frames: Frames, seconds: float) -> tuple[list[float], list[float]]:
    """POST of a frame, one after the other; and the same without the time in the model."""
    ages: list[float] = []
    frames.infer_ms.clear()

    async def loop() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            captured_s = time.perf_counter()
            await frames.send(len(ages), captured_s)
            ages.append(1000 * (time.perf_counter() - captured_s))

    await asyncio.wait_for(loop(), seconds + ANSWER_S)
    return ages, [age - infer for age, infer in zip(ages, frames.infer_ms, strict=True)]


async def ages_of_peer(frames: Frames, seconds: float) -> list[float]:
    """Ages of answered frames, posted at 90 Hz whatever comes back; every frame is waited for.

    Raises `PeerFailed` when `MOST_WAITING` requests wait, or some are not answered a minute after the last.
    """
    ages: list[float] = []

    async def one(n: int, intended_s: float) -> None:
        await frames.send(n, intended_s)
        ages.append(1000 * (time.perf_counter() - intended_s))

    start = time.perf_counter() + 0.01
    async with Tasks() as tasks:
        for n in range(min(round(seconds * HZ), MOST_WAITING)):
            await until(start + n / HZ)
            tasks.check()
            tasks.start(one(n, start + n / HZ))
        try:
            await asyncio.wait_for(tasks.all(), DRAIN_S)
        except asyncio.TimeoutError as error:
            raise PeerFailed(f"frames were not answered within {DRAIN_S:g} s") from error
    return ages


async def careful_ages_of_peer(frames: Frames, seconds: float) -> list[float]:
    """Ages of answered frames of a client that keeps one request under way and drops what is stale itself."""
    ages: list[float] = []

    async def loop() -> None:
        start, last = time.perf_counter() + 0.01, -1
        while (n := max(last + 1, int((time.perf_counter() - start) * HZ))) < seconds * HZ:
            await until(start + n / HZ)
            await frames.send(n, start + n / HZ)
            ages.append(1000 * (time.perf_counter() - start - n / HZ))
            last = n

    await asyncio.wait_for(loop(), seconds + ANSWER_S)
    return ages


# -- one turn of each ------------------------------------------------------------------------------------------------


async def turn_of_vitrine(vitrine: Vitrine, bank: Bank, case: str, seconds: Seconds) -> Found:
    """One case's milliseconds; a frame's hold two series."""
    if case == SMALL_CALL:
        worker = await small_of_vitrine(vitrine, "engine", seconds.small)
        return {SMALL_WORKER: worker, SMALL_CALL: await small_of_vitrine(vitrine, "gateway", seconds.small)}
    if case == FRAME:
        ages, beyond = await frames_of_vitrine(vitrine, bank, seconds.frame)
        return {FRAME: ages, BEYOND: beyond}
    ages = await ages_of_vitrine(vitrine, bank, seconds.overload)
    return {OVERLOAD: ages, CAREFUL: ages}


async def turn_of_peer(peer: Running, server: Server, bank: Bank, case: str, seconds: Seconds) -> Found:
    """The same of a peer, on new connections."""
    peer.pool.let_go_idle()
    if case == SMALL_CALL:
        found = await small_of_peer(peer, server.echo, seconds.small)
        return {SMALL_WORKER: found, SMALL_CALL: found}
    frames = Frames(peer, server.frame, bank)
    if case == FRAME:
        ages, beyond = await frames_of_peer(frames, seconds.frame)
        series = {FRAME: ages, BEYOND: beyond}
    else:
        careful = await careful_ages_of_peer(frames, seconds.overload)
        series = {OVERLOAD: await ages_of_peer(frames, seconds.overload), CAREFUL: careful}
    frames.check_dressed()
    return series


