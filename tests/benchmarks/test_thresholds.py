"""`--fail-if`: what it understands, what it judges, and what it says when it does not know a name."""

from __future__ import annotations

import argparse

import pytest
from made_results import mirror

from benchmarks.thresholds import CROSSED, BadThreshold, Threshold, exit_code, figures, judge, parse, quantile, slug


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("p99_age_ms>30", Threshold("p99_age_ms", ">", 30.0)),
        (" P99.9_age_ms >= 1e2 ", Threshold("p99.9_age_ms", ">=", 100.0)),
        ("goodput_a_second<-1", Threshold("goodput_a_second", "<", -1.0)),
        ("a<=.5", Threshold("a", "<=", 0.5)),
        ("a==0", Threshold("a", "==", 0.0)),
    ],
)
def test_forms(text: str, wanted: Threshold) -> None:
    assert parse(text) == wanted


@pytest.mark.parametrize("text", ["", "p99", "p99>", ">3", "a=3", "a!=3", "a>b", "a>nan", "a>inf", "a b>3", "a>1 b>2"])
def test_what_is_no_threshold_says_how_one_looks(text: str) -> None:
    with pytest.raises(BadThreshold, match="p99_age_ms>30"):
        parse(text)


def test_argparse_shows_the_reason_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fail-if", type=parse, action="append")
    assert len(parser.parse_args(["--fail-if", "a>1", "--fail-if", "b<2"]).fail_if) == 2
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["--fail-if", "nonsense"])
    assert stopped.value.code == 2 and "write a name, one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("comparison", "crossed"), [("<", False), ("<=", True), ("==", True), (">=", True), (">", False)]
)
def test_the_condition_is_what_must_not_be(comparison: str, crossed: bool) -> None:
    result = mirror(count=200)
    p99 = result["rows"][0]["summary"]["p99"]
    (verdict,) = judge(result, [Threshold("p99_age_ms", comparison, p99)])
    assert verdict.measured == p99 and verdict.crossed is crossed
    assert exit_code([verdict]) == (CROSSED if crossed else 0)
    assert verdict.as_dict()["crossed"] is crossed and str(verdict).startswith("CROSSED" if crossed else "kept")


def test_rows_values_and_checks_have_names() -> None:
    result = mirror(count=200)
    known = figures(result)
    summary = result["rows"][0]["summary"]
    for key in ("p50", "p90", "p95", "p99", "p99.9", "max", "mean", "count"):
        assert known[f"{key}_age_ms"] == summary[key]
    assert known["answered_a_second"] == result["values"]["answered a second"]
    assert known["late_answers_percent"] == 12.5 and known["connections_lost"] == 0.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadThreshold, match=r"did you mean p99_age_ms(?s:.*)known: (?s:.*)answered_a_second"):
        judge(mirror(count=200), [parse("p99_agee_ms>30")])


def test_a_name_that_fits_two_figures_is_not_guessed() -> None:
    result = mirror(count=200)
    result["values"] |= {"a b": 1.0, "a  b": 2.0, "c d": 3.0, "c  d": 3.0}
    with pytest.raises(BadThreshold, match="two figures"):
        judge(result, [parse("a_b>1")])
    assert judge(result, [parse("c_d>3")])[0].measured == 3.0


def test_one_crossed_of_many_decides() -> None:
    verdicts = judge(mirror(count=200), [parse("p99_age_ms>1000"), parse("max_age_ms>1"), parse("p50_age_ms<0")])
    assert [verdict.crossed for verdict in verdicts] == [False, True, False] and exit_code(verdicts) == 4
    assert exit_code([]) == 0


def test_spellings_of_quantiles_and_names() -> None:
    assert [quantile(key) for key in ("p99.9", "p99_9", "p999", "p99", "p9999", "max")] == [
        "p99.9", "p99.9", "p99.9", "p99", "p99.99", "max"
    ]  # fmt: skip
    assert slug("  growth, MiB a minute ") == "growth_mib_a_minute"
