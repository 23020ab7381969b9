"""C# programs under Mono, where there is one, and EchoBench: the C# client against the sidecar and its raw floors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from sidecar.demo.host import Host

from . import mono, stats
from .report import Check, Report
from .stats import Summary, summarise
from .target import ROOT, STOP_S

SOURCES = ROOT / "benchmarks" / "unity"
BENCH = SOURCES / "EchoBench.cs"
PEER = SOURCES / "floor_peer.py"
RUN_S = 180.0
ROUNDS = 5
LAST_WORDS = 600
LINE_BYTES = 16 << 20
Measured = dict[str, list[Summary]]


class CSharpFailed(RuntimeError):
    """A C# program could not be built or did not end well; the message says why."""


def available() -> None:
    """Raises `CSharpFailed` where C# cannot be measured."""
    if mono.missing() or not mono.PACKAGE.exists():
        raise CSharpFailed("it needs Mono (mcs, mono) and a checkout with unity_bridge")


async def echo_bench(report: Report, host: Host, raw_url: str) -> None:
    """Adds the C# values and checks; says so in the warnings where they cannot be measured."""
    try:
        measured = await echoes(host, raw_url)
    except CSharpFailed as error:
        report.warnings.append(f"C# was not measured: {error}")
        return
    report.values |= {f"C# {name}, p50 ms": stats.over_rounds(found).p50 for name, found in measured.items()}
    report.checks += checks(measured)


async def echoes(
    host: Host, raw_url: str, *, rounds: int = ROUNDS, small: int = 400, large: int = 40
) -> Measured:
    """What EchoBench measures, by series and round, milliseconds: a closed loop. Raises `CSharpFailed`."""
    available()
    with tempfile.TemporaryDirectory(prefix="vitrine-csharp-") as folder:
        program = await build(mono.Assemblies(Path(folder)), BENCH)
        async with floor_peer() as (port, path):
            counts = ("--rounds", str(rounds), "--small", str(small), "--large", str(large))
            output = await run(
                [str(program), "--raw", raw_url, "--floor", port, path, *counts], host.run_file.parent, limit_s=RUN_S
            )
    return read_series(output)


def read_series(output: str) -> Measured:
    """The rounds in EchoBench's last line. Raises `CSharpFailed`."""
    try:
        found = json.loads(output.strip().splitlines()[-1])
        return {
            name: [summarise([us / 1000 for us in one]) for one in rounds] for name, rounds in found.items()
        }
    except (IndexError, ValueError, AttributeError, TypeError) as error:
        raise CSharpFailed(f"EchoBench printed something else: {output[-LAST_WORDS:]}") from error


def checks(measured: Mapping[str, Sequence[Summary]]) -> list[Check]:
    """The C# client's targets, as ratios to the floors of the same rounds."""
    raw = measured["raw_64"]
    gateway = stats.paired_ratio(measured["gateway_64"], raw)
    worker = stats.paired_ratio(measured["engine_64"], raw)
    shared = stats.paired_ratio(measured["raw_1mib"], measured["engine_1mib_shm"])
    return [
        Check("C#: gateway echo / raw echo", gateway, "<=", 1.5, "x"),
        Check("C#: worker echo / raw echo", worker, "<=", 2.5, "x"),
        Check("C#: raw echo of 1 MiB / 1 MiB shared", shared, ">=", 8.0, "x"),
    ]


async def build(assemblies: mono.Assemblies, source: Path, *more: Path, unity: bool = False) -> Path:
    """Compiles a program beside its assemblies. Raises `CSharpFailed`."""
    try:
        return await asyncio.to_thread(assemblies.program, source, *more, unity=unity)
    except mono.CompileFailed as error:
        raise CSharpFailed(str(error)[-LAST_WORDS:]) from error


async def run(
    words: Sequence[str], run_folder: Path, *, limit_s: float, more: Mapping[str, str] | None = None
) -> str:
    """The output of a program under Mono, `more` in its environment; ended after `limit_s`. Raises `CSharpFailed`."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "mono", *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=environment(run_folder) | dict(more or {})
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), limit_s)
    except asyncio.TimeoutError:
        raise CSharpFailed(f"{Path(words[0]).name} took longer than {limit_s:g} s") from None
    finally:
        await stop(process)
    text = output.decode(errors="replace")
    if process.returncode:
        words_left = text.strip()[-LAST_WORDS:]
        raise CSharpFailed(f"{Path(words[0]).name} ended with code {process.returncode}: {words_left}")
    return text


def environment(run_folder: Path) -> dict[str, str]:
    """This environment, with the sidecar's runtime folder in it."""
    return {**os.environ, "VITRINE_RUN_DIR": str(run_folder)}


@contextlib.asynccontextmanager
async def running(words: Sequence[str], run_folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program under Mono whose lines are read as they come; ended with the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "mono", *words, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=environment(run_folder), limit=LINE_BYTES
    )
    try:
        yield process
    finally:
        await stop(process)


@contextlib.asynccontextmanager
async def floor_peer() -> AsyncIterator[tuple[str, str]]:
    """The peer that copies in a map at each notice: its port and the map's path."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(PEER), stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), STOP_S)
        port, path = line.decode().split()
        yield port, path
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ends a child that still runs."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
