"""Arrivals are decided beforehand, and a stall counts for every request that it delayed."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from benchmarks.arrivals import poisson, steady
from benchmarks.driver import Case, back_to_back, open_loop, rounds, scheduled


def test_steady_arrivals_are_evenly_spaced() -> None:
    assert steady(90.0, 4) == pytest.approx([0, 1 / 90, 2 / 90, 3 / 90])


def test_poisson_arrivals_have_the_rate_and_the_spread_of_exponential_gaps() -> None:
    times = poisson(100.0, 20_000, random=np.random.default_rng(5))
    gaps = np.diff(times)
    assert times[0] == 0 and (gaps >= 0).all()
    assert gaps.mean() == pytest.approx(0.01, rel=0.03)
    assert gaps.std() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(("rate", "count"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (10.0, 0)])
def test_impossible_arrivals_are_refused(rate: float, count: int) -> None:
    with pytest.raises(ValueError):
        steady(rate, count)


def test_a_stall_is_charged_to_all_that_it_delayed() -> None:
    """A server that stops for 100 ms once: about ten requests at 100 Hz are late, not one (coordinated omission)."""
    count = 0

    async def stalls_once() -> None:
        nonlocal count
        count += 1
        if count == 5:
            time.sleep(0.1)

    found = asyncio.run(open_loop(stalls_once, steady(100.0, 40)))
    late = found[found > 10]
    assert 7 <= len(late) <= 13
    assert late.max() == pytest.approx(100, abs=30)


def test_slow_answers_do_not_delay_the_next_request() -> None:
    async def slow() -> None:
        await asyncio.sleep(0.05)

    start = time.perf_counter()
    found = asyncio.run(open_loop(slow, steady(200.0, 40)))
    assert time.perf_counter() - start < 1.0  # one after the other would take two seconds
    assert np.median(found) == pytest.approx(50, abs=20)


def test_what_a_request_raises_comes_out() -> None:
    async def broken() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        asyncio.run(open_loop(broken, steady(100.0, 5)))


def test_back_to_back_leaves_no_gap_uncounted() -> None:
    async def brief() -> None:
        await asyncio.sleep(0.005)

    found = asyncio.run(back_to_back(brief, 0.2))
    assert found.sum() == pytest.approx(200, abs=30)


def test_rounds_are_interleaved_and_start_with_another_case_each_time() -> None:
    order: list[str] = []

    async def nothing() -> None:
        return None

    cases = [Case("a", nothing, 2000.0), Case("b", nothing, 2000.0), Case("c", nothing, 2000.0)]
    measured = asyncio.run(
        rounds(cases, scheduled(steady), count=3, seconds=0.02, warm_up_s=0.01, told=order.append)
    )
    assert [text[-1] for text in order] == list("abcbcacab")
    assert {name: len(found) for name, found in measured.items()} == {"a": 3, "b": 3, "c": 3}
