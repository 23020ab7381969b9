"""Real runs, measured here and now: an echo that takes 10 % longer is worse, the same echo again cannot be told apart.

A run is many short rounds of the gateway's echo beside a raw WebSocket echo, one request after the other; the slowed
client takes a tenth longer over every request. Neighbours of the machine change a ratio by more than a tenth, so client
and servers share one core, the three runs of a repetition take turns of a few rounds, and a repetition in which the
floor itself differed from run to run is measured again, whatever the echo did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from integration.running import Sidecar

from benchmarks import driver, loop, stats
from benchmarks.compare import UNSURE, WORSE, Comparison, compare, percent
from benchmarks.driver import Case, Send
from benchmarks.report import Report, Row
from benchmarks.stats import Summary
from benchmarks.target import raw_echo
from benchmarks.wire import Echo
from sidecar.client import Vitrine, connect
from sidecar.endpoint import read_endpoint

TURNS, TURN, ROUND_S, WARM_UP_S = 16, 8, 0.015, 0.003
SLOWER = 0.10
REPEATED, TRIED = 10, 30
STEADY = 0.03  # by how much the floors of one repetition may differ
SIZE = 64


class Slowed:
    """A client that is busy a tenth of each answer's time more before it has it."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def send(self) -> None:
        begin = time.perf_counter()
        await self._send()
        end = time.perf_counter()
        while time.perf_counter() < end + SLOWER * (end - begin):
            pass


class Run:
    """One run, a turn at a time."""

    def __init__(self, vitrine: Vitrine, floor: Send, *, slowed: bool) -> None:
        echo = Echo(vitrine, "gateway").send
        self._cases = [
            Case("raw echo, 64 B", floor, 200), Case("echo, 64 B", Slowed(echo).send if slowed else echo, 200)
        ]  # fmt: skip
        self._found: dict[str, list[Summary]] = {case.name: [] for case in self._cases}

    async def turn(self) -> None:
        """Some more rounds."""
        found = await driver.rounds(
            self._cases, driver.unscheduled, count=TURN, seconds=ROUND_S, warm_up_s=WARM_UP_S
        )
        for name, rounds in found.items():
            self._found[name] += rounds

    def result(self) -> dict[str, Any]:
        """Everything so far."""
        report = Report("echo", {}, {})
        for name, rounds in self._found.items():
            floor = name == self._cases[0].name
            report.rows.append(Row(name, "ms", stats.over_rounds(rounds), floor=floor, rounds=tuple(rounds)))
        return report.as_dict()


async def _compared(sidecar: Sidecar) -> list[tuple[Comparison, Comparison]]:
    found = []
    vitrine = await connect(endpoint=read_endpoint(sidecar.run_file), reconnect=False)
    async with vitrine, raw_echo(SIZE) as ((floor,), _):
        for _ in range(TRIED):
            runs = [Run(vitrine, floor.send, slowed=slowed) for slowed in (False, False, True)]
            for turn in range(TURNS):
                for run in runs[turn % 3 :] + runs[: turn % 3]:
                    await run.turn()
            before, again, slower = results = [run.result() for run in runs]
            floors = [float(np.median([one["p50"] for one in result["rows"][0]["rounds"]])) for result in results]
            if max(floors) <= (1 + STEADY) * min(floors):
                found.append((compare(before, again), compare(before, slower)))
            if len(found) == REPEATED:
                return found
    raise AssertionError(f"the machine was too busy: its floor held still in {len(found)} of {TRIED} repetitions")


@pytest.fixture
def one_core() -> Iterator[None]:
    """This process and what it starts stay on the last core."""
    process = psutil.Process()
    before = process.cpu_affinity()
    process.cpu_affinity(before[-1:])
    yield
    process.cpu_affinity(before)


@pytest.mark.full
def test_ten_real_slowdowns_are_worse_and_ten_equal_runs_cannot_tell(
    one_core: None, start_sidecar: Callable[[], Sidecar]
) -> None:
    found = loop.run(_compared(start_sidecar().ready()))
    told = [
        [f"{one.quantile} {percent(one.change)} ({percent(one.low)} to {percent(one.high)}) {one.verdict}"
         for one in comparison.differences] for pair in found for comparison in pair
    ]  # fmt: skip
    print("\n".join(map(str, told)))
    assert [equal.verdict for equal, _ in found] == [UNSURE] * REPEATED, told
    assert [slower.verdict for _, slower in found] == [WORSE] * REPEATED, told
