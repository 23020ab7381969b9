"""A crowd on one sidecar: many connections at once and many calls at once. Everybody gets an answer, if only a refusal.

Only the sidecar that this command has started is flooded. The same flood comes several times; over the second half of
them no process of the sidecar may grow.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psutil
from rich.console import Console

from sidecar.client import Vitrine, connect
from sidecar.demo.host import Host
from sidecar.errors import Unauthorized, Unavailable

from .. import environment
from ..frames import Bank
from ..report import Check, Report, Row
from ..stats import summarise
from ..target import with_sidecar
from . import callers, processes
from .callers import Tally
from .processes import GROWTH_PERCENT, MIB, handles

ROUNDS = 10
ANSWER_S = 20.0
PICTURE_EVERY = 25  # one call of so many is a picture for a worker, half of the others an echo there
CLEAR_S = 10.0
POLL_S = 0.05
MORE_HANDLES = 2
TRIES = 4
AGAIN_S = 0.3
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--connections", type=int, default=1000, help="at once (default 1000)")
    parser.add_argument("--calls", type=int, default=10_000, help="at once, over those that got in (default 10,000)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of the same flood (default {ROUNDS})")


@dataclass
class Found:
    """What became of it. `resident`, `handles`: of each process after each round, once everybody had gone; `handles`
    begins with what it was before the first."""

    welcome: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    unclear: int = 0
    lost: int = 0
    left: int = 0
    decided_ms: list[float] = field(default_factory=list)
    calls: Tally = field(default_factory=Tally)
    resident: dict[str, list[int]] = field(default_factory=dict)
    handles: dict[str, list[int]] = field(default_factory=dict)


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `VitrineError` or `OSError`."""
    before = environment.fingerprint()
    bank = Bank()
    with Console(stderr=True).status("starting the sidecar") as status:
        report = with_sidecar(options.packs, lambda host: _measure(host, options, bank, before, status.update))
    report.warnings += environment.warnings(before)
    return report


async def _measure(host: Host, options: argparse.Namespace, bank: Bank, before: dict[str, Any], told: Told) -> Report:
    plain = {name: getattr(options, name) for name in ("connections", "calls", "rounds")}
    report, found, neighbour = Report("flood", before, plain), Found(), Tally()
    async with await connect(endpoint=host.endpoint, reconnect=True) as vitrine:
        session, pids = vitrine.welcome.session, await processes.of(vitrine)
        found.handles = {name: [handles(psutil.Process(pid))] for name, pid in pids.items()}
        async with callers.background(callers.steadily(neighbour, callers.small(vitrine), every_s=0.02)):
            for number in range(options.rounds):
                told(f"flood {number + 1} of {options.rounds}")
                await _flood(host, options, bank, found)
                await _cleared(vitrine, pids, found)
                _look(pids, found)
        served = (await vitrine.call("server.stats")).d
        lost = vitrine.welcome.session != session
        replaced = await processes.of(vitrine) != pids
    _judge(report, found, neighbour, options)
    report.checks += [
        Check("connections lost by the neighbour", float(lost), "==", 0),
        Check("processes that ended", float(replaced), "==", 0),
    ]
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}
    return report


async def _flood(host: Host, options: argparse.Namespace, bank: Bank, found: Found) -> None:
    results = await asyncio.gather(*(_enter(host, found) for _ in range(options.connections)))
    clients = [client for client in results if client is not None]
    found.welcome.append(len(clients))
    found.refused.append(options.connections - len(clients))
    try:
        if clients:
            await _call(clients, options.calls, bank, found)
        found.lost += sum(not client.connected for client in clients)
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def _enter(host: Host, found: Found) -> Vitrine | None:
    """A client, or None for one that was told to go each time it came."""
    for turn in range(TRIES):
        if (client := await _knock(host, found)) is not None:
            return client
        await asyncio.sleep(AGAIN_S * (turn + random.random()))
    return None


