"""The C# rows: EchoBench under Mono, where there is one, against the same sidecar and the same raw echo."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from sidecar.demo.host import Host

from . import mono
from .report import Check, Report
from .target import ROOT, STOP_S

BENCH = ROOT / "benchmarks" / "unity" / "EchoBench.cs"
PEER = ROOT / "benchmarks" / "unity" / "floor_peer.py"
RUN_S = 120.0


async def echo_bench(report: Report, host: Host, raw_url: str) -> None:
    """Adds the C# values and checks; says so in the warnings where they cannot be measured."""
    if mono.missing() or not mono.PACKAGE.exists():
        report.warnings.append("C# was not measured: it needs Mono (mcs, mono) and a checkout with unity_bridge")
        return
    with tempfile.TemporaryDirectory(prefix="vitrine-csharp-") as folder:
        try:
            program = await asyncio.to_thread(mono.Assemblies(Path(folder)).program, BENCH)
        except mono.CompileFailed as error:
            report.warnings.append(f"C# was not measured: {str(error)[-300:]}")
            return
        await _measure(report, host, raw_url, program)


async def _measure(report: Report, host: Host, raw_url: str, program: Path) -> None:
    async with _floor_peer() as (port, path):
        code, text = await _run(
            "mono", str(program), "--raw", raw_url, "--floor", port, path, limit_s=RUN_S,
            environment={**os.environ, "VITRINE_RUN_DIR": str(host.run_file.parent)},
        )
    if code:
        report.warnings.append(f"C# was not measured: EchoBench ended with {code}: {text.strip()[-300:]}")
        return
    judge(report, json.loads(text.strip().splitlines()[-1]))


def judge(report: Report, found: dict[str, Any]) -> None:
    """Adds what EchoBench printed: a closed loop, microseconds."""
    report.details["csharp"] = found
    for name, row in found.items():
        if name != "ratios":
            report.values[f"C# {name}, p50 ms"] = row["p50_us"] / 1000
    ratios = found["ratios"]
    report.checks += [
        Check("C#: gateway echo / raw echo", ratios["gateway_to_raw"], "<=", 1.5, "x"),
        Check("C#: worker echo / raw echo", ratios["engine_to_raw"], "<=", 2.5, "x"),
        Check("C#: raw echo of 1 MiB / 1 MiB shared", ratios["raw_1mib_to_shm"], ">=", 8.0, "x"),
    ]


@contextlib.asynccontextmanager
async def _floor_peer() -> Any:
    process = await asyncio.create_subprocess_exec(sys.executable, str(PEER), stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), STOP_S)
        port, path = line.decode().split()
        yield port, path
    finally:
        await _stop(process)


async def _run(*command: str, limit_s: float, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of a program; one that takes longer than `limit_s` is ended and counts as failed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), limit_s)
    except asyncio.TimeoutError:
        return -1, f"it took longer than {limit_s:g} s"
    finally:
        await _stop(process)
    return process.returncode or 0, output.decode(errors="replace")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
