"""The C# client as Unity uses it, under Mono: calls, pictures of 1 MiB there and back, and the mirror's frame path.

Calls stand beside raw floors of the same interleaved rounds: `ClientWebSocket` against a bare echo, and three copies of
1 MiB through a map with a notice over a socket. The frame path is a TryOnMirror on the project's fakes of the engine:
what a frame costs the main thread and what it allocates, beside a bare socket. With --frames and --kills: so many shown
frames while the sidecar is killed and started again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from sidecar.client import connect
from sidecar.demo.host import Host

from . import csharp, environment, loop, mirror_frames, mirror_kills, stats
from .report import Report, Row
from .target import raw_echo, with_sidecar

# EchoBench's names, in the order of the table; whether it is a floor.
SERIES = {
    "raw_64": ("ClientWebSocket, bare echo, 64 B", True),
    "gateway_64": ("call at the gateway, 64 B", False),
    "engine_64": ("call at a worker, 64 B", False),
    "raw_1mib": ("ClientWebSocket, bare echo, 1 MiB", True),
    "engine_1mib_inline": ("1 MiB picture there and back, inline", False),
    "engine_1mib_shm": ("1 MiB picture there and back, shared", False),
    "floor_1mib": ("copy 1 MiB there and back, and notice", True),
}
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of the calls (default 5)")
    parser.add_argument("--small", type=int, default=400, help="calls of 64 bytes in each round (default 400)")
    parser.add_argument("--large", type=int, default=60, help="pictures in each round (default 60)")
    parser.add_argument("--path-frames", type=int, default=2000, help="frames of the frame path (default 2000)")
    parser.add_argument("--frames", type=int, default=0, help="a long run: frames to be shown (default none)")
    parser.add_argument("--kills", type=int, default=0, help="kill the sidecar so often in the long run (default 0)")
    parser.add_argument("--no-calls", action="store_true", help="leave the calls out")
    parser.add_argument("--no-path", action="store_true", help="leave the frame path out")


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `CSharpFailed`, `HostFailed`, `FloorFailed` or `VitrineError`."""
    csharp.available()
    before = environment.fingerprint()
    report = Report("bridge", before, _plain(options))
    with Console(stderr=True).status("starting the sidecar") as status, _folder() as folder:
        if not (options.no_calls and options.no_path):
            with_sidecar(options.packs, lambda host: _measure(report, host, options, folder, status.update))
        if options.frames:
            loop.run(_long_run(report, options, folder, status.update))
    report.warnings += environment.warnings(before)
    return report


@contextlib.contextmanager
def _folder() -> Any:
    with tempfile.TemporaryDirectory(prefix="vitrine-bridge-") as name:
        yield Path(name)


async def _measure(report: Report, host: Host, options: argparse.Namespace, folder: Path, told: Told) -> None:
    if not options.no_calls:
        await _calls(report, host, options, told)
    if not options.no_path:
        told("mirror: building")
        program, camera = await _mirror(folder)
        told("mirror: the frame path, and a bare socket before it")
        await mirror_frames.frame_path(report, host, program, camera, frames=options.path_frames)
    async with await connect(endpoint=host.endpoint, reconnect=False) as vitrine:
        served = (await vitrine.call("server.stats")).d
    report.environment |= {"server": environment.of_server(served), "packs": environment.packs_of(options.packs)}


async def _calls(report: Report, host: Host, options: argparse.Namespace, told: Told) -> None:
    async with raw_echo() as (_, url):
        told("C#: calls and pictures")
        measured = await csharp.echoes(host, url, rounds=options.rounds, small=options.small, large=options.large)
    judge_calls(report, measured)


def judge_calls(report: Report, measured: csharp.Measured) -> None:
    """Rows, ratios and checks of the calls."""
    for name, (title, floor) in SERIES.items():
        found = measured[name]
        report.rows.append(Row(title, "ms", stats.over_rounds(found), floor=floor, rounds=tuple(found)))
        report.warnings += stats.instability(title, found)
    copies = stats.paired_ratio(measured["engine_1mib_shm"], measured["floor_1mib"])
    inline = stats.paired_ratio(measured["engine_1mib_inline"], measured["engine_1mib_shm"])
    report.values["1 MiB shared / copies and notice"] = copies
    report.values["1 MiB inline / 1 MiB shared"] = inline
    report.checks += csharp.checks(measured)


async def _mirror(folder: Path) -> tuple[Path, Path]:
    """FrameBench and what its camera sees; made once."""
    program, camera = folder / "FrameBench.exe", folder / "camera.rgba"
    if not program.exists():
        program = await mirror_frames.build(folder)
        await asyncio.to_thread(mirror_frames.write_camera, camera)
    return program, camera


async def _long_run(report: Report, options: argparse.Namespace, folder: Path, told: Told) -> None:
    program, camera = await _mirror(folder)
    found = await mirror_kills.long_run(
        folder, options.packs, program, camera, frames=options.frames, kills=options.kills, told=told
    )
    mirror_kills.judge_long(report, found, frames=options.frames)


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if isinstance(value, (int, float, bool))}
