"""Try-on at 640x480, glasses and a top, over shared memory: rate, age, memory, recovery, start.

First one frame at a time, in rounds beside a null target (the same client loop against an echo of the frames). Then a
headset that sends at 90 Hz whatever comes back: a waiting frame is replaced by a newer one, and how old the shown frame
is counts from when the frame should have been sent.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from rich.console import Console

from sidecar.client import Vitrine, connect
from sidecar.demo.host import Host
from sidecar.endpoint import Endpoint

from . import environment, recovery, stats
from .frames import Bank
from .report import Check, Report, Row
from .residence import Residence, processes
from .stats import Summary, summarise
from .streams import STAGES, Run, headset, one_at_a_time
from .target import child, with_sidecar

SOURCE_HZ = 90.0
NULL, VITRINE = "null target, one at a time", "try-on, one at a time"
GROWTH_MIB_PER_MINUTE = 1.0
SOAK_MINUTES = 2.0
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=int, default=3, help="of one frame at a time, and of its floor (default 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each such round (default 5)")
    parser.add_argument("--fed-seconds", type=float, default=20.0, help="of the headset at 90 Hz (default 20)")
    parser.add_argument("--minutes", type=float, default=0.0, help="soak: the headset runs so long, memory is judged")
    parser.add_argument("--kills", type=int, default=0, help="kill the frame worker so often in mid-stream")
    parser.add_argument("--kill-pause", type=float, default=1.0, help="seconds before the next kill (default 1)")
    parser.add_argument("--starts", type=int, default=3, help="cold starts (default 3)")


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `FloorFailed`, `StreamBroken` or `VitrineError`."""
    before = environment.fingerprint()
    bank = Bank()
    with Console(stderr=True).status("starting the sidecar") as status:

        def told(text: str) -> None:
            status.update(text)

        starts = recovery.cold_starts(options.packs, count=options.starts, told=told)
        report = with_sidecar(options.packs, lambda host: _measure(host, options, bank, before, told))
    if starts:
        report.rows.append(Row("cold start until ready", "s", summarise(starts)))
        report.checks.append(Check("cold start until ready, slowest", max(starts), "<=", 3.0, "s"))
    report.warnings += environment.warnings(before)
    return report


async def _measure(host: Host, options: argparse.Namespace, bank: Bank, before: dict[str, Any], told: Told) -> Report:
    report = Report("tryon", before, _plain(options))
    async with await connect(endpoint=host.endpoint, reconnect=True) as vitrine:
        runs = await _one_at_a_time(report, vitrine, bank, options, told)
        runs.append(await _headset(report, vitrine, bank, options, told))
        _account(report, runs)
        if options.kills:
            await _kills(report, vitrine, bank, options, told)
        served = (await vitrine.call("server.stats")).d
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}
    return report


async def _one_at_a_time(
    report: Report, vitrine: Vitrine, bank: Bank, options: argparse.Namespace, told: Told
) -> list[Run]:
    ages: dict[str, list[Summary]] = {NULL: [], VITRINE: []}
    runs: list[Run] = []
    async with _null_target() as null:
        for turn in range(options.rounds):
            told(f"one frame at a time, round {turn + 1} of {options.rounds}")
            for name, client in ((NULL, null), (VITRINE, vitrine)):
                found = await one_at_a_time(client, bank, seconds=options.seconds)
                ages[name].append(summarise([shown.age_ms for shown in found.after_warm_up()]))
                if name == VITRINE:
                    runs.append(found)
    for name, rounds in ages.items():
        report.rows.append(Row(name, "ms", stats.over_rounds(rounds), floor=name == NULL, rounds=tuple(rounds)))
        report.warnings += stats.instability(name, rounds)
    rate = summarise([found.rate() for found in runs]).p50
    report.checks.append(Check("answered frames a second, one at a time", rate, ">=", 25.0, "", "median round"))
    return runs


@contextlib.asynccontextmanager
async def _null_target() -> AsyncIterator[Vitrine]:
    async with child("benchmarks.null_server") as (port,):
        endpoint = Endpoint("127.0.0.1", int(port), "null", 1, 0.0, "0")
        async with await connect(endpoint=endpoint, reconnect=False) as null:
            yield null


