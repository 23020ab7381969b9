"""Quantiles, rounds and verdicts, on series whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.stats import Summary, instability, over_rounds, paired_ratio, slope, summarise


def test_quantiles_are_samples_that_so_many_reach() -> None:
    found = summarise(np.random.default_rng(3).permutation(np.arange(1, 1001)))
    assert (found.count, found.p50, found.p90, found.p95, found.p99, found.max) == (1000, 500, 900, 950, 990, 1000)
    assert found.mean == pytest.approx(500.5)


def test_one_slow_request_in_fifty_shows_in_p99_and_not_in_p95() -> None:
    found = summarise([1.0] * 98 + [100.0] * 2)
    assert (found.p95, found.p99, found.max) == (1.0, 100.0, 100.0)


@pytest.mark.parametrize("samples", [[], [1.0, float("nan")], [float("inf")]])
def test_what_is_no_measurement_is_refused(samples: list[float]) -> None:
    with pytest.raises(ValueError):
        summarise(samples)


def _round(p50: float, count: int = 1000) -> Summary:
    return Summary(count=count, mean=p50, p50=p50, p90=p50, p95=p50, p99=2 * p50, max=3 * p50)


def test_rounds_give_medians_and_the_largest_maximum() -> None:
    found = over_rounds([_round(1.0), _round(9.0), _round(2.0)])
    assert (found.p50, found.p99, found.max, found.count) == (2.0, 4.0, 27.0, 3000)


def test_a_ratio_of_pairs_does_not_see_the_machine_slow_down() -> None:
    floors = [_round(1.0), _round(2.0), _round(4.0)]
    assert paired_ratio([_round(1.5), _round(3.0), _round(6.0)], floors) == pytest.approx(1.5)
    with pytest.raises(ValueError):
        paired_ratio([_round(1.0)], floors)


def test_calm_rounds_are_trusted_and_wild_ones_are_not() -> None:
    assert instability("x", [_round(1.0), _round(1.02), _round(0.99)]) == []
    assert "spread" in instability("x", [_round(1.0), _round(1.5), _round(2.0)])[0]
    assert "only 2" in instability("x", [_round(1.0), _round(1.0)])[0]
    assert "p99 rests on about 3" in instability("x", [_round(1.0, count=100)] * 3)[0]


def test_a_slope_survives_a_spike() -> None:
    times = np.arange(60.0)
    values = 100 + 0.5 * times
    values[30] = 10_000
    assert slope(times, values) == pytest.approx(0.5, abs=0.01)
    assert slope(times, np.full(60, 7.0)) == 0.0
    with pytest.raises(ValueError):
        slope([1.0, 1.0], [1.0, 2.0])
