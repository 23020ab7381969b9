"""How long candidates take on this machine: run in turns, so that what else the machine does meets all of them
alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 30
LEAST_ROUNDS = 5
BUDGET_S = 20.0
_WARM = 2


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of one run, and the median over the rounds of the baseline's time divided by this one's."""

    p50_ms: float
    speedup: float
    rounds: int


def in_turns(
    runs: Mapping[str, Callable[[], object]],
    *,
    baseline: str,
    rounds: int = ROUNDS,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Times each call once a round, the order turned by one from round to round, until the rounds or the budget is
    used.

    At least five rounds are run. Two runs of each come before, uncounted.
    """
    names = list(runs)
    for name in names:
        for _ in range(_WARM):
            runs[name]()
    spent: dict[str, list[float]] = {name: [] for name in names}
    start = clock()
    for index in range(rounds):
        if index >= LEAST_ROUNDS and clock() - start > budget_s:
            break
        turn = index % len(names)
        for name in names[turn:] + names[:turn]:
            began = clock()
            runs[name]()
            spent[name].append(clock() - began)
    return {name: _timing(spent[name], spent[baseline]) for name in names}


def _timing(spent: list[float], baseline: list[float]) -> Timing:
    ratios = [base / own for base, own in zip(baseline, spent, strict=True) if own > 0]
    return Timing(1000 * statistics.median(spent), statistics.median(ratios) if ratios else 1.0, len(spent))
