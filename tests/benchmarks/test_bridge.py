"""The bridge benchmark: judged as it should be, and one short run of all of it with a killed sidecar."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import bridge, csharp, mirror_frames, mirror_kills, mono
from benchmarks.csharp import CSharpFailed
from benchmarks.mirror_kills import Kill, LongRun
from benchmarks.report import Report

ROOT = Path(__file__).resolve().parents[2]
RUN_S = 300
FRAMES, KILLS = 1500, 1
ROUND = {"main_bytes": [0, 0, 0], "other_bytes": [0, 0, 0], "collections": [0, 0, 0]}
PATH: dict[str, Any] = {
    "baseline": ROUND,
    "mirror": ROUND | {
        "frames": 300, "shown": 150, "live": 300, "step_ms": [1.0, 1.2] * 150, "card_ms": [0.8, 0.9] * 150,
        "fresh": [0, 1] * 150, "age_ms": [40.0] * 150,
    },
    "control": {"main_bytes": [4096], "other_bytes": [4096], "collections": [1], "made": 4096},
    "cpu_is_exact": True, "unhandled": 0, "unobserved": 0, "logged": 0, "first_fault": "",
}  # fmt: skip
LONG: dict[str, Any] = {
    "steps": 200, "shown": 100, "shown_s": [1.0, 2.0, 6.0, 7.0], "memory_s": [0.0, 1.0], "memory_bytes": [10, 10],
    "start_bytes": 1000, "end_bytes": 1000, "unhandled": 0, "unobserved": 0, "logged": 0, "first_fault": "",
}  # fmt: skip


def _report() -> Report:
    return Report("bridge", {}, {})


def _missed(report: Report) -> list[str]:
    return [check.name for check in report.missed]


def _judged(**change: Any) -> Report:
    found = copy.deepcopy(PATH)
    for name, value in change.items():
        part, _, key = name.partition("__")
        if key:
            found[part] = found[part] | {key: value}
        else:
            found[part] = value
    report = _report()
    mirror_frames.judge_path(report, found)
    return report


def test_a_frame_path_without_garbage_holds() -> None:
    assert _missed(_judged()) == []


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"mirror__main_bytes": [0, 2400, 2400]}, "main thread"),
        ({"mirror__other_bytes": [1, 100, 100]}, "connection's threads"),
        ({"mirror__collections": [0, 0, 1]}, "all threads"),
        ({"control__collections": [0]}, "made on purpose"),
        ({"control__other_bytes": [10]}, "made on purpose"),
        ({"mirror__step_ms": [1.0, 1.6] * 150}, "processor time"),
        ({"mirror__live": 200}, "live"),
        ({"mirror__shown": 3}, "new answer"),
        ({"unobserved": 1}, "faults"),
    ],
)
def test_what_a_frame_must_not_do_is_a_miss(change: dict[str, Any], missed: str) -> None:
    found = _missed(_judged(**change))
    assert len(found) == 1 and missed in found[0]


def test_a_pool_that_grows_once_is_no_garbage_of_a_frame_and_a_bare_socket_may_have_as_much() -> None:
    assert _missed(_judged(mirror__other_bytes=[600, 0, 0])) == []
    assert _missed(_judged(mirror__other_bytes=[90, 90, 90], baseline__other_bytes=[90, 90, 90])) == []


def test_the_cards_time_is_taken_off_but_not_what_another_program_took_meanwhile() -> None:
    count = 100
    card = [0.8] * (count - 1) + [5.0]
    own = mirror_frames.main_thread_ms({"step_ms": [1.0] * count, "card_ms": card, "fresh": [0] * count})
    np.testing.assert_allclose(own, 0.2)


def _long(**change: Any) -> Report:
    run = LongRun(LONG | change, kills=[Kill(killed_s=2.05, ready_s=5.0)], rss_s=[0.0, 1.0], rss_bytes=[1, 1])
    report = _report()
    mirror_kills.judge_long(report, run, frames=100)
    return report


def test_a_long_run_tells_how_soon_frames_came_back() -> None:
    report = _long()
    rows = {row.name: row.summary.p50 for row in report.rows}
    assert rows == pytest.approx(
        {
            "mirror: kill until the next shown frame": 3.95,
            "mirror: restart (ready) until the next shown frame": 1.0,
        }
    )
    assert _missed(report) == []


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"shown_s": [1.0, 2.0, 2.1]}, "did not resume"),  # the last one was still on its way at the kill
        ({"shown": 99}, "frames shown"),
        ({"logged": 1}, "escaped"),
        ({"unhandled": 1}, "escaped"),
        ({"end_bytes": 40 << 20}, "managed heap grew"),
        ({"memory_s": list(range(120)), "memory_bytes": [n << 16 for n in range(120)]}, "growth, managed heap"),
    ],
)
def test_what_must_not_happen_in_a_long_run_is_a_miss(change: dict[str, Any], missed: str) -> None:
    found = _missed(_long(**change))
    assert len(found) == 1 and missed in found[0]


@pytest.mark.parametrize("output", ["", "Unhandled Exception", "[1]", '{"raw_64": 3}', '{"raw_64": [[]]}'])
def test_another_output_than_echo_bench_s_is_a_plain_failure(output: str) -> None:
    with pytest.raises(CSharpFailed):
        csharp.read_series(output)


@pytest.mark.skipif(bool(mono.missing()), reason="Mono is not installed: apt-get install mono-mcs mono-devel")
def test_bridge_with_a_killed_sidecar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bridge.json"
    short = ["--rounds", "1", "--small", "50", "--large", "5", "--path-frames", "450"]
    command = [sys.executable, "-m", "benchmarks", "bridge", *short, "--frames", str(FRAMES), "--kills", str(KILLS)]
    done = subprocess.run(
        [*command, "--json", str(path)], cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["name"]: row["summary"] for row in found["rows"]}
    for title, _ in bridge.SERIES.values():
        assert rows[title]["count"] >= 5 and rows[title]["p50"] > 0
    with capsys.disabled():  # how quick it is depends on the machine: said, not asserted
        work = rows["mirror: main thread a frame"]
        print(f"\nmirror: main thread {work['p50']:.2f} ms a frame, p99 {work['p99']:.2f} ms")
        back = rows["mirror: kill until the next shown frame"]["max"]
        print(f"mirror: {found['values']['long run: frames shown']} frames shown, back {back:.1f} s after the kill")
    quick = ("C#:", "mirror: main thread's")
    missed = [check for check in found["checks"] if not check["held"] and not check["name"].startswith(quick)]
    assert not missed
    assert found["details"]["long_run"]["states"][-1] == "Live" and found["values"]["long run: kills"] == KILLS
