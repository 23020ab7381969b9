"""`run`, with real processes: faults that are put in are found, a stall is not hidden, wrong usage is refused."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import faults, gpu
from benchmarks.__main__ import main
from benchmarks.scenario.relay import pass_on
from benchmarks.scenario.usage import Usage

NOBODY = 2**31 - 1  # above every process id

MIRROR = """
name = "short"
summary = "a short mirror"
seconds = {seconds}
warm_up_s = 0
refresh_hz = 90

[[streams]]
name = "mirror"
op = "tryon.stream"
arrivals = "{arrivals}"
{rate}
within_ms = 11.1
{frames}
"""


def scenario(folder: Path, *, seconds: float, arrivals: str = "constant", frames: str = "", more: str = "") -> str:
    path = folder / f"{arrivals}.toml"
    rate = "" if arrivals == "closed" else "rate_hz = 90"
    text = MIRROR.format(seconds=seconds, arrivals=arrivals, rate=rate, frames=frames)
    path.write_text(text + more, encoding="utf-8")
    return str(path)


def played(folder: Path, *words: str, expected: int = 0) -> dict[str, Any]:
    path = folder / "result.json"
    assert main(["run", *words, "--json", str(path)]) == expected
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def row(document: dict[str, Any], name: str) -> dict[str, float]:
    summary: dict[str, float] = next(one["summary"] for one in document["rows"] if one["name"] == name)
    return summary


def test_a_fault_in_encode_is_found_in_its_stage_and_its_frames(tmp_path: Path) -> None:
    words = [scenario(tmp_path, seconds=2.8), "--target", "null", "--inject", "encode:20:50"]
    document = played(tmp_path, *words, "--fail-if", "max_encode_ms>15", expected=4)
    calls = document["details"]["calls"]
    assert calls["n"] == list(range(252))
    assert calls["outcome"] == ["ok"] * 252
    slow = {n for n, ms in zip(calls["n"], calls["encode_ms"], strict=True) if ms >= 19}
    assert slow >= {0, 50, 100, 150, 200, 250}
    assert len(slow) <= 8  # a busy machine may add one; the others stay what they were
    assert np.median(calls["encode_ms"]) < 5
    found = next(one for one in document["details"]["findings"] if one["stage"] == "encode")
    assert (found["every"], found["stream"]) == (50, "mirror")
    assert set(found["numbers"]) >= {0, 50, 100, 150, 200, 250}
    assert 15 < found["excess_ms"] < 40
    assert any("encode took" in text and "every 50th" in text for text in document["verdicts"])
    assert document["thresholds"][0]["crossed"] is True


def test_a_stall_of_a_second_shows_in_the_tail_and_as_missed_frames(tmp_path: Path) -> None:
    """And a closed loop, which waits for the answer before it sends again, would have hidden it."""
    inject = ["--target", "null", "--inject", "stall:1@1"]
    document = played(tmp_path, scenario(tmp_path, seconds=3, frames='unsent = "wait"'), *inject)
    age = row(document, "age")
    assert age["max"] >= 950
    assert age["p99"] >= 800
    assert age["p90"] >= 400
    assert row(document, "age at refresh")["max"] >= 950
    missed = [count for count in document["details"]["calls"]["missed"] if count]
    assert max(missed) >= 85
    assert len(missed) >= 80
    assert document["values"]["refreshes without a new picture"] >= 80
    assert document["values"]["goodput a second"] < 75
    silent = next(one for one in document["details"]["findings"] if one["stage"] == "no answer")
    assert silent["excess_ms"] == pytest.approx(1000, abs=150)
    assert "does not hold 90 Hz" in document["details"]["holds"]["mirror"]["text"]
    assert document["details"]["stability"]["stable"] is False

    game = played(tmp_path, scenario(tmp_path, seconds=3), *inject)  # drops what finds no slot, as a game does
    assert row(game, "age")["max"] >= 950
    assert row(game, "age")["p99"] >= 800
    assert max(count for count in game["details"]["calls"]["missed"] if count) >= 85
    assert game["values"]["not sent"] >= 70
    assert game["values"]["sent"] == 270

    closed = played(tmp_path, scenario(tmp_path, seconds=3, arrivals="closed"), *inject)
    assert row(closed, "age")["p99"] < 100
    assert row(closed, "age at refresh")["max"] >= 950  # what the wearer sees hides nothing


def test_every_output_is_written_and_holds_the_same_numbers(tmp_path: Path) -> None:
    page, junit, table = tmp_path / "page.html", tmp_path / "junit.xml", tmp_path / "calls.csv"
    more = '\n[[targets]]\nrow = "age"\nquantile = "p50"\nat_most = 0.0001\n'
    files = ["--report", str(page), "--junit", str(junit), "--csv", str(table)]
    document = played(
        tmp_path, scenario(tmp_path, seconds=0.6, more=more), "--target", "null", "--check", *files, expected=3
    )
    missed = [check["name"] for check in document["checks"] if not check["held"]]
    assert missed == ["age, p50"]
    names = {"unit", "floor", "name", "summary", "rounds"}
    assert all(set(one) == names for one in document["rows"])
    assert {"p50", "p90", "p95", "p99", "p99.9", "max", "mean", "count"} == set(row(document, "age"))
    assert document["details"]["clock"]["rtt_us"] < 1e6
    assert document["details"]["clock"]["start_unix_s"] == pytest.approx(time.time(), abs=60)
    assert [one["op"] for one in document["details"]["plan"]["streams"]] == ["tryon.stream"]
    assert {"cpu", "cores", "commit", "packages", "gpus", "packs"} <= set(document["environment"])
    lines = list(csv.DictReader(table.open(encoding="utf-8", newline="")))
    answers = [line for line in lines if line["kind"] == "call"]
    assert [float(line["latency_ms"]) for line in answers] == document["details"]["calls"]["latency_ms"]
    suite = ElementTree.parse(junit).getroot()
    assert suite.get("failures") == "1"
    assert "mirror" in page.read_text("utf-8")


def test_the_floor_stands_beside_what_is_measured(tmp_path: Path, shared_sidecar: Any) -> None:
    """On a real sidecar: frames and calls with their stages, the null target before and after, every process."""
    path = tmp_path / "both.toml"
    path.write_text(
        MIRROR.format(seconds=1.5, arrivals="constant", rate="rate_hz = 30", frames="")
        + '\n[[streams]]\nname = "echo"\nop = "server.echo"\narrivals = "poisson"\nrate_hz = 40\nwithin_ms = 500\n'
        + '\n[[streams]]\nname = "stills"\nop = "tryon.still"\nrate_hz = 4\ncancel_share = 0.5\ncancel_after_ms = 5\n',
        encoding="utf-8",
    )
    document = played(tmp_path, str(path), "--endpoint", str(shared_sidecar.run_file))
    floors = {one["name"]: one for one in document["rows"] if one["floor"]}
    beside = {one["name"]: one["beside"] for one in document["rows"] if "beside" in one}
    assert beside["mirror age"] == "null target: mirror age"
    assert len(floors[beside["echo latency"]]["rounds"]) == 2
    assert row(document, "mirror infer")["p50"] > 1
    assert row(document, "mirror age")["p50"] > floors["null target: mirror age"]["summary"]["p50"]
    calls = document["details"]["calls"]
    for index, outcome in enumerate(calls["outcome"]):
        if outcome == "ok":
            stages = (f"{name}_ms" for name in ("send", "network", "queue", "decode", "infer", "encode", "receive"))
            assert sum(calls[name][index] for name in stages) == pytest.approx(calls["latency_ms"][index], abs=0.01)
    cancelled = [stream for stream, end in zip(calls["stream"], calls["outcome"], strict=True) if end == "cancelled"]
    assert cancelled and set(cancelled) == {"stills"}
    assert {"gateway", "frame", "general", "client"} <= set(document["details"]["processes"]["cpu_percent"])
    assert document["values"]["resident gateway, MiB"] > 10
    assert document["environment"]["server"]["models"]


def test_a_killed_worker_and_a_stall_are_measured(tmp_path: Path) -> None:
    more = '\n[[events]]\nat_s = 0.7\ndo = "kill"\n[[events]]\nat_s = 4\ndo = "stall"\nseconds = 0.5\n'
    document = played(tmp_path, scenario(tmp_path, seconds=5, more=more), "--no-null")
    kill, stall = document["details"]["events"]
    assert (kill["do"], stall["do"]) == ("kill", "stall")
    assert 100 < kill["back_ms"] < 20_000
    assert 400 < stall["back_ms"] < 5_000
    assert document["values"]["fail unavailable"] >= 1
    assert document["values"]["unanswered"] == 0
    lost = next(check for check in document["checks"] if check["name"] == "connections lost")
    assert lost["held"]
    assert None in document["details"]["processes"]["rss_bytes"]["frame"] or kill["back_ms"] < 500


def test_bad_scenarios_are_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\nsummary = "x"\nsekonds = 1\n', encoding="utf-8")
    good = scenario(tmp_path, seconds=1)
    for words, reason in (
        (["run"], "name a scenario"),
        (["run", "mirror-91"], "there is no scenario 'mirror-91'"),
        (["run", str(bad)], "unknown field `sekonds`"),
        (["run", good, "--seconds", "nan"], "seconds"),
        (["run", good, "--inject", "encode:20:50"], "add --target null"),
        (["run", good, "--inject", "explode"], "is no fault"),
        (["run", good, "--fail-if", "quick"], "is no threshold"),
        (["run", good, "--endpoint", "x", "--target", "null"], "two targets"),
        (["run", "worker-killed", "--endpoint"], "one of its own"),
        (["run", "cold-start", "--target", "null"], "one of its own"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2, words
        assert reason in capsys.readouterr().err, words


def test_an_unreachable_server_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = scenario(tmp_path, seconds=1)
    assert main(["run", good, "--no-null", "--endpoint", str(tmp_path / "run.json")]) == 1
    assert "No Vitrine server runs here" in capsys.readouterr().err
    assert main(["run", good, "--no-null", "--baseline", str(tmp_path / "b"), "--report", str(tmp_path / "r")]) == 1
    assert "is not a file" in capsys.readouterr().err


def test_a_threshold_that_names_nothing_is_wrong_usage_but_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [scenario(tmp_path, seconds=0.5), "--target", "null", "--fail-if", "p99_agee_ms>3"]
    document = played(tmp_path, *words, expected=2)
    assert row(document, "age")["count"] == 45
    assert "p99_age_ms" in capsys.readouterr().out


def test_the_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--list"])
    assert caught.value.code == 0
    assert "worker-killed" in capsys.readouterr().out


# -- parts -------------------------------------------------------------------------------------------------------


def test_faults_strike_when_they_should() -> None:
    now, slept = [10.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    wrong = faults.Faults(["encode:20:50", "stall:1@3"], clock=lambda: now[0], sleep=sleep)
    for number in (0, 1, 49, 50, 51):
        wrong.slow("encode", number)
        wrong.slow("decode", number)
    assert slept == [0.02, 0.02]
    slept.clear()
    for later in (0.0, 2.9, 3.1, 3.2):
        now[0] = 10.0 + later
        wrong.stall()
    assert slept == [1.0]


@pytest.mark.parametrize(
    "text", ["encode", "encode:20", "encode:20:0", "write:20:5", "stall:1", "stall:-1@3", "x" * 99]
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no fault"):
        faults.parse(text)


def test_the_relay_hands_on_everything_at_its_rate() -> None:
    async def relayed() -> tuple[bytes, float]:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=theirs)
        source = asyncio.StreamReader()
        source.feed_data(bytes(range(250)) * 400)
        source.feed_eof()
        start = time.perf_counter()
        task = asyncio.ensure_future(pass_on(source, writer, 400_000))
        ours.setblocking(False)
        got = b""
        while len(got) < 100_000:
            got += await asyncio.get_running_loop().sock_recv(ours, 65536)
        took = time.perf_counter() - start
        await task
        writer.close()
        ours.close()
        return got, took

    got, took = asyncio.run(relayed())
    assert got == bytes(range(250)) * 400
    assert 0.15 < took < 2.0


def test_processes_are_sampled_and_one_that_is_gone_has_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scenario.usage.EVERY_S", 0.02)
    asked: list[int] = []

    async def sampled() -> Usage:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")

        async def look() -> dict[str, int]:
            asked.append(process.pid)
            return {"other": process.pid}

        async with Usage({"other": process.pid}, look) as usage:
            await asyncio.sleep(0.1)
            process.kill()
            await process.wait()
            await asyncio.sleep(0.1)
        return usage

    usage = asyncio.run(sampled())
    sizes = usage.details()["rss_bytes"]["other"]
    assert sizes[0] is not None and sizes[-1] is None
    assert len(sizes) == len(usage.t_s) == len(usage.details()["cpu_percent"]["other"])
    assert asked
    assert usage.values()["resident other, MiB"] > 0
    assert usage.growth() == {}


def test_memory_has_a_slope_once_it_has_settled_and_only_of_a_process_that_stayed() -> None:
    async def look() -> dict[str, int]:
        return {}

    usage = Usage({"steady": NOBODY, "grows": NOBODY, "restarted": NOBODY}, look)
    usage.t_s[:] = [0.5 * step for step in range(361)]
    usage.rss_bytes["steady"][:] = [100 << 20] * 361
    # 50 MiB come in the first minute, as caches fill; after it 2 MiB a minute.
    usage.rss_bytes["grows"][:] = [round(2**20 * (min(50, at) + max(0, at - 60) / 30)) for at in usage.t_s]
    usage.rss_bytes["restarted"][:] = [None if 300 < step < 310 else 1 << 20 for step in range(361)]
    assert usage.growth() == {"steady": 0.0, "grows": pytest.approx(2.0, abs=0.01)}
    assert usage.values()["growth grows, MiB a minute"] == pytest.approx(2.0, abs=0.01)


def test_the_gpu_tool_s_words_are_read_and_odd_ones_passed_over() -> None:
    assert gpu.read_devices("NVIDIA H100 80GB HBM3, 570.86.15, 81559\nnonsense\n") == [
        {"name": "NVIDIA H100 80GB HBM3", "driver": "570.86.15", "memory_mib": 81559.0}
    ]
    assert gpu.read_sample("0, 37, 1024\n", 1.5) == {"t_s": 1.5, "index": 0, "percent": 37.0, "memory_mib": 1024.0}
    assert gpu.read_sample("0, [N/A], 10", 0.0) == {"t_s": 0.0, "index": 0, "percent": None, "memory_mib": 10.0}
    assert gpu.read_sample("Failed to initialize NVML", 0.0) is None
    sampler = gpu.Sampler()
    sampler.samples = [gpu.read_sample(f"0, {share}, {10 * share}", 0.0) or {} for share in (10, 30)]
    assert sampler.values() == {"gpu 0, %": 20.0, "gpu 0 memory, MiB": 300.0}
