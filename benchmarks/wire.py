"""Round trips through a real sidecar, each beside a null target in the same interleaved rounds.

One request after the other, as an echo is compared (with --scheduled on a schedule, timed from when each should have
gone out; with pauses, a shared machine's caches are cold and all rows measure that). Floors: a bare websockets echo on
the same event loop; three copies of 1 MiB through a map with a notice over that echo; one hop to a blocking process.
Then, always on a schedule, the gateway's echo while the general worker runs try-on pictures flat out. With Mono, the
same in C#.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.console import Console

from sidecar.client import Vitrine, connect
from sidecar.demo.host import Host

from . import csharp, driver, environment, stats
from .arrivals import steady
from .driver import Case
from .report import Check, Report, Row
from .stats import Summary
from .target import NotAnEcho, RawEcho, child, copy_and_notice, hop, raw_echo, with_sidecar

SMALL = 64
SIDE = 512
MEBIBYTE = SIDE * SIDE * 4
PICTURE_RATE_HZ = 50.0
RAW, RAW_BIG, COPY, HOP = "raw echo, 64 B", "raw echo, 1 MiB", "copy 1 MiB and notice", "hop to a process"
GATEWAY, ENGINE = "echo at the gateway, 64 B", "echo at a worker, 64 B"
SHARED, INLINE = "1 MiB picture, shared memory", "1 MiB picture, inline"
DRAWN = "1 MiB picture, drawn in its slot"
BUSY, BUSY_RAW = "echo at the gateway, worker busy", "raw echo, worker busy"
BUSY_ROUNDS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each series in each round (default 2)")
    parser.add_argument("--rate", type=float, default=200.0, help="small requests a second (default 200)")
    parser.add_argument("--busy-seconds", type=float, default=15.0, help="of each echo, worker busy (default 15)")
    parser.add_argument("--scheduled", action="store_true", help="an open loop instead of one after the other")
    parser.add_argument("--no-csharp", action="store_true", help="leave the C# rows out")


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `FloorFailed`, `NotAnEcho` or `VitrineError`."""
    before = environment.fingerprint()
    console = Console(stderr=True)
    with console.status("starting the sidecar") as status:
        return with_sidecar(options.packs, lambda host: _measure(host, options, before, status.update))


async def _measure(host: Host, options: argparse.Namespace, before: dict[str, Any], told: Any) -> Report:
    async with contextlib.AsyncExitStack() as stack:
        vitrine = await stack.enter_async_context(await connect(endpoint=host.endpoint, reconnect=False))
        inline = await stack.enter_async_context(await connect(endpoint=host.endpoint, reconnect=False, shm=False))
        (small, big), url = await stack.enter_async_context(raw_echo(SMALL, MEBIBYTE))
        copies = await stack.enter_async_context(copy_and_notice(MEBIBYTE))
        away = await stack.enter_async_context(hop())
        drawn = PictureEcho(vitrine, shared=True)
        cases = [
            Case(RAW, small.send, options.rate),
            Case(GATEWAY, Echo(vitrine, "gateway").send, options.rate),
            Case(ENGINE, Echo(vitrine, "engine").send, options.rate),
            Case(HOP, away.send, options.rate),
            Case(COPY, copies.send, PICTURE_RATE_HZ),
            Case(SHARED, PictureEcho(vitrine, shared=True).send, PICTURE_RATE_HZ),
            Case(DRAWN, drawn.send, PICTURE_RATE_HZ, drawn.prepare),
            Case(INLINE, PictureEcho(inline, shared=False).send, PICTURE_RATE_HZ),
            Case(RAW_BIG, big.send, PICTURE_RATE_HZ),
        ]
        measure = _pace(options)
        measured = await driver.rounds(
            cases, measure, count=options.rounds, seconds=options.seconds, warm_up_s=0.3, told=told
        )
        report = Report("wire", before, _plain(options))
        _judge(report, measured)
        await _busy(report, host, vitrine, small, options, told)
        if not options.no_csharp:
            told("C#: building and running EchoBench")
            await csharp.echo_bench(report, host, url)
        served = (await vitrine.call("server.stats")).d
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}
    report.warnings += environment.warnings(before)
    return report


def _pace(options: argparse.Namespace) -> driver.Measure:
    return driver.scheduled(steady) if options.scheduled else driver.unscheduled


