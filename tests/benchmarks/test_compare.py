"""An effect that is there is found, one that is not is not, and a machine that drifts does not matter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_results import document, mirror, row

from benchmarks import bootstrap
from benchmarks.__main__ import main
from benchmarks.compare import BETTER, UNSURE, WORSE, compare
from benchmarks.reports.source import NotAResult, typed
from benchmarks.subjects import floor_of

ROUNDS, SAMPLES = 12, 300


def _series(name: str, rounds: list[Any], **more: Any) -> dict[str, Any]:
    return {**row(name, np.concatenate(rounds), **more), "rounds": [row("", one)["summary"] for one in rounds]}


def run_of(seed: int, *, slower: float = 1.0, machine: float = 1.0, rounds: int = ROUNDS) -> dict[str, Any]:
    """An echo beside its floor, in rounds between which the machine's speed wanders by a fifth."""
    random = np.random.default_rng(seed)
    speed = machine * np.exp(random.normal(0, 0.2, rounds))
    noise = np.exp(random.normal(0, 0.01, (2, rounds)))
    floors = [speed[turn] * noise[0, turn] * random.gamma(30, 0.1 / 30, SAMPLES) for turn in range(rounds)]
    echoes = [slower * speed[turn] * noise[1, turn] * random.gamma(30, 0.12 / 30, SAMPLES) for turn in range(rounds)]
    return document([_series("raw echo, 64 B", floors, floor=True), _series("echo, 64 B", echoes)])


@pytest.mark.parametrize("seed", range(10))
def test_ten_percent_slower_is_worse_and_equal_runs_cannot_tell(seed: int) -> None:
    before, again, slower = run_of(3 * seed), run_of(3 * seed + 1), run_of(3 * seed + 2, slower=1.10)
    found = compare(before, again)
    assert found.verdict == UNSURE, found.differences
    found = compare(before, slower)
    assert found.verdict == WORSE and compare(slower, before).verdict == BETTER
    p50 = found.differences[0]
    assert (p50.quantile, p50.beside) == ("p50", "raw echo, 64 B")
    assert 0.03 < p50.low < p50.change < p50.high and p50.change == pytest.approx(0.10, abs=0.04)


def test_another_machine_is_said_and_its_speed_cancels_out() -> None:
    other = run_of(2, machine=1.3)
    other["environment"]["cpu"] = "another processor"
    found = compare(run_of(1), other)
    p50 = found.differences[0]
    assert found.verdict == UNSURE and p50.b > 1.2 * p50.a and p50.change == pytest.approx(0, abs=0.03)
    assert any("differ in cpu" in warning for warning in found.warnings)


def test_the_more_the_floor_changed_the_more_must_the_ratio() -> None:
    def verdict(machine: float) -> str:
        return compare(run_of(1), run_of(2, machine=machine, slower=1.25)).differences[0].verdict

    assert [verdict(machine) for machine in (1.0, 1.2, 3.0, 1 / 3)] == [WORSE, WORSE, UNSURE, UNSURE]


def test_without_a_floor_the_times_themselves_count() -> None:
    runs = [run_of(seed, machine=machine) for seed, machine in ((1, 1.0), (2, 1.0), (3, 3.0))]
    for one in runs:
        del one["rows"][0]
    assert compare(runs[0], runs[1]).verdict == UNSURE
    found = compare(runs[0], runs[2])
    assert found.verdict == WORSE and found.differences[0].beside is None


def test_without_a_floor_a_busy_machine_is_not_trusted() -> None:
    runs = [run_of(1), run_of(2, slower=2.0)]
    for one in runs:
        del one["rows"][0]
    assert compare(*runs).verdict == WORSE
    runs[0]["warnings"] = ["the machine was busy before the run (load 4.00); others count in it"]
    assert compare(*runs).verdict == UNSURE


def test_calls_must_differ_by_more_than_the_floor_did() -> None:
    before, slower = mirror(seed=1, count=4000), mirror(seed=2, count=4000, slower=1.3)

    def verdict(floor: float) -> str:
        for summary in (slower["rows"][2]["summary"], *slower["rows"][2]["rounds"]):
            summary["p50"] = floor
        found = {(one.name, one.quantile): one for one in compare(before, slower).differences}
        return found["every call of tryon.stream", "p50"].verdict

    assert [verdict(floor) for floor in (1.2, 2.4)] == [WORSE, UNSURE]


def test_an_effect_that_does_not_matter_is_no_effect() -> None:
    before, after = run_of(1, rounds=60), run_of(2, rounds=60, slower=1.02)
    assert compare(before, after).verdict == UNSURE
    assert compare(before, after, smallest=0.0).differences[0].low > 0


def test_a_tail_that_the_machine_made_is_not_held_against_b() -> None:
    """Neighbours tripled every tail, the floor's by less than the echo's: only the latter's excess would be B's."""

    def tails(result: dict[str, Any], *, floor: float, echo: float) -> dict[str, Any]:
        for one, longer in zip(result["rows"], (floor, echo), strict=True):
            for summary in (one["summary"], *one["rounds"]):
                summary["p99"] *= longer
        return result

    def verdicts(other: dict[str, Any]) -> list[str]:
        return [one.verdict for one in compare(run_of(1), other).differences]

    assert verdicts(tails(run_of(2), floor=3.0, echo=5.0)) == [UNSURE, UNSURE]
    assert verdicts(tails(run_of(2), floor=1.0, echo=5 / 3)) == [UNSURE, WORSE]


def test_few_rounds_tell_nothing() -> None:
    found = compare(run_of(1, rounds=3), run_of(2, rounds=3, slower=2.0))
    assert found.differences == [] and found.verdict == UNSURE
    assert any("fewer than 4 rounds" in warning and "echo, 64 B" in warning for warning in found.warnings)


