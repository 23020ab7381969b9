"""What two results can be compared in: rows with enough rounds, each beside its floor, and all calls of an op."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from . import bootstrap
from .bootstrap import Drawn, Floats
from .reports.source import Calls, Result, Row

LEAST_ROUNDS = 4  # with three and three, even a doubled time can be chance: 1 in 10
LEAST_CALLS = 200
BLOCKS = 40
# A neighbour on one of two cores made the floor 1.5x as slow and the gateway's ratio to it 0.89x as large.
NOT_CANCELLED = 0.25
NOTHING = 1e-9  # no time, no rate is that small
QUANTILES = {"p50": 0.5, "p99": 0.99}


@dataclass(frozen=True)
class Subject:
    """A figure of both runs.

    `draw` draws its difference from rounds, or from blocks of calls; `noise`: the share by which the machine may have
    changed it; `known` is false where nobody can tell what the machine did.
    """

    name: str
    quantile: str
    unit: str
    a: float
    b: float
    beside: str | None
    noise: float
    known: bool
    draw: Callable[[np.random.Generator], Drawn]


def subjects(one: Result, other: Result, warnings: list[str]) -> list[Subject]:
    """Everything that both can be compared in; adds to `warnings` what had to be left out."""
    machine = _Machine(one, other)
    found = [*_rows(one, other, machine, warnings), *_calls(one, other, machine)]
    if not found:
        warnings.append(f"nothing to compare: no row has {LEAST_ROUNDS} rounds, no op {LEAST_CALLS} calls")
    return found


def busy(result: Result) -> bool:
    """Whether it says that others had the machine too."""
    return any("busy" in warning for warning in result.warnings)


class _Machine:
    """What a figure without a floor of its own must reckon with."""

    def __init__(self, one: Result, other: Result) -> None:
        theirs = {row.name: row for row in other.rows if row.floor and row.summary["p50"] > 0}
        floors = [(row, theirs[row.name]) for row in one.rows if row.floor and row.name in theirs]
        changes = [_apart(a.summary["p50"], b.summary["p50"]) for a, b in floors if a.summary["p50"] > 0]
        self.noise = max(changes, default=0.0)
        self.known = bool(changes) or not any(busy(result) for result in (one, other))


def _rows(one: Result, other: Result, machine: _Machine, warnings: list[str]) -> Iterator[Subject]:
    """Rows of both with enough rounds, each beside a floor that ran in the same rounds."""
    theirs = {row.name: row for row in other.rows}
    short = []
    for row in one.rows:
        if row.floor or (again := theirs.get(row.name)) is None or again.unit != row.unit:
            continue
        if min(len(row.rounds), len(again.rounds)) < LEAST_ROUNDS:
            short.append(row.name.strip())
            continue
        floor = floor_of(row, one, other)
        beside = next((found for found in other.rows if floor and found.name == floor.name), None)
        yield from _of_rounds((row, again), (floor, beside) if floor and beside else None, machine)
    if short:
        warnings.append(f"not judged, fewer than {LEAST_ROUNDS} rounds in one of the runs: {', '.join(short)}")


def _of_rounds(
    rows: tuple[Row, Row], floors: tuple[Row, Row] | None, machine: _Machine
) -> Iterator[Subject]:
    paired = floors and all(len(row.rounds) == len(floor.rounds) for row, floor in zip(rows, floors, strict=True))
    for quantile in QUANTILES:
        a, b = (_figures(row, quantile) for row in rows)
        # Before and after a run there are too few rounds of a floor for a tail: its median tells the machine's speed.
        under = tuple(_figures(floor, quantile if paired else "p50") for floor in floors) if floors else ()
        if not all((figures > NOTHING).all() for figures in (a, b, *under)):
            continue
        if paired:
            draw = _drawing(a / under[0], b / under[1], None)
        else:
            draw = _drawing(a, b, (under[0], under[1]) if under else None)
        shown = [row.summary.get(quantile, 0.0) for row in rows]
        beside, noise = (floors[0].name, _noise(*floors, quantile)) if floors else (None, machine.noise)
        known = floors is not None or machine.known
        yield Subject(rows[0].name.strip(), quantile, rows[0].unit, shown[0], shown[1], beside, noise, known, draw)


def _noise(one: Row, other: Row, quantile: str) -> float:
    """What the machine may have done to a ratio: a part of the floor's change, and all of the change of its tail."""
    middles = [float(np.median(_figures(floor, "p50"))) for floor in (one, other)]
    tails = [float(np.median(_figures(floor, quantile) / _figures(floor, "p50"))) for floor in (one, other)]
    return max(NOT_CANCELLED * _apart(*middles), _apart(*tails))


def _apart(one: float, other: float) -> float:
    """By which share the larger is larger."""
    low, high = sorted((one, other))
    return high / low - 1 if low > 0 else 0.0


def _drawing(
    a: Floats, b: Floats, floors: tuple[Floats, Floats] | None
) -> Callable[[np.random.Generator], Drawn]:
    return lambda random: bootstrap.of_rounds(a, b, random=random, floors=floors)


def floor_of(row: Row, one: Result, other: Result) -> Row | None:
    """The floor to compare a row with: the one it names, else the one of both runs with the most words in common with
    its name, and of those the nearest in time."""
    theirs = {found.name for found in other.rows if _usable(found, row.unit)}
    floors = [found for found in one.rows if _usable(found, row.unit) and found.name in theirs]
    named = [found for found in floors if found.name == row.beside]
    words = _words(row)

    def nearness(floor: Row) -> tuple[int, float]:
        return len(words & _words(floor)), -abs(np.log(floor.summary["p50"] / max(row.summary["p50"], 1e-9)))

    return max(named or floors, key=nearness, default=None)


def _usable(row: Row, unit: str) -> bool:
    middles = [row.summary["p50"], *(one["p50"] for one in row.rounds)]
    return row.floor and row.unit == unit and min(middles) > NOTHING and len(row.rounds) > 1


def _words(row: Row) -> set[str]:
    return set(re.findall(r"\w+", row.name.lower()))


def _figures(row: Row, quantile: str) -> Floats:
    return np.array([one.get(quantile, 0.0) for one in row.rounds])


def _calls(one: Result, other: Result, machine: _Machine) -> Iterator[Subject]:
    """The latency of every op with enough answered calls in both."""
    if one.calls is None or other.calls is None:
        return
    theirs = _by_op(other.calls)
    for op, blocks in _by_op(one.calls).items():
        if op not in theirs:
            continue
        for name, quantile in QUANTILES.items():
            a, b = (float(np.quantile(np.concatenate(found), quantile)) for found in (blocks, theirs[op]))
            draw = _drawing_blocks(blocks, theirs[op], quantile)
            yield Subject(f"every call of {op}", name, "ms", a, b, None, machine.noise, machine.known, draw)


def _drawing_blocks(a: list[Floats], b: list[Floats], quantile: float) -> Callable[[np.random.Generator], Drawn]:
    return lambda random: bootstrap.of_blocks(a, b, quantile, random=random)


def _by_op(calls: Calls) -> dict[str, list[Floats]]:
    """Positive latencies of the answered calls of each op, in order of time, in blocks."""
    latency, answered = calls.latency(), calls.answered()
    order = np.argsort(np.array(calls.t_ms), kind="stable")
    ops = np.array(calls.op)
    found = {}
    for op in dict.fromkeys(calls.op):
        chosen = order[(answered & (ops == op) & (latency > 0))[order]]
        if chosen.size >= LEAST_CALLS:
            found[op] = list(np.array_split(latency[chosen], BLOCKS))
    return found
