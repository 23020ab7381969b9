"""The mirror's frame path under Mono: FrameBench, a `TryOnMirror` on the project's fakes of the engine.

What a frame costs the main thread and what it allocates, beside a bare socket in the same run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.demo.host import Host

from . import csharp, mono
from .csharp import CSharpFailed
from .frames import Bank
from .report import Check, Report, Row
from .stats import summarise

SOURCES = [csharp.SOURCES / f"Frame{part}.cs" for part in ("Bench", "Path", "Long", "Probes")]
WIDTH, HEIGHT = 640, 480
RATE_HZ = 90.0
RECORDED = 16
# A collection for each 64 KiB that any thread allocates: the only meter that sees them all.
NURSERY = 64 * 1024
WARM_UP = 100
START_S = 60.0
CPU_MS = 0.5
CARD_SHARE = 0.9


async def build(folder: Path) -> Path:
    """FrameBench beside the package's assemblies and the fakes. Raises `CSharpFailed`."""
    return await csharp.build(mono.Assemblies(folder), SOURCES[0], *SOURCES[1:], unity=True)


def write_camera(path: Path) -> None:
    """A person who moves to and fro: raw rgba8 frames, rows from the bottom, as a webcam's texture has them."""
    bank = Bank()
    with path.open("wb") as file:
        for n in [*range(RECORDED), *range(RECORDED - 2, 0, -1)]:
            frame = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
            frame[..., :3] = bank.frame(3 * n)[::-1]
            file.write(frame.tobytes())


async def frame_path(report: Report, host: Host, program: Path, camera: Path, *, frames: int) -> None:
    """Adds what a frame costs. Raises `CSharpFailed`."""
    async with csharp.floor_peer() as (port, path):
        words = [str(program), "path", str(camera), str(WIDTH), str(HEIGHT), "--rate", f"{RATE_HZ:g}"]
        words += ["--frames", str(frames), "--warm-up", str(WARM_UP), "--floor", port, path]
        limit_s = START_S + 4 * (frames + WARM_UP) / RATE_HZ
        more = {"MONO_GC_PARAMS": f"nursery-size={NURSERY}"}
        output = await csharp.run(words, host.run_file.parent, limit_s=limit_s, more=more)
    judge_path(report, last_line(output))


def judge_path(report: Report, found: dict[str, Any]) -> None:
    """Rows and checks of the frame path."""
    mirror, control, frames = found["mirror"], found["control"], found["mirror"]["frames"]
    work = Row("mirror: main thread a frame", "ms", summarise(main_thread_ms(mirror)))
    report.rows += [
        work,
        Row("mirror: the same, with the fakes' card", "ms", summarise(mirror["step_ms"])),
        Row("mirror: age when shown", "ms", summarise(mirror["age_ms"])),
    ]
    report.values["mirror: frames a second shown"] = RATE_HZ * mirror["shown"] / frames
    _judge_garbage(report, found)
    seen = min(
        sum(control["main_bytes"]), sum(control["other_bytes"]), NURSERY * sum(control["collections"])
    ) / control["made"]  # fmt: skip
    kind = "processor time" if found["cpu_is_exact"] else "wall time"
    report.checks += [
        Check("garbage made on purpose, share seen by each meter", seen, ">=", 0.5, "", "else those rows say nothing"),
        Check(
            f"mirror: main thread's {kind} a frame, p99", work.summary.p99, "<=", CPU_MS, "ms",
            "without what the fakes do in the card's place",
        ),
        Check("mirror: share of frames that were live", mirror["live"] / frames, ">=", 0.95),
        Check("mirror: share of frames with a new answer", mirror["shown"] / frames, ">=", 0.1),
        Check("mirror: faults", faults(found), "==", 0, "", found["first_fault"][:80]),
    ]
    report.details["frame_path"] = {
        name: {key: value for key, value in found[name].items() if not key.endswith("_ms") and key != "fresh"}
        for name in ("baseline", "mirror", "control")
    }


def main_thread_ms(mirror: dict[str, Any]) -> NDArray[np.float64]:
    """The main thread's time without the card's, frame by frame.

    The fakes tell the card's as wall time. Where another program had the processor meanwhile it is far too long; so no
    more is taken off than nine in ten frames of the same kind have, with or without a new answer.
    """
    step, card, fresh = (np.asarray(mirror[key], np.float64) for key in ("step_ms", "card_ms", "fresh"))
    for kind in (0, 1):
        alike = fresh == kind
        if alike.any():
            card[alike] = np.minimum(card[alike], np.quantile(card[alike], CARD_SHARE))
    own: NDArray[np.float64] = np.maximum(0.0, step - card)
    return own


def _judge_garbage(report: Report, found: dict[str, Any]) -> None:
    """The median round counts: a pool that grows once is not garbage of a frame, and would be in no more than one."""
    bare, mirror = found["baseline"], found["mirror"]
    frames = mirror["frames"] / len(mirror["main_bytes"])
    for key, title in (("main_bytes", "main thread"), ("other_bytes", "connection's threads")):
        floor, measured = float(np.median(bare[key])) / frames, float(np.median(mirror[key])) / frames
        report.values[f"bare socket: bytes a frame, {title}"] = floor
        report.values[f"mirror: bytes a frame, {title}"] = measured
        name = f"mirror: bytes a frame beyond a bare socket, {title}"
        report.checks.append(Check(name, measured - floor, "<=", 0.0, "B", "median round"))
    collections = sum(mirror["collections"]) - sum(bare["collections"])
    report.checks.append(
        Check(
            "mirror: collections beyond a bare socket, all threads", collections, "<=", 0, "",
            f"one for each {NURSERY >> 10} KiB, in {mirror['frames']} frames",
        )
    )


def faults(found: dict[str, Any]) -> int:
    """Exceptions that got out: of threads, of tasks, into the engine's console."""
    return int(found["unhandled"] + found["unobserved"] + found["logged"])


def last_line(output: str) -> dict[str, Any]:
    """The JSON object of FrameBench. Raises `CSharpFailed`."""
    try:
        found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return found
    except (IndexError, ValueError) as error:
        raise CSharpFailed(f"FrameBench printed something else: {output[-600:]}") from error