def test_every_call_is_compared_in_stretches_of_time() -> None:
    before, again = mirror(seed=1, count=4000), mirror(seed=2, count=4000)
    slower = mirror(seed=3, count=4000, slower=1.1)
    found = {(one.name, one.quantile): one for one in compare(before, slower).differences}
    calls = found["every call of tryon.stream", "p50"]
    assert calls.verdict == WORSE and calls.change == pytest.approx(0.1, abs=0.02)
    assert compare(before, again).verdict == UNSURE
    assert found["age", "p50"].beside == "null target: age" and found["age", "p50"].verdict == WORSE


def test_a_noisy_stretch_widens_the_interval() -> None:
    """A tenth of the run took three times as long, in one piece: drawn singly, its calls would look like many."""
    random = np.random.default_rng(5)
    calm = [random.gamma(30, 1 / 30, 100) for _ in range(40)]
    stormy = [3 * block if index < 4 else block for index, block in enumerate(calm)]
    shuffled = list(random.permutation(np.concatenate(stormy)).reshape(40, 100))
    in_a_piece, scattered = (
        bootstrap.of_blocks(calm, one, 0.9, random=np.random.default_rng(1)).interval(0.05)
        for one in (stormy, shuffled)
    )
    assert in_a_piece.high - in_a_piece.low > 1.5 * (scattered.high - scattered.low)


def test_more_a_second_is_better() -> None:
    runs = [run_of(1), run_of(2, slower=1.3)]
    for one in runs:
        for series in one["rows"]:
            series["unit"] = "frames/s"
    assert compare(*runs).verdict == BETTER


def test_the_floor_is_the_named_one_or_the_one_most_like_it() -> None:
    samples = np.linspace(1, 2, 200)
    rows = [row("raw echo, 64 B", samples, floor=True), row("raw echo, 1 MiB", 20 * samples, floor=True),
            row("copy 1 MiB", 2 * samples, floor=True), row("echo at a worker, 64 B", 3 * samples),
            row("1 MiB picture", 5 * samples), row("1 MiB, named", samples, beside="raw echo, 64 B")]  # fmt: skip
    result = typed(document(rows))
    floors = [floor_of(one, result, result) for one in result.rows[3:]]
    assert [floor and floor.name for floor in floors] == ["raw echo, 64 B", "copy 1 MiB", "raw echo, 64 B"]


def test_the_same_runs_give_the_same_answer() -> None:
    assert compare(run_of(1), run_of(2)).as_dict() == compare(run_of(1), run_of(2)).as_dict()


def test_intervals_cover_what_they_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 95 % intervals over rounds of equal runs, about 95 % hold zero, with few rounds too."""
    monkeypatch.setattr(bootstrap, "DRAWS", 1000)
    random = np.random.default_rng(7)
    for rounds in (5, 20):
        inside = 0
        for _ in range(200):
            a, b = np.exp(random.normal(0, 0.05, (2, rounds)))
            found = bootstrap.of_rounds(a, b, random=random).interval(0.05)
            inside += found.low <= 0 <= found.high
        assert 183 <= inside <= 200, rounds


@pytest.mark.parametrize(
    ("share", "freedom", "wanted"), [(0.975, 3, 3.182), (0.975, 10, 2.228), (0.995, 4, 4.604), (0.999, 19, 3.579)]
)
def test_the_t_quantile_is_the_tables(share: float, freedom: int, wanted: float) -> None:
    assert bootstrap.t_quantile(share, freedom) == pytest.approx(wanted, rel=0.005)


def test_runs_of_two_scenarios_are_not_compared() -> None:
    with pytest.raises(NotAResult, match="one scenario"):
        compare(run_of(1), {**run_of(1), "scenario": "other"})


def _saved(folder: Path, name: str, result: dict[str, Any]) -> str:
    path = folder / name
    path.write_text(json.dumps(result), encoding="utf-8")
    return str(path)


def test_a_files_words_do_not_reach_the_terminal_as_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [run_of(1), run_of(2)]
    for one in runs:
        one["rows"][1]["name"] = "\x1b[2Jecho [red]x"
    paths = [_saved(tmp_path, f"{index}.json", one) for index, one in enumerate(runs)]
    assert main(["compare", *paths]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told and "?[2Jecho [red]x" in told


def test_figures_that_nothing_can_have_are_left_out() -> None:
    before, after = run_of(1), run_of(2)
    before["rows"][0]["rounds"][3]["p50"] = 0.0
    after["rows"][1]["rounds"][0]["p99"] = 1e-300
    found = compare(before, after)
    assert [(one.quantile, one.beside) for one in found.differences] == [("p50", None)]


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, again = _saved(tmp_path, "a.json", run_of(1)), _saved(tmp_path, "b.json", run_of(2))
    slower, out = _saved(tmp_path, "c.json", run_of(3, slower=1.2)), tmp_path / "out.json"
    assert main(["compare", before, again, "--fail-if-worse"]) == 0
    assert "Cannot tell" in capsys.readouterr().out
    assert main(["compare", before, slower]) == 0
    assert "B is: worse" in capsys.readouterr().out
    assert main(["compare", before, slower, "--fail-if-worse", "--json", str(out)]) == 4
    assert json.loads(out.read_text(encoding="utf-8"))["verdict"] == WORSE
    assert main(["compare", slower, before, "--fail-if-worse"]) == 0
    assert main(["compare", before, slower, "--fail-if-worse", "--smallest", "60"]) == 0
    bad = tmp_path / "bad.json"
    bad.write_text("{}", encoding="utf-8")
    assert main(["compare", before, str(bad)]) == 1
    assert "not a result of schema 1" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["compare", before, slower, "--smallest", "lots"])
    assert stopped.value.code == 2
