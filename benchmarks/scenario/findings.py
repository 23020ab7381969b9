"""What made slow calls slow: which stage took longer than it usually does, in which calls, and whether it repeats."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .record import OK, Calls
from .spec import STAGES

LEAST_EXCESS_MS = 2.0
LEAST_SHARE = 0.1  # of the median latency: less than that is not what made a call slow
SPREADS = 8.0
MOST_SHARE = 0.1  # what happens more often is how the stage is, not what goes wrong in it
FEWEST_REPEATS = 4
SHORTEST_PERIOD = 5
REGULAR = 0.8
ALIKE = 0.5
SILENCE_MS = 100.0
LISTED = 50
SHOWN = 4
MOST = 8


@dataclass(frozen=True)
class Finding:
    """`count` calls whose `stage` took `excess_ms` (median) longer than usual; `every` so many, if they repeat."""

    stream: str
    stage: str
    count: int
    excess_ms: float
    numbers: list[int]
    every: int | None
    total_ms: float
    text: str

    def as_dict(self) -> dict[str, Any]:
        """For `details.findings`."""
        return {
            "stream": self.stream, "stage": self.stage, "count": self.count, "excess_ms": round(self.excess_ms, 3),
            "numbers": self.numbers[:LISTED], "every": self.every, "text": self.text,
        }  # fmt: skip


def findings(calls: Calls) -> list[Finding]:
    """The largest first, by what they cost in all."""
    found: list[Finding] = []
    for number, name in enumerate(calls.names):
        rows = np.flatnonzero(calls.of([number]) & calls.is_outcome(OK))
        if len(rows) < 2 * FEWEST_REPEATS:
            continue
        found += [one for stage in STAGES if (one := _of_stage(calls, name, stage, rows)) is not None]
        found += _silence(calls, name, number, rows)
    return sorted(found, key=lambda one: -one.total_ms)[:MOST]


def _of_stage(calls: Calls, name: str, stage: str, rows: NDArray[np.int64]) -> Finding | None:
    taken = calls.stages[stage][rows]
    usual, high = np.quantile(taken, (0.5, 0.9))
    excess = taken - usual
    worth_ms = LEAST_SHARE * float(np.median(calls.latency_ms[rows]))
    chosen = excess > max(LEAST_EXCESS_MS, worth_ms, SPREADS * (high - usual))
    if chosen.any():  # what is far smaller than the rest is another matter, and would hide how the rest repeats
        chosen &= excess >= ALIKE * np.median(excess[chosen])
    count = int(np.count_nonzero(chosen))
    if not count or count > MOST_SHARE * len(rows):
        return None
    numbers = sorted(calls.n[rows][chosen].tolist())
    every = period(numbers)
    typical = float(np.median(excess[chosen]))
    what = "frame" if calls.ops[calls.stream[rows[0]]] == "tryon.stream" else "call"
    listed = ", ".join(map(str, numbers[:SHOWN])) + (", ..." if count > SHOWN else "")
    often = f", every {every}th" if every else ", not regularly" if count > 1 else ""
    many = f"{count} {what}s" if count > 1 else f"one {what}"
    text = f"{name}: {stage} took {typical:.1f} ms longer than usual in {many}{often} (n = {listed})"
    return Finding(name, stage, count, typical, numbers, every, float(excess[chosen].sum()), text)


def period(numbers: list[int]) -> int | None:
    """The step between numbers most of which lie on one comb; None when they do not, or are too few."""
    if len(numbers) < FEWEST_REPEATS:
        return None
    for step, _ in Counter(np.diff(numbers).tolist()).most_common(3):
        if step < SHORTEST_PERIOD:
            continue
        _, on_comb = Counter(number % step for number in numbers).most_common(1)[0]
        teeth = (numbers[-1] - numbers[0]) // step + 1
        if on_comb >= max(FEWEST_REPEATS, REGULAR * len(numbers)) and on_comb >= teeth / 2:
            return int(step)
    return None


def _silence(calls: Calls, name: str, number: int, rows: NDArray[np.int64]) -> list[Finding]:
    """The longest time in which a stream had an answer outstanding and none came, if it stands out."""
    ended = calls.t_ms[rows] + calls.latency_ms[rows]
    order = np.argsort(ended, kind="stable")
    arrived, sent = ended[order], calls.t_ms[rows][order]
    outstanding = np.minimum.accumulate(sent[::-1])[::-1]  # the oldest of those that were answered from here on
    begins = np.maximum(arrived[:-1], outstanding[1:])
    gaps = arrived[1:] - begins
    longest = int(np.argmax(gaps))
    gap_ms, from_ms = float(gaps[longest]), float(begins[longest])
    of_stream = calls.of([number])
    due = of_stream & (calls.t_ms >= from_ms) & (calls.t_ms < from_ms + gap_ms)
    numbers = sorted(calls.n[due].tolist())
    if gap_ms < max(SILENCE_MS, 10 * float(np.median(gaps))) or len(numbers) < 2:
        return []
    text = (
        f"{name}: no answer came for {gap_ms:,.0f} ms from {from_ms / 1000:.2f} s on; "
        f"{len(numbers)} were due meanwhile (n = {numbers[0]} to {numbers[-1]})"
    )
    return [Finding(name, "no answer", len(numbers), gap_ms, numbers, None, gap_ms * len(numbers) / 2, text)]
