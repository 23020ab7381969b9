"""Scenario files: the shipped ones are sound, bad ones are refused with the reason, send times come from the seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.arrivals import for_seconds
from benchmarks.scenario import spec
from benchmarks.scenario.play import drawn, offsets_of
from benchmarks.scenario.spec import BadPlan, Load

HEAD = 'name = "mine"\nsummary = "a test"\n'
STREAM = '[[streams]]\nname = "a"\nop = "server.echo"\nrate_hz = 10\n'


def plan(text: str) -> spec.Plan:
    return spec.parse(text.encode(), "mine.toml")


def test_the_scenarios_that_were_promised_are_there_and_sound() -> None:
    wanted = {
        "single-stream", "mirror-72", "mirror-80", "mirror-90", "mirror-120", "headsets-4", "mixed", "burst",
        "overload", "cancel", "cold-start", "first-use-after-idle", "worker-killed", "slow-reader", "soak", "stall",
    }  # fmt: skip
    assert set(spec.shipped()) == wanted
    for name in spec.shipped():
        found = spec.load(name)
        assert found.name == name
        assert found.streams or found.starts
    assert spec.load("mirror-120").refresh_hz == 120
    assert spec.load("headsets-4").streams[0].connections == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = ", "not TOML"),
        (HEAD, "either [[streams]] or `starts`"),
        (HEAD + STREAM + "[[streams]]\nname = 1\n", "Expected `str`"),
        (HEAD + "sekonds = 3\n" + STREAM, "unknown field `sekonds`"),
        (HEAD + STREAM + "rate = 3\n", "unknown field `rate`"),
        (HEAD + 'seconds = "long"\n' + STREAM, "Expected `float`"),
        (HEAD + "seconds = nan\n" + STREAM, "seconds"),
        (HEAD + "seconds = 1e9\n" + STREAM, "Expected `float` <= 86400"),
        (HEAD + STREAM.replace("10", "1e7"), "Expected `float` <= 5000"),
        (HEAD + STREAM.replace("10", "-1"), "Expected `float` > 0"),
        (HEAD + STREAM.replace("10", "5000\nconnections = 16"), "80,000 sends a second"),
        (HEAD + "seconds = 80000\n" + STREAM.replace("10", "5000"), "make it shorter"),
        (HEAD + STREAM + "connections = 64\n" + STREAM.replace('"a"', '"b"'), "more than 64 connections"),
        (HEAD + STREAM + STREAM, "two streams have one name"),
        (HEAD + STREAM + 'arrivals = "closed"\n', "rate_hz belongs to constant and poisson"),
        (HEAD + STREAM + "at_once = 4\n", "at_once belongs to closed"),
        (HEAD + STREAM.replace("server.echo", "rm -rf"), "Invalid enum value"),
        (HEAD + STREAM + "read_bytes_per_s = 100000\n", "add shm = false"),
        (HEAD + STREAM + '[[events]]\nat_s = 1\ndo = "kill"\nwho = "gateway"\n', "only workers are killed"),
        (HEAD + STREAM + '[[targets]]\nrow = "age"\nat_most = 1\n', "there are: latency"),
        (HEAD + STREAM + '[[targets]]\nrow = "latency"\n', "at_most or at_least"),
        (HEAD + STREAM + '[[targets]]\nrow = "latency"\nat_most = nan\n', "limit is a number"),
        (HEAD + "x = " + "[" * 3000 + "]" * 3000 + "\n", "mine.toml"),
        (HEAD + "#" * (65 << 10), "larger than 64 KiB"),
    ],
)
def test_a_bad_scenario_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadPlan) as caught:
        plan(text)
    assert reason in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (10 << 20))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in (
        (huge, "larger than 64 KiB"), (binary, "not UTF-8"), (tmp_path / "none.toml", "not a file"),
        (tmp_path, "there is no scenario"),
    ):  # fmt: skip
        with pytest.raises(BadPlan, match=reason):
            spec.load(str(path))
    with pytest.raises(BadPlan, match="known: burst"):
        spec.load("../../etc/passwd")


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + STREAM).replace("\n", "\r\n").encode())
    found = spec.load(str(path))
    assert (found.name, found.streams[0].rate_hz) == ("mine", 10)


def test_changes_from_the_command_line_are_checked_as_well() -> None:
    found = plan(HEAD + STREAM)
    assert spec.changed(found, {"seconds": 3.0, "seed": 9}).seconds == 3.0
    for changes in ({"seconds": -1.0}, {"seconds": float("nan")}, {"seed": -1}):
        with pytest.raises(BadPlan):
            spec.changed(found, changes)


def test_send_times_come_from_the_seed_alone() -> None:
    load = Load(name="a", op="server.echo", arrivals="poisson", rate_hz=50.0)
    first, again, other = (offsets_of(load, 0, 20.0, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == pytest.approx(1000, rel=0.15)
    assert first.max() < 20.0
    assert first[-1] > 19.0  # the drawn times reach to the end


def test_every_connection_draws_its_own_from_the_plan_s_seed() -> None:
    chat = Load(name="chat", op="server.echo", arrivals="poisson", rate_hz=50.0, connections=2)
    first = spec.Plan(name="p", summary="p", seed=7, streams=(chat,))
    again, other = spec.changed(first, {}), spec.changed(first, {"seed": 8})
    times = [[offsets.tolist() for _, _, offsets, _ in drawn(one)] for one in (first, again, other)]
    assert times[0] == times[1]
    assert times[0] != times[2]
    assert times[0][0] != times[0][1]
    assert [name for _, name, _, _ in drawn(first)] == ["chat-1", "chat-2"]
    cancels = [[random.random() for _, _, _, random in drawn(one)] for one in (first, again)]
    assert cancels[0] == cancels[1]
    assert cancels[0][0] != cancels[0][1]


def test_bursts_come_at_once_and_keep_the_rate() -> None:
    times = for_seconds("constant", 32.0, 2.0, burst=16, random=np.random.default_rng(1))
    assert times.tolist() == [0.0] * 16 + [0.5] * 16 + [1.0] * 16 + [1.5] * 16


def test_headsets_do_not_send_in_step() -> None:
    load = Load(name="a", op="tryon.stream", rate_hz=100.0, connections=4)
    firsts = [offsets_of(load, index, 1.0, np.random.default_rng(1))[0] for index in range(4)]
    assert firsts == pytest.approx([0.0, 0.0025, 0.005, 0.0075])


def test_events_repeat_until_the_end() -> None:
    event = spec.Event(at_s=3.0, every_s=5.0, do="kill")
    assert list(event.times(20.0)) == [3.0, 8.0, 13.0, 18.0]
    assert list(spec.Event(at_s=3.0, do="kill").times(20.0)) == [3.0]
