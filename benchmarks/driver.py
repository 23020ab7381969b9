"""Sends on time and measures from when each request should have gone out, so that a stall counts for all it delayed.

See Gil Tene, "How NOT to Measure Latency" (coordinated omission). One event loop; `now` and `sleep` can be replaced.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrivals import Offsets
from .stats import Summary, summarise

TIMER_SLACK_S = 0.0012  # event-loop timers round up to whole milliseconds: sleep short, then yield until it is time
ANSWER_S = 30.0

Send = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    """One thing to measure: `send` makes one request and returns once its answer is there.

    `prepare` makes ready what the next request sends, apart from the time that is measured.
    """

    name: str
    send: Send
    rate_hz: float
    prepare: Callable[[], None] = lambda: None


async def until(at_s: float) -> None:
    """Returns at `at_s` of `time.perf_counter`, to a few microseconds; other tasks run meanwhile."""
    while (left_s := at_s - time.perf_counter()) > 0:
        await asyncio.sleep(left_s - TIMER_SLACK_S if left_s > TIMER_SLACK_S else 0)


async def open_loop(
    send: Send, offsets: Offsets, prepare: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Milliseconds from each intended send time to its answer. Raises what a request raises, or `TimeoutError`."""
    latencies = np.empty(len(offsets))
    prepare()

    async def one(index: int, intended_s: float) -> None:
        await send()
        latencies[index] = 1000 * (time.perf_counter() - intended_s)
        prepare()

    start = time.perf_counter() + 0.005
    async with Tasks() as tasks:
        for index, offset in enumerate(offsets.tolist()):
            await until(start + offset)
            tasks.check()
            tasks.start(one(index, start + offset))
        await asyncio.wait_for(tasks.all(), ANSWER_S)
    return latencies


async def back_to_back(
    send: Send, seconds: float, prepare: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Milliseconds of one request after the other: each should go out when the last answer is there (a closed loop)."""
    latencies: list[float] = []

    async def loop() -> None:
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            prepare()
            before = time.perf_counter()
            await send()
            latencies.append(1000 * (time.perf_counter() - before))

    await asyncio.wait_for(loop(), seconds + ANSWER_S)  # once: around each request it would cost a task and a timer
    return np.array(latencies)


class Tasks:
    """Requests under way; leaving the block cancels what is left."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None

    async def __aenter__(self) -> Tasks:
        return self

    async def __aexit__(self, *_: object) -> None:
        left = list(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def start(self, work: Awaitable[None]) -> None:
        """Runs one request."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._done)

    def check(self) -> None:
        """Raises what a request raised."""
        if self._failed is not None:
            raise self._failed

    async def all(self) -> None:
        """Waits for every request."""
        while self._running:
            await asyncio.wait(self._running)
        self.check()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failed = self._failed or task.exception()


Measure = Callable[[Case, float], Awaitable[NDArray[np.float64]]]


def scheduled(offsets: Callable[[float, int], Offsets]) -> Measure:
    """Measures a case for some seconds in an open loop; at least 20 requests."""

    def measure(case: Case, seconds: float) -> Awaitable[NDArray[np.float64]]:
        times = offsets(case.rate_hz, max(20, round(seconds * case.rate_hz)))
        return open_loop(case.send, times, case.prepare)

    return measure


def unscheduled(case: Case, seconds: float) -> Awaitable[NDArray[np.float64]]:
    """Measures a case for some seconds in a closed loop."""
    return back_to_back(case.send, seconds, case.prepare)


async def rounds(
    cases: Sequence[Case],
    measure: Measure,
    *,
    count: int,
    seconds: float,
    warm_up_s: float,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, list[Summary]]:
    """Measures every case `count` times for `seconds`, interleaved, each round in another order, warm-up apart."""
    measured: dict[str, list[Summary]] = {case.name: [] for case in cases}
    for turn in range(count):
        shift = turn % len(cases)
        for case in [*cases[shift:], *cases[:shift]]:
            told(f"round {turn + 1} of {count}: {case.name}")
            await measure(case, warm_up_s)
            measured[case.name].append(summarise(await measure(case, seconds)))
    return measured
