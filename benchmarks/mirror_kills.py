"""Many frames through the mirror while the sidecar is killed and started again: FrameBench, under Mono."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from sidecar.demo.host import Host
from sidecar.endpoint import FILE

from . import csharp, stats
from .csharp import CSharpFailed
from .mirror_frames import HEIGHT, RATE_HZ, START_S, WARM_UP, WIDTH, faults, last_line
from .report import Check, Report, Row
from .stats import summarise

READY_S = 60.0
SAMPLE_S = 1.0
SETTLING_S = 30.0
SLOPE_S = 60.0
MIB = 2**20
GROWTH_MIB_PER_MINUTE = 1.0
# Buffers of pictures that found no free slot are kept for the next such picture, so many at most.
GROWTH_MIB = 32.0
# What is on the screen at the kill is not an answer of the next server, which needs longer than this to start.
LEFT_OVER_S = 0.25
Told = Callable[[str], None]


class KeptHost(Host):
    """A host whose runtime folder outlives it, as a user's does: the next server writes over what a killed one left."""

    def __init__(self, folder: Path, packs: Path | None) -> None:
        super().__init__(packs=packs, arguments=["--run-dir", str(folder)])
        self._kept = folder

    @property
    def run_file(self) -> Path:
        """Its `run.json`."""
        return self._kept / FILE


@dataclass
class Kill:
    """One kill, seconds of the monotonic clock."""

    killed_s: float
    ready_s: float = 0.0


@dataclass
class LongRun:
    """What a long run found."""

    found: dict[str, Any] = field(default_factory=dict)
    kills: list[Kill] = field(default_factory=list)
    rss_s: list[float] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)


async def long_run(
    folder: Path, packs: Path | None, program: Path, camera: Path, *, frames: int, kills: int, told: Told
) -> LongRun:
    """Frames until `frames` were shown, with the sidecar killed `kills` times at even distances.

    Raises `CSharpFailed`, `HostFailed`.
    """
    run, run_folder = LongRun(), folder / "run"
    run_folder.mkdir()
    limit_s = START_S * (kills + 1) + frames / 5
    with contextlib.ExitStack() as hosts:
        host = await _start(hosts, run_folder, packs)
        words = [str(program), "run", str(camera), str(WIDTH), str(HEIGHT), "--rate", f"{RATE_HZ:g}"]
        words += ["--frames", str(frames), "--warm-up", str(WARM_UP), "--limit-s", f"{limit_s:.0f}"]
        async with csharp.running(words, run_folder) as process:
            sampler = asyncio.create_task(_sample(process.pid, run))
            try:
                work = _follow(process, run, host, hosts, run_folder, packs, frames, kills, told)
                lines = await asyncio.wait_for(work, limit_s + START_S)
            except asyncio.TimeoutError:
                raise CSharpFailed(f"FrameBench took longer than {limit_s + START_S:.0f} s") from None
            finally:
                sampler.cancel()
                await asyncio.gather(sampler, return_exceptions=True)
            if await process.wait():
                raise CSharpFailed(f"FrameBench ended with code {process.returncode}: {' '.join(lines)[-600:]}")
        run.found = last_line(lines[-1] if lines else "")
    return run


async def _follow(
    process: asyncio.subprocess.Process, run: LongRun, host: KeptHost, hosts: contextlib.ExitStack, run_folder: Path,
    packs: Path | None, frames: int, kills: int, told: Told,
) -> list[str]:
    """Reads what FrameBench says, and kills when it is time; its last lines."""
    assert process.stdout is not None
    lines: list[str] = []
    while line := (await process.stdout.readline()).decode(errors="replace").strip():
        lines = [*lines[-20:], line]
        if not line.startswith("shown "):
            continue
        shown = int(line.split()[1])
        told(f"mirror: {shown} of {frames} frames shown, {len(run.kills)} of {kills} kills")
        if len(run.kills) < kills and shown >= frames * (len(run.kills) + 1) / (kills + 1):
            kill = Kill(time.perf_counter())
            await asyncio.to_thread(_kill, host)
            host = await _start(hosts, run_folder, packs)
            kill.ready_s = time.perf_counter()
            run.kills.append(kill)
    return lines


async def _start(hosts: contextlib.ExitStack, run_folder: Path, packs: Path | None) -> KeptHost:
    host = hosts.enter_context(KeptHost(run_folder, packs))
    await asyncio.to_thread(host.wait_ready, timeout_s=READY_S)
    return host


def _kill(host: KeptHost) -> None:
    """Without a word, as a crash: the gateway has no chance to tell anyone."""
    psutil.Process(host.pid).kill()
    host.stop()


async def _sample(pid: int, run: LongRun) -> None:
    process = psutil.Process(pid)
    with contextlib.suppress(psutil.NoSuchProcess):
        while True:
            run.rss_s.append(time.perf_counter())
            run.rss_bytes.append(process.memory_info().rss)
            await asyncio.sleep(SAMPLE_S)


def judge_long(report: Report, run: LongRun, *, frames: int) -> None:
    """Rows and checks of a long run."""
    found, shown_s = run.found, run.found["shown_s"]
    back = [_next_shown(shown_s, kill.killed_s + LEFT_OVER_S, kill.killed_s) for kill in run.kills]
    ready = [_next_shown(shown_s, kill.killed_s + LEFT_OVER_S, kill.ready_s) for kill in run.kills]
    resumed = [seconds for seconds in back if seconds is not None]
    if resumed:
        after = [max(0.0, seconds) for seconds in ready if seconds is not None]
        report.rows.append(Row("mirror: kill until the next shown frame", "s", summarise(resumed)))
        report.rows.append(Row("mirror: restart (ready) until the next shown frame", "s", summarise(after)))
    managed = (found["end_bytes"] - found["start_bytes"]) / MIB
    report.values |= {
        "long run: frames shown": found["shown"],
        "long run: frames of the game": found["steps"],
        "long run: kills": len(run.kills),
        "long run: managed heap grew, MiB": managed,
    }
    report.details["long_run"] = {key: value for key, value in found.items() if key != "shown_s"}
    report.checks += [
        Check("long run: frames shown", found["shown"], ">=", frames),
        Check("long run: exceptions that escaped", faults(found), "==", 0, "", found["first_fault"][:80]),
        Check("long run: kills after which frames did not resume", len(run.kills) - len(resumed), "==", 0),
        Check("long run: managed heap grew, first to last", managed, "<=", GROWTH_MIB, "MiB", "pools may grow once"),
    ]
    _judge_slopes(report, run)


def _judge_slopes(report: Report, run: LongRun) -> None:
    """Slopes count only in a run that is long enough to have them."""
    for name, times, values in (
        ("managed heap", run.found["memory_s"], run.found["memory_bytes"]), ("resident", run.rss_s, run.rss_bytes)
    ):  # fmt: skip
        settled = [(at, value) for at, value in zip(times, values, strict=True) if at - times[0] >= SETTLING_S]
        if len(settled) < 2 or settled[-1][0] - settled[0][0] < SLOPE_S:
            continue
        growth = 60 / MIB * stats.slope([at for at, _ in settled], [value for _, value in settled])
        report.checks.append(Check(f"long run: growth, {name}", growth, "<=", GROWTH_MIB_PER_MINUTE, "MiB/min"))


def _next_shown(shown_s: Sequence[float], after_s: float, since_s: float) -> float | None:
    """Seconds from `since_s` to the first frame shown after `after_s`; None when there is none."""
    later = next((at for at in shown_s if at > after_s), None)
    return None if later is None else later - since_s
