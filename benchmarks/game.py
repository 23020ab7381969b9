"""A simulated game at 90 Hz beside the sidecar: what does AI cost the game, with the governor and without it?

The game is a process of its own that burns a fixed part of every refresh on one core and counts its missed frames. It
plays alone, then beside try-on at 90 Hz and still pictures back to back, once telling the sidecar its `pace` (so that
the governor can yield) and once not, in interleaved rounds of the same run. The feeding client runs at the workers' low
priority, since a shop's frames come from the game itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
from rich.console import Console

from sidecar.client import Vitrine, connect
from sidecar.demo.host import Host
from sidecar.errors import Overloaded

from . import environment
from .driver import until
from .frames import LAYERS, Bank
from .report import Check, Report, Row
from .stats import summarise
from .target import ROOT, with_sidecar

HZ = 90.0
ALONE, GOVERNED, UNGOVERNED = "alone", "AI, governor", "AI, no governor"
PHASES = (ALONE, GOVERNED, UNGOVERNED)
STILL_LAYERS = [{"product": "sample-glasses-1"}]
SETTLE_S = 1.0
START_S = 20.0
RATIO = 1.2
NICE = 10
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=int, default=3, help="of the three phases (default 3)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each phase (default 30)")
    parser.add_argument("--load", type=float, default=0.5, help="share of each refresh that the game burns (0.5)")


@dataclass
class Phase:
    """What one phase found, over its rounds."""

    frames: int = 0
    missed: int = 0
    frame_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    dressed: int = 0
    stills: int = 0
    refused: int = 0
    levels: list[int] = field(default_factory=list)

    def add(self, line: dict[str, Any]) -> None:
        """What the game told of half a second."""
        self.frames += line["frames"]
        self.missed += line["missed"]
        self.frame_ms += line["frame_ms"]

    @property
    def missed_share(self) -> float:
        """Missed frames of all."""
        return self.missed / max(1, self.frames)


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `VitrineError` or `OSError`."""
    before = environment.fingerprint()
    bank = Bank()
    with Console(stderr=True).status("starting the sidecar") as status:
        report = with_sidecar(options.packs, lambda host: _measure(host, options, bank, before, status.update))
    report.warnings += environment.warnings(before)
    return report


async def _measure(host: Host, options: argparse.Namespace, bank: Bank, before: dict[str, Any], told: Told) -> Report:
    report = Report("game", before, {"rounds": options.rounds, "seconds": options.seconds, "load": options.load})
    found = {name: Phase() for name in PHASES}
    iterations = round(await _calibrate() * 1000 / HZ * options.load)
    async with _burner(iterations) as lines, await connect(endpoint=host.endpoint, reconnect=True) as vitrine:
        _lower_priority()  # after the game's process was started, which keeps its own
        for turn in range(options.rounds):
            for name in PHASES:
                told(f"round {turn + 1} of {options.rounds}: {name}")
                await _play(vitrine, bank, lines, options.seconds, name, found[name])
        served = (await vitrine.call("server.stats")).d
    _judge(report, found)
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}
    return report


async def _play(
    vitrine: Vitrine, bank: Bank, lines: asyncio.StreamReader, seconds: float, name: str, phase: Phase
) -> None:
    """One phase; the game's first lines still tell of the time before it."""
    async with contextlib.AsyncExitStack() as stack:
        if name != ALONE:
            await stack.enter_async_context(_background(_dress(vitrine, bank, phase)))
            await stack.enter_async_context(_background(_stills(vitrine, bank, phase)))
        begin = time.time() + SETTLE_S
        while (line := json.loads(await asyncio.wait_for(lines.readline(), START_S)))["t"] < begin + seconds:
            if line["t"] < begin:
                continue
            phase.add(line)
            if name == GOVERNED:
                vitrine.pace(refresh_hz=HZ, frame_ms=statistics.median(line["frame_ms"]), dropped=line["missed"])
                phase.levels.append((await vitrine.call("server.stats"))["pressure"]["level"])
        phase.seconds += seconds


@contextlib.asynccontextmanager
async def _burner(iterations: int) -> AsyncIterator[asyncio.StreamReader]:
    words = ("-m", "benchmarks.burner", str(HZ), str(iterations))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), START_S)
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def _calibrate() -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.burner", str(HZ), "0", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    output, _ = await asyncio.wait_for(process.communicate(), START_S)
    return int(output)


@contextlib.asynccontextmanager
async def _background(work: Any) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _dress(vitrine: Vitrine, bank: Bank, phase: Phase) -> None:
    """A headset at 90 Hz: pushes whatever comes back."""
    async with vitrine.stream("tryon.stream", {"layers": LAYERS}, newest=2) as stream:

        async def read() -> None:
            async for _ in stream:
                phase.dressed += 1

        async with _background(read()):
            start = time.perf_counter()
            n = 0
            while True:
                await until(start + n / HZ)
                await stream.push_frame(bank.frame(n), n=n, t_us=round(1e6 * time.perf_counter()))
                n += 1


async def _stills(vitrine: Vitrine, bank: Bank, phase: Phase) -> None:
    """A heavy render loop: the next picture as soon as one is done."""
    while True:
        try:
            await vitrine.call("tryon.still", {"image": bank.frame(0), "layers": STILL_LAYERS})
            phase.stills += 1
        except Overloaded as error:
            phase.refused += 1
            await asyncio.sleep((error.retry_ms or 1000) / 1000)


def _judge(report: Report, found: dict[str, Phase]) -> None:
    for name, phase in found.items():
        report.rows.append(Row(f"game frame, {name}", "ms", summarise(phase.frame_ms), floor=name == ALONE))
    for name, phase in found.items():
        report.values[f"missed frames, {name}"] = float(phase.missed)
        report.values[f"missed frames, {name}, %"] = 100 * phase.missed_share
    for name in (GOVERNED, UNGOVERNED):
        phase = found[name]
        report.values[f"try-on frames a second, {name}"] = phase.dressed / phase.seconds
        report.values[f"still pictures a minute, {name}"] = 60 * phase.stills / phase.seconds
    report.details["levels"] = found[GOVERNED].levels
    report.details["phases"] = {
        name: {"frames": phase.frames, "missed": phase.missed, "refused": phase.refused}
        for name, phase in found.items()
    }
    ratio = found[GOVERNED].missed / max(1, found[ALONE].missed)
    note = f"{found[GOVERNED].missed} beside {found[ALONE].missed} of about {found[ALONE].frames}"
    report.checks.append(Check("missed frames with the governor / alone", ratio, "<=", RATIO, "x", note))


def _lower_priority() -> None:
    """The feeding client runs as low as the workers."""
    psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else NICE)
