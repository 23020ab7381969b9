"""Plays a scenario: what is sent and when stands in a TOML file, every latency counts from the intended send time.

A scenario is one that comes with the project (--list) or a .toml file of yours; docs/benchmarks.md says what stands in
it and what every key of the JSON means. The sidecar is one that the run starts and stops itself, unless --endpoint
names one. A null target plays the same plan before and after, so that the machine's part of a number is known.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from msgspec import structs
from rich.console import Console
from rich.table import Table

from sidecar.demo.host import Host
from sidecar.endpoint import Endpoint, read_endpoint

from . import environment, faults, loop, thresholds
from .report import Report
from .reports import csv, html, junit, source
from .scenario import cold, payloads, result, spec
from .scenario.play import Played, play
from .scenario.spec import BadPlan, Plan
from .target import READY_S, child

FLOOR_S = 5.0
WRONG_USAGE = 2
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("scenario", nargs="?", metavar="NAME_OR_TOML", help="a scenario of --list, or a .toml file")
    parser.add_argument("--list", action="store_true", help="list the scenarios and stop")
    parser.add_argument("--seconds", type=float, help="of the counted run, instead of the scenario's")
    parser.add_argument("--minutes", type=float, help="the same in minutes, as for a soak")
    parser.add_argument("--seed", type=int, help="of all draws, instead of the scenario's")
    parser.add_argument(
        "--endpoint", nargs="?", const="", metavar="RUN_JSON",
        help="measure a sidecar that runs already, by its run.json (default: the user's)",
    )  # fmt: skip
    parser.add_argument("--target", choices=("sidecar", "null"), default="sidecar", help="null: the null target alone")
    parser.add_argument(
        "--inject", action="append", default=[], type=faults.parse, metavar="FAULT",
        help="a fault of --target null: encode:20:50 (20 ms every 50th frame) or stall:1@3 (1 s, after 3 s)",
    )  # fmt: skip
    parser.add_argument("--no-null", action="store_true", help="leave the null target out")
    parser.add_argument(
        "--fail-if", action="append", default=[], type=thresholds.parse, metavar="EXPRESSION",
        help="exit with 4 if it holds, such as 'p99_age_ms>30'; may be given again",
    )  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="FILE", help="write one HTML page")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="an earlier --json, compared on the page")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write targets and thresholds as JUnit XML")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write rows and calls as CSV")


def run(options: argparse.Namespace) -> Report:
    """Measures. Ends the process with 2 for a bad scenario; raises `HostFailed`, `FloorFailed` or `VitrineError`."""
    if options.list:
        _list()
        raise SystemExit(0)
    try:
        plan = _chosen(options)
    except BadPlan as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        raise SystemExit(WRONG_USAGE) from error
    baseline = None if options.baseline is None else source.read(options.baseline)
    before = environment.fingerprint()
    report = Report(plan.name, before, _options(plan, options))
    film = payloads.film()
    with Console(stderr=True).status(f"{plan.name}: starting") as status:
        if plan.starts:
            _starts(report, plan, options, film, status.update)
        else:
            _measure(report, plan, options, film, status.update)
    report.environment["packs"] = environment.packs_of(options.packs)
    report.warnings += environment.warnings(before)
    _judge(report, options)
    _write(report, options, baseline)
    return report


def _list() -> None:
    table = Table("scenario", "seconds", "what")
    for name in spec.shipped():
        plan = spec.load(name)
        table.add_row(name, "" if plan.starts else f"{plan.seconds:g}", plan.summary)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _chosen(options: argparse.Namespace) -> Plan:
    """The plan with what the command line changes in it, checked again. Raises `BadPlan`."""
    if options.scenario is None:
        raise BadPlan(f"name a scenario: {', '.join(spec.shipped())}, or a .toml file")
    plan = spec.load(options.scenario)
    seconds = options.seconds if options.minutes is None else 60 * options.minutes
    changes = {"seconds": seconds, "seed": options.seed}
    plan = spec.changed(plan, {name: value for name, value in changes.items() if value is not None})
    others = options.endpoint is not None or options.target == "null"
    if plan.own_sidecar and others:
        raise BadPlan(f"{plan.name} kills, stalls or starts a sidecar; it needs one of its own, without --endpoint")
    if options.inject and options.target != "null":
        raise BadPlan("faults are put into the null target only; add --target null")
    if options.endpoint is not None and options.target == "null":
        raise BadPlan("--endpoint and --target null name two targets; choose one")
    if options.baseline is not None and options.report is None:
        raise BadPlan("--baseline is compared on the page; add --report FILE.html")
    return plan


def _options(plan: Plan, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "seconds": plan.seconds, "seed": plan.seed, "target": options.target, "inject": list(options.inject),
        "endpoint": options.endpoint is not None, "null": not options.no_null,
    }  # fmt: skip


def _measure(report: Report, plan: Plan, options: argparse.Namespace, film: payloads.Film, told: Told) -> None:
    floor = structs.replace(plan, events=(), warm=True, warm_up_s=1.0, seconds=min(FLOOR_S, plan.seconds))
    floors: list[result.Found] = []

    def null() -> None:
        if not options.no_null and options.target != "null":
            told(f"{plan.name}: the null target")
            floors.append(result.Found(loop.run(_play_null(floor, [], film, lambda _: None))))

    null()
    played = _play(plan, options, film, told)
    null()
    if played.served:
        report.environment["server"] = environment.of_server(played.served)
    result.fill(report, result.Found(played), floors)


def _play(plan: Plan, options: argparse.Namespace, film: payloads.Film, told: Told) -> Played:
    if options.target == "null":
        return loop.run(_play_null(plan, options.inject, film, told))
    if options.endpoint is not None:
        endpoint = read_endpoint(Path(options.endpoint) if options.endpoint else None)
        return loop.run(play(plan, endpoint, film=film, told=told))
    with Host(packs=options.packs, arguments=() if plan.warm else ("--no-warm",)) as host:
        host.wait_ready(timeout_s=READY_S)
        return loop.run(play(plan, host.endpoint, film=film, told=told))


async def _play_null(plan: Plan, inject: list[str], film: payloads.Film, told: Told) -> Played:
    async with null_target(inject) as endpoint:
        return await play(plan, endpoint, film=film, told=told)


@contextlib.asynccontextmanager
async def null_target(inject: list[str]) -> AsyncIterator[Endpoint]:
    """A null target of its own, with faults. Raises `FloorFailed`."""
    words = [word for fault in inject for word in ("--inject", fault)]
    async with child("benchmarks.null_server", *words) as (port,):
        yield Endpoint("127.0.0.1", int(port), "null", 1, 0.0, "0")


def _starts(report: Report, plan: Plan, options: argparse.Namespace, film: payloads.Film, told: Told) -> None:
    found = cold.cold_starts(options.packs, count=plan.starts, film=film, told=told, warm=plan.warm)
    result.fill_starts(report, plan, found)


def _judge(report: Report, options: argparse.Namespace) -> None:
    """What `--fail-if` asked for; a name that nothing has is wrong usage, but the run is shown all the same."""
    try:
        verdicts = thresholds.judge(report.as_dict(), options.fail_if)
    except thresholds.BadThreshold as error:
        report.outranking = WRONG_USAGE
        report.warnings.append(f"--fail-if: {error}")
        return
    report.thresholds = [verdict.as_dict() for verdict in verdicts]
    report.outranking = thresholds.exit_code(verdicts)
    report.verdicts += [str(verdict) for verdict in verdicts]


def _write(report: Report, options: argparse.Namespace, baseline: dict[str, Any] | None) -> None:
    """The files that were asked for. Raises `OSError`."""
    document = report.as_dict()
    if options.junit is not None:
        verdicts = thresholds.judge(document, options.fail_if) if report.outranking != WRONG_USAGE else []
        junit.write(document, verdicts, options.junit)
    if options.csv is not None:
        csv.write(document, options.csv)
    if options.report is not None:
        html.write(document, options.report, baseline)