async def _knock(host: Host, found: Found) -> Vitrine | None:
    start = time.monotonic()
    try:
        client = await asyncio.wait_for(
            connect(endpoint=host.endpoint, reconnect=False, shm=False, timeout_s=ANSWER_S), ANSWER_S + 1
        )
    except (Unavailable, Unauthorized) as error:
        if "did not answer" in str(error):
            found.unclear += 1
        client = None
    except asyncio.TimeoutError:
        found.unclear += 1
        client = None
    found.decided_ms.append(1000 * (time.monotonic() - start))
    return client


async def _call(clients: list[Vitrine], calls: int, bank: Bank, found: Found) -> None:
    works = []
    for number in range(calls):
        client = clients[number % len(clients)]
        if number % PICTURE_EVERY == 0:
            work = callers.segment(client, bank)
        else:
            where = "engine" if number % 2 else "gateway"
            work = partial(client.call, "server.echo", {"where": where, "data": number})
        works.append(found.calls.call(work))
    await asyncio.gather(*works)


async def _cleared(vitrine: Vitrine, pids: dict[str, int], found: Found) -> None:
    """Waits until the gateway has only us left, and no sockets of those that it refused."""
    deadline, gateway = time.monotonic() + CLEAR_S, psutil.Process(pids["gateway"])
    while time.monotonic() < deadline:
        sessions = int((await vitrine.call("server.stats"))["sessions"])
        if sessions == 1 and handles(gateway) <= found.handles["gateway"][0] + MORE_HANDLES:
            return
        await asyncio.sleep(POLL_S)
    found.left += int((await vitrine.call("server.stats"))["sessions"]) - 1


def _look(pids: dict[str, int], found: Found) -> None:
    for name, pid in pids.items():
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            found.resident.setdefault(name, []).append(int(process.memory_info().rss))
            found.handles[name].append(handles(process))


def _judge(report: Report, found: Found, neighbour: Tally, options: argparse.Namespace) -> None:
    report.rows.append(Row("a connection until it is in or refused", "ms", summarise(found.decided_ms)))
    if found.calls.answers:
        report.rows.append(Row("a call of the crowd", "ms", summarise([ms for _, ms in found.calls.answers])))
    if neighbour.answers:
        report.rows.append(Row("the neighbour's small call", "ms", summarise([ms for _, ms in neighbour.answers])))
    report.values["connections let in, most in a round"] = float(max(found.welcome))
    report.values["connections refused, most in a round"] = float(max(found.refused))
    _grown(report, found)
    callers.judge(report, {"crowd": found.calls}, allowed=("overloaded",), during="the crowd")
    callers.judge(report, {"neighbour": neighbour}, allowed=("overloaded",), during="the neighbour")
    report.checks += [
        Check("connections neither let in nor refused", float(found.unclear), "==", 0),
        Check("connections let in and lost", float(found.lost), "==", 0),
        Check("sessions left when everybody had gone", float(found.left), "==", 0),
        Check("calls made", float(found.calls.calls), "==", float(options.calls * sum(map(bool, found.welcome)))),
    ]
    report.details |= {
        "welcome": found.welcome, "refused": found.refused,
        "resident_bytes": found.resident, "handles": found.handles,
    }  # fmt: skip


def _grown(report: Report, found: Found) -> None:
    """What is held after the last flood that was not half of them before; open handles against before the first."""
    for name, sizes in found.resident.items():
        report.values[f"resident {name}, MiB"] = sizes[-1] / MIB
        report.values[f"growth {name}, %"] = _growth(sizes)
        note = f"from flood {_half(sizes) + 1} to {len(sizes)}"
        report.checks.append(Check(f"growth of memory, {name}", _growth(sizes), "<=", GROWTH_PERCENT, "%", note))
        more = found.handles[name][-1] - found.handles[name][0]
        note = "than before the first flood"
        report.checks.append(Check(f"more handles, {name}", float(more), "<=", MORE_HANDLES, "", note))


def _half(sizes: list[int]) -> int:
    return (len(sizes) - 1) // 2


def _growth(sizes: list[int]) -> float:
    """Percent over the second half."""
    return 100 * (sizes[-1] - sizes[_half(sizes)]) / sizes[_half(sizes)]