class Echo:
    """`server.echo` of 64 bytes."""

    def __init__(self, vitrine: Vitrine, where: str) -> None:
        self._vitrine = vitrine
        self._arguments: dict[str, Any] = {"where": where}
        self._count = 0

    async def send(self) -> None:
        """One round trip. Raises `NotAnEcho`."""
        self._count += 1
        data = self._count.to_bytes(8, "little") * (SMALL // 8)
        result = await self._vitrine.call("server.echo", {**self._arguments, "data": data})
        if result["data"] != data:
            raise NotAnEcho("server.echo answered other bytes")


class PictureEcho:
    """`server.echo` of a 1 MiB picture at an engine worker; every answer must carry the picture just sent."""

    def __init__(self, vitrine: Vitrine, *, shared: bool) -> None:
        self._vitrine = vitrine
        self._shared = shared
        self._picture = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 4), np.uint8)
        self._result = np.zeros((SIDE, SIDE, 4), np.uint8)
        self._canvas: NDArray[np.uint8] | None = None
        self._turn = asyncio.Lock()
        self._count = 0

    def prepare(self) -> None:
        """Draws the next picture where it will be sent from, as a camera or a renderer would."""
        self._canvas = self._vitrine.canvas(SIDE, SIDE, 4)
        self._canvas[:] = self._picture

    async def send(self) -> None:
        """One round trip. Raises `NotAnEcho`."""
        async with self._turn:
            self._count += 1
            picture = self._picture if self._canvas is None else self._canvas
            picture[0, 0] = picture[-1, -1] = self._count % 256
            arguments = {"where": "engine", "image": picture}
            result = await self._vitrine.call("server.echo", arguments, out=self._result if self._shared else None)
            pixels = result["image"].pixels
            if np.may_share_memory(pixels, self._result) != self._shared:
                raise NotAnEcho("the picture took another way than the one that is measured")
            if not (pixels[0, 0, 0] == pixels[-1, -1, 3] == self._count % 256):
                raise NotAnEcho("server.echo answered another picture")


def _judge(report: Report, measured: dict[str, list[Summary]]) -> None:
    floors = {RAW, RAW_BIG, COPY, HOP}
    for name, found in measured.items():
        report.rows.append(Row(name, "ms", stats.over_rounds(found), floor=name in floors, rounds=tuple(found)))
        report.warnings += stats.instability(name, found)
    raw_big = stats.paired_ratio(measured[RAW_BIG], measured[SHARED])
    drawn = stats.paired_ratio(measured[RAW_BIG], measured[DRAWN])
    rounds = zip(measured[COPY], measured[ENGINE], measured[GATEWAY], strict=True)
    summed = [_plus(copy, engine.p50 - gateway.p50) for copy, engine, gateway in rounds]
    bare = [_plus(copy, away.p50) for copy, away in zip(measured[COPY], measured[HOP], strict=True)]
    report.checks += [
        Check("gateway echo / raw echo", stats.paired_ratio(measured[GATEWAY], measured[RAW]), "<=", 1.5, "x"),
        Check("worker echo / raw echo", stats.paired_ratio(measured[ENGINE], measured[RAW]), "<=", 2.5, "x"),
        Check(
            "1 MiB shared / (copies + a worker's hop)", stats.paired_ratio(measured[SHARED], summed), "<=", 1.5, "x",
            "the hop: echo at a worker less echo at the gateway",
        ),
        Check("raw echo of 1 MiB / 1 MiB shared", raw_big, ">=", 5.0, "x"),
    ]
    report.values["copies and a worker's hop together, p50 ms"] = stats.over_rounds(summed).p50
    report.values["1 MiB shared / (copies + a bare hop to a process)"] = stats.paired_ratio(measured[SHARED], bare)
    report.values["raw echo of 1 MiB / 1 MiB drawn in its slot"] = drawn


def _plus(one: Summary, more_ms: float) -> Summary:
    """A series that each took so much longer; only its median is used."""
    names = ("mean", "p50", "p90", "p95", "p99", "max")
    return Summary(count=one.count, **{name: getattr(one, name) + more_ms for name in names})


async def _busy(
    report: Report, host: Host, vitrine: Vitrine, raw: RawEcho, options: argparse.Namespace, told: Any
) -> None:
    """Both echoes while the general worker computes without a pause, and proof that it did."""
    cases = [Case(BUSY_RAW, raw.send, options.rate), Case(BUSY, Echo(vitrine, "gateway").send, options.rate)]
    async with child("benchmarks.load", str(host.run_file)):
        workers = (await vitrine.call("server.stats"))["workers"]
        general = psutil.Process(next(worker["pid"] for worker in workers if worker["name"] == "general"))
        spent, since = _cpu_s(general), time.perf_counter()
        seconds = options.busy_seconds / BUSY_ROUNDS
        measured = await driver.rounds(
            cases, _pace(options), count=BUSY_ROUNDS, seconds=seconds, warm_up_s=0.3, told=told
        )
        share = (_cpu_s(general) - spent) / (time.perf_counter() - since)
    for name, found in measured.items():
        report.rows.append(Row(name, "ms", stats.over_rounds(found), floor=name == BUSY_RAW, rounds=tuple(found)))
        report.warnings += stats.instability(name, found)
    floor = stats.over_rounds(measured[BUSY_RAW]).p99
    report.checks += [
        Check(
            "gateway echo p99, worker busy", stats.over_rounds(measured[BUSY]).p99, "<=", 1.0, "ms",
            f"raw echo beside the same worker: {floor:.2f} ms",
        ),
        Check("cores that the busy worker used", share, ">=", 0.6, "", "else the row above says nothing"),
    ]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if isinstance(value, (int, float, bool))}
