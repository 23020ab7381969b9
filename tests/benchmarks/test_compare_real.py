"""Real runs, measured here and now: an echo that takes 10 % longer is worse, the same echo again cannot be told apart.

Each run is short rounds of the gateway's echo beside a raw WebSocket echo, one request after the other, as many as its
own noise asks for (never its result); the slowed client takes a tenth longer over every request, tail included.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
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

BATCH, MOST_ROUNDS, ROUND_S, WARM_UP_S = 60, 600, 0.015, 0.003
CERTAIN = 0.008  # standard error of a run's median ratio
SLOWER = 0.10
REPEATED = 10
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


async def _measured(vitrine: Vitrine, floor: Send, *, slowed: bool) -> dict[str, Any]:
    echo = Echo(vitrine, "gateway").send
    cases = [Case("raw echo, 64 B", floor, 200), Case("echo, 64 B", Slowed(echo).send if slowed else echo, 200)]
    found: dict[str, list[Summary]] = {case.name: [] for case in cases}
    while not _certain(*found.values()):
        batch = await driver.rounds(cases, driver.unscheduled, count=BATCH, seconds=ROUND_S, warm_up_s=WARM_UP_S)
        for name, rounds in batch.items():
            found[name] += rounds
    report = Report("echo", {}, {})
    for case, rounds in zip(cases, found.values(), strict=True):
        report.rows.append(
            Row(case.name, "ms", stats.over_rounds(rounds), floor=case is cases[0], rounds=tuple(rounds))
        )
    return report.as_dict()


def _certain(floor: list[Summary], echo: list[Summary]) -> bool:
    """Whether the median of the ratios is known well enough, by their median absolute deviation."""
    if not floor or len(floor) >= MOST_ROUNDS:
        return bool(floor)
    ratios = np.log([one.p50 / other.p50 for one, other in zip(echo, floor, strict=True)])
    deviation = 1.4826 * float(np.median(np.abs(ratios - np.median(ratios))))
    return 1.2533 * deviation / len(ratios) ** 0.5 <= CERTAIN


async def _compared(sidecar: Sidecar) -> list[tuple[Comparison, Comparison]]:
    found = []
    vitrine = await connect(endpoint=read_endpoint(sidecar.run_file), reconnect=False)
    async with vitrine, raw_echo(SIZE) as ((floor,), _):
        for _ in range(REPEATED):
            before, again, slower = [
                await _measured(vitrine, floor.send, slowed=slowed) for slowed in (False, False, True)
            ]
            found.append((compare(before, again), compare(before, slower)))
    return found


@pytest.mark.full
def test_ten_real_slowdowns_are_worse_and_ten_equal_runs_cannot_tell(shared_sidecar: Sidecar) -> None:
    found = loop.run(_compared(shared_sidecar))
    told = [
        [f"{one.quantile} {percent(one.change)} ({percent(one.low)} to {percent(one.high)}) {one.verdict}"
         for one in comparison.differences] for pair in found for comparison in pair
    ]  # fmt: skip
    print("\n".join(map(str, told)))
    assert [equal.verdict for equal, _ in found] == [UNSURE] * REPEATED, told
    assert [slower.verdict for _, slower in found] == [WORSE] * REPEATED, told
