"""Two ways to drive a `tryon.stream`, and what each finds: one frame at a time, and a headset that never waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sidecar.client import Result, Stream, Vitrine
from sidecar.wire.messages import Timing

from .driver import until
from .frames import LAYERS, Bank

WARM_UP_FRAMES = 10
ANSWER_S = 10.0
STAGES = ("queue_ms", "decode_ms", "infer_ms", "encode_ms", "total_ms")


class StreamBroken(RuntimeError):
    """The stream did not behave: an answer stayed out, or came twice or out of order."""


class Shown(Struct, frozen=True):
    """An answered frame: when it was (or should have been) captured and when it was in our memory, seconds."""

    n: int
    captured_s: float
    arrived_s: float
    tm: Timing

    @property
    def age_ms(self) -> float:
        """From capture to arrival."""
        return 1000 * (self.arrived_s - self.captured_s)

    @property
    def service_ms(self) -> float:
        """The server's time without waiting: from handing the frame to a worker to its answer."""
        return self.tm.total_ms - self.tm.queue_ms


@dataclass
class Run:
    """What one stream found. `counts` is the server's done; `unread` were replaced by newer ones in the client."""

    pushed: int = 0
    shown: list[Shown] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    unread: int = 0
    sent_late_ms: list[float] = field(default_factory=list)
    reasons: int = 0

    def after_warm_up(self) -> list[Shown]:
        """Answered frames without the first few."""
        return self.shown[WARM_UP_FRAMES:]

    def rate(self) -> float:
        """Answered frames a second."""
        counted = self.after_warm_up()
        if len(counted) < 2:
            raise StreamBroken("too few frames were answered; measure longer")
        return (len(counted) - 1) / (counted[-1].arrived_s - counted[0].arrived_s)

    def stage(self, name: str) -> list[float]:
        """One of `STAGES` for every counted frame, milliseconds."""
        return [getattr(shown.tm, name) for shown in self.after_warm_up()]

    def age_on_display(self, refresh_hz: float) -> NDArray[np.float64]:
        """At every refresh, how old the newest answered frame is, milliseconds: what a wearer sees."""
        counted = self.after_warm_up()
        arrived = np.array([shown.arrived_s for shown in counted])
        captured = np.array([shown.captured_s for shown in counted])
        ticks = np.arange(arrived[0], arrived[-1], 1 / refresh_hz)
        newest = np.searchsorted(arrived, ticks, side="right") - 1
        ages: NDArray[np.float64] = 1000 * (ticks - captured[newest])
        return ages


async def one_at_a_time(vitrine: Vitrine, bank: Bank, *, seconds: float) -> Run:
    """Pushes a frame, waits for its answer, pushes the next (a closed loop). Raises `StreamBroken`, `VitrineError`."""
    run = Run()
    async with vitrine.stream("tryon.stream", {"layers": LAYERS}) as stream:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            captured_s = time.perf_counter()
            await stream.push_frame(bank.frame(run.pushed), n=run.pushed, t_us=_us(captured_s))
            part = await asyncio.wait_for(anext_part(stream), ANSWER_S)
            take(run, part, {run.pushed: captured_s})
            run.pushed += 1
        await stream.end()
        async for _ in stream:
            raise StreamBroken("a frame was answered twice")
        finish(run, stream)
    return run


async def headset(
    vitrine: Vitrine, bank: Bank, *, rate_hz: float, seconds: float, told: Callable[[float], None] = lambda _: None
) -> Run:
    """Pushes at `rate_hz` whatever is answered (an open loop). Raises `StreamBroken`, `VitrineError`."""
    run = Run()
    captured: dict[int, float] = {}
    async with vitrine.stream("tryon.stream", {"layers": LAYERS}, newest=2) as stream:
        reader = asyncio.ensure_future(_read(stream, run, captured))
        try:
            start = time.perf_counter() + 0.01
            for n in range(round(seconds * rate_hz)):
                intended_s = start + n / rate_hz
                await until(intended_s)
                if reader.done():
                    break
                captured[n] = intended_s
                await stream.push_frame(bank.frame(n), n=n, t_us=_us(intended_s))
                run.pushed += 1
                run.sent_late_ms.append(1000 * (time.perf_counter() - intended_s))
                told(n / rate_hz)
            await stream.end()
            await asyncio.wait_for(reader, ANSWER_S)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        finish(run, stream)
    return run


async def _read(stream: Stream, run: Run, captured: dict[int, float]) -> None:
    async for part in stream:
        take(run, part, captured)


async def anext_part(stream: Stream) -> Result:
    """The next part. Raises `StreamBroken` when the stream ends instead."""
    try:
        return await stream.__anext__()
    except StopAsyncIteration as error:
        raise StreamBroken("the stream ended before its frame was answered") from error


def take(run: Run, part: Result, captured: dict[int, float]) -> None:
    """Records an answer. Raises `StreamBroken` for one that was not pushed, came before, or has another time."""
    arrived_s = time.perf_counter()
    n = part["n"]
    captured_s = captured.pop(n, None)
    if captured_s is None or part["t_us"] != _us(captured_s) or (run.shown and n <= run.shown[-1].n):
        raise StreamBroken(f"frame {n} was answered out of order, twice, or with another frame's time")
    run.shown.append(Shown(n, captured_s, arrived_s, part.tm))
    run.reasons += part.d.get("reason") is not None


def finish(run: Run, stream: Stream) -> None:
    """Records the counts of the end."""
    if stream.done is None:
        raise StreamBroken("the stream ended without its counts")
    run.counts = {name: int(stream.done[name]) for name in ("frames_in", "frames_out", "superseded")}
    run.unread = stream.dropped


def _us(seconds: float) -> int:
    return round(1e6 * seconds)