async def _headset(report: Report, vitrine: Vitrine, bank: Bank, options: argparse.Namespace, told: Told) -> Run:
    seconds = max(options.fed_seconds, 60 * options.minutes)
    async with Residence(await processes(vitrine)) as residence:
        found = await headset(
            vitrine, bank, rate_hz=SOURCE_HZ, seconds=seconds,
            told=lambda at: told(f"a headset at {SOURCE_HZ:g} Hz: {at:.0f} of {seconds:.0f} s"),
        )
    _judge_headset(report, found)
    report.values |= {f"resident after the headset, {name}, MiB": mib for name, mib in residence.latest_mib().items()}
    report.details["resident_bytes"] = {"t_s": residence.times, **residence.series}
    growth = residence.growth_mib_per_minute()
    report.values |= {f"growth, {name}, MiB a minute": mib for name, mib in growth.items()}
    if options.minutes >= SOAK_MINUTES:
        worst = max(growth.values())
        report.checks.append(Check("growth of any process", worst, "<=", GROWTH_MIB_PER_MINUTE, "MiB/min"))
    return found


def _judge_headset(report: Report, found: Run) -> None:
    """Rows and checks of the 90 Hz stream; the fitness of the source itself is part of them."""
    counted = found.after_warm_up()
    service = summarise([shown.service_ms for shown in counted])
    age = summarise([shown.age_ms for shown in counted])
    report.rows += [
        Row("age when shown first", "ms", age),
        Row("age beyond service", "ms", summarise([shown.age_ms - shown.service_ms for shown in counted])),
        Row("age at every refresh", "ms", summarise(found.age_on_display(SOURCE_HZ))),
        Row("service", "ms", service),
        *(Row(f"  {stage}", "ms", summarise(found.stage(stage))) for stage in STAGES),
        Row("source: sent late by", "ms", summarise(found.sent_late_ms)),
    ]
    bound = service.p99 + 1000 / SOURCE_HZ + 3.0
    report.values["answered frames a second at 90 Hz"] = found.rate()
    report.values["frames sent"], report.values["frames answered"] = found.pushed, len(found.shown)
    report.values["frames superseded"] = found.counts["superseded"]
    report.checks.append(Check("age p99 when shown", age.p99, "<=", bound, "ms", "service p99 + interval + 3 ms"))
    report.warnings += stats.instability("headset", [age, age, age])


def _account(report: Report, runs: list[Run]) -> None:
    """Every frame of every stream is accounted for, on both sides; and somebody was dressed."""
    counts = {name: sum(found.counts[name] for found in runs) for name in ("frames_in", "frames_out", "superseded")}
    pushed, shown = sum(found.pushed for found in runs), sum(len(found.shown) for found in runs)
    unread = sum(found.unread for found in runs)
    reasons = sum(found.reasons for found in runs)
    lost = counts["frames_in"] - counts["frames_out"] - counts["superseded"]
    report.checks += [
        Check("pushed frames that the server did not count", pushed - counts["frames_in"], "==", 0),
        Check("frames neither answered nor superseded", lost, "==", 0),
        Check("answered frames that did not arrive", counts["frames_out"] - shown - unread, "==", 0),
        Check("share of answers with a reason", reasons / max(1, shown), "<=", 0.02, "", "else nothing was tried on"),
    ]


async def _kills(report: Report, vitrine: Vitrine, bank: Bank, options: argparse.Namespace, told: Told) -> None:
    started = time.monotonic()
    kills = await recovery.kill_workers(vitrine, bank, count=options.kills, pause_s=options.kill_pause, told=told)
    back, failed = summarise(kills.answered_ms), summarise(kills.failed_ms)
    report.rows += [Row("kill until the stream fails", "ms", failed), Row("kill until the next answer", "ms", back)]
    report.details["kills_ms"] = {"failed": kills.failed_ms, "answered": kills.answered_ms}
    other = sum(code != "unavailable" for code in kills.codes)
    report.values["seconds between kills"] = (time.monotonic() - started) / options.kills
    report.checks += [
        Check("kill until the next answer, p95", back.p95, "<=", 1500.0, "ms", f"{options.kills} kills"),
        Check("streams that failed with another code than unavailable", other, "==", 0),
        Check("connections lost to a kill", kills.lost_connections, "==", 0),
    ]


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if isinstance(value, (int, float, bool))}
