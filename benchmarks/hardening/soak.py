"""A long run of everything at once: a headset, small calls, pictures, clients that come and go. Does anything grow?

Memory and handles of every process, and latency, are fitted with Theil-Sen slopes once the first minute is over; what
a slope adds up to over the run is the verdict. Latency is shown, not judged: a shared machine drifts by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from sidecar.client import connect
from sidecar.demo.host import Host

from .. import environment
from ..frames import Bank
from ..report import Check, Report, Row
from ..stats import summarise
from ..target import with_sidecar
from . import callers, processes
from .callers import Dressing, Tally
from .processes import Processes, growth_percent

FRAMES_A_STREAM = 600
SMALL_EVERY_S = 0.05
PICTURE_EVERY_S = 1.0
VISIT_EVERY_S = 0.5
WINDOW_S = 5.0
TOLD_EVERY_S = 1.0
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    parser.add_argument("--hz", type=float, default=60.0, help="of the headset (default 60)")


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `VitrineError` or `OSError`."""
    before = environment.fingerprint()
    bank = Bank()
    with Console(stderr=True).status("starting the sidecar") as status:
        report = with_sidecar(options.packs, lambda host: _measure(host, options, bank, before, status.update))
    report.warnings += environment.warnings(before)
    return report


async def _measure(host: Host, options: argparse.Namespace, bank: Bank, before: dict[str, Any], told: Told) -> Report:
    report = Report("soak", before, {"minutes": options.minutes, "hz": options.hz})
    tallies = {name: Tally() for name in ("small calls", "pictures", "visitors")}
    dressing = Dressing()
    async with await connect(endpoint=host.endpoint, reconnect=True) as vitrine:
        session, pids = vitrine.welcome.session, await processes.of(vitrine)
        async with Processes(pids) as sampled, callers.background(
            dressing.run(vitrine, bank, hz=options.hz, frames=FRAMES_A_STREAM),
            callers.steadily(tallies["small calls"], callers.small(vitrine), every_s=SMALL_EVERY_S),
            callers.steadily(tallies["pictures"], callers.segment(vitrine, bank), every_s=PICTURE_EVERY_S),
            callers.steadily(tallies["visitors"], lambda: _visit(host), every_s=VISIT_EVERY_S),
        ):
            await _wait(60 * options.minutes, told)
        served = (await vitrine.call("server.stats")).d
        lost = vitrine.welcome.session != session
        replaced = await processes.of(vitrine) != pids
    sampled.judge(report)
    callers.judge(report, {**tallies, "streams": dressing.tally})
    report.checks += [
        Check("connections lost", float(lost), "==", 0),
        Check("processes that ended", float(replaced), "==", 0),
        Check("frames not accounted for", float(dressing.unaccounted), "==", 0, "", f"of {dressing.pushed} pushed"),
    ]
    _latency(report, tallies, dressing)
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}
    return report


async def _visit(host: Host) -> None:
    """A client that comes, asks and goes: its memory and its handles must go with it."""
    async with await connect(endpoint=host.endpoint, reconnect=False) as visitor:
        await visitor.call("server.echo", callers.SMALL)


async def _wait(seconds: float, told: Told) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        told(f"soaking: {left:.0f} s left")
        await asyncio.sleep(min(TOLD_EVERY_S, left))


def _latency(report: Report, tallies: dict[str, Tally], dressing: Dressing) -> None:
    """Rows of what the calls took, and what the medians of five-second windows drifted by."""
    for name, tally in tallies.items():
        if not tally.answers:
            continue
        at, took = np.array(tally.answers).T
        report.rows.append(Row(name, "ms", summarise(took)))
        drift = growth_percent(*_windows(at, took))
        if drift is not None:
            report.values[f"drift of the median, {name}, %"] = drift
    if dressing.shown_at:
        report.values["frames answered a second"] = len(dressing.shown_at) / max(
            1e-9, dressing.shown_at[-1] - dressing.shown_at[0]
        )


def _windows(at: Any, took: Any) -> tuple[list[float], list[float]]:
    """The median of each window, at its beginning."""
    number = ((at - at[0]) // WINDOW_S).astype(int)
    used = np.unique(number)
    return [float(one * WINDOW_S) for one in used], [float(np.median(took[number == one])) for one in used]
