"""Compares two results: is B better or worse than A, or can these runs not tell?

    python -m benchmarks compare A.json B.json --fail-if-worse

Machines are noisy, so what is compared is the ratio to the floor of the same round wherever the run has one. Each row
shows a 95 % interval of its difference. It is worse (or better) when the difference lies beyond the smallest effect
that matters with 99 % confidence for all rows together, as one false alarm in twenty rows would be one in every
comparison. What the machine may have done is not held against B: where the floor itself changed from A to B, the
difference must be more than a quarter of that, and a tail's more than all that the floor's tail changed by. A figure
without a floor of its own must differ by more than every floor did, and where a busy machine was measured without any
floor it is not judged. Everything else is "cannot tell", and the interval says how far off B may be.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import bootstrap
from .bootstrap import Drawn, Floats
from .reports.source import Calls, NotAResult, Result, Row, read, typed
from .thresholds import CROSSED

WORSE, BETTER, UNSURE = "worse", "better", "cannot tell"
SMALLEST = 0.03
DOUBT = 0.05  # of the interval that is shown
ALARM = 0.01  # of a wrong verdict anywhere in the table
SEED = 20_260
LEAST_ROUNDS = 4  # with three and three, even a doubled time can be chance: 1 in 10
LEAST_CALLS = 200
BLOCKS = 40
# A neighbour on one of two cores made the floor 1.5x as slow and the gateway's ratio to it 0.89x as large.
NOT_CANCELLED = 0.25
QUANTILES = {"p50": 0.5, "p99": 0.99}
MORE_IS_BETTER = re.compile(r"(/s|/ s|fps|a second|per second)$")
MACHINE = ("cpu", "cores", "memory_bytes", "system", "python", "server.providers")


@dataclass(frozen=True)
class Difference:
    """One figure of both runs. `a`, `b`: in the row's unit; `change`, `low`, `high`: B / A - 1, of the ratios to the
    floor `beside` where there is one; `noise`: what the machine may have done, from the floor's own change."""

    name: str
    quantile: str
    unit: str
    a: float
    b: float
    beside: str | None
    change: float
    low: float
    high: float
    noise: float
    verdict: str


@dataclass
class Comparison:
    """What two runs say about each other."""

    differences: list[Difference] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    smallest: float = SMALLEST
    fails: bool = False

    @property
    def verdict(self) -> str:
        """Worse if anything is; better if something is and nothing is worse."""
        found = {one.verdict for one in self.differences}
        return WORSE if WORSE in found else BETTER if BETTER in found else UNSURE

    def as_dict(self) -> dict[str, Any]:
        """The JSON document."""
        rows = [asdict(one) for one in self.differences]
        return {"schema": 1, "verdict": self.verdict, "smallest_effect": self.smallest, "confidence": 1 - DOUBT,
                "differences": rows, "warnings": self.warnings}  # fmt: skip

    def write(self, path: Path) -> None:
        """Writes the JSON document. Raises `OSError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8")

    def exit_code(self, *, judged: bool) -> int:
        """0, or 4 when B is worse and that was asked to count."""
        return CROSSED if (self.fails or judged) and self.verdict == WORSE else 0

    def show(self, console: Console) -> None:
        """Prints the table and the verdict."""
        title = f"B against A (95 % intervals; less than {self.smallest:.0%} does not matter)"
        table = Table("series", "", "A", "B", "unit", "change", "interval", "beside the floor", "verdict", title=title)
        colours = {WORSE: "red", BETTER: "green", UNSURE: "dim"}
        for one in self.differences:
            table.add_row(
                escape(one.name), one.quantile, f"{one.a:.4g}", f"{one.b:.4g}", escape(one.unit), percent(one.change),
                f"{percent(one.low)} to {percent(one.high)}", escape(one.beside or "none"),
                f"[{colours[one.verdict]}]{one.verdict}[/]",
            )  # fmt: skip
        if self.differences:
            console.print(table)
        for warning in self.warnings:
            console.print(f"[yellow]![/yellow] {escape(warning)}", highlight=False)
        console.print(f"B is: [bold]{self.verdict}[/bold]" if self.verdict != UNSURE else "[bold]Cannot tell[/bold]")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("a", type=Path, metavar="A.json", help="the result to compare with")
    parser.add_argument("b", type=Path, metavar="B.json", help="the result that is judged")
    parser.add_argument("--fail-if-worse", action="store_true", help="exit with 4 when B is worse (so does --check)")
    parser.add_argument(
        "--smallest", type=_share, default=SMALLEST, metavar="PERCENT", help="smallest effect that matters (default 3)"
    )


def _share(text: str) -> float:
    try:
        value = float(text) / 100
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 100 percent")
    return value


def run(options: argparse.Namespace) -> Comparison:
    """Reads both files. Raises `NotAResult` or `OSError`."""
    found = compare(read(options.a), read(options.b), smallest=options.smallest)
    found.fails = options.fail_if_worse
    return found


def compare(a: Mapping[str, Any], b: Mapping[str, Any], *, smallest: float = SMALLEST, seed: int = SEED) -> Comparison:
    """Everything that both results can be compared in. Raises `NotAResult`."""
    one, other = typed(a, "A"), typed(b, "B")
    if one.scenario != other.scenario:
        raise NotAResult(f"A is of scenario {one.scenario!r} and B of {other.scenario!r}; compare runs of one scenario")
    found = Comparison(warnings=list(_differing(one, other)), smallest=smallest)
    machine = _Machine(one, other)
    subjects = [*_rows(one, other, machine, found.warnings), *_calls(one, other, machine)]
    if not subjects:
        found.warnings.append(f"nothing to compare: no row has {LEAST_ROUNDS} rounds, no op {LEAST_CALLS} calls")
    random = np.random.default_rng(seed)
    for subject in subjects:
        found.differences.append(subject.judged(subject.draw(random), ALARM / len(subjects), smallest))
    return found


class _Machine:
    """What a figure without a floor of its own must reckon with."""

    def __init__(self, one: Result, other: Result) -> None:
        theirs = {row.name: row for row in other.rows if row.floor and row.summary["p50"] > 0}
        floors = [(row, theirs[row.name]) for row in one.rows if row.floor and row.name in theirs]
        changes = [_apart(a.summary["p50"], b.summary["p50"]) for a, b in floors if a.summary["p50"] > 0]
        self.noise = max(changes, default=0.0)
        self.known = bool(changes) or not any(_busy(result) for result in (one, other))


@dataclass(frozen=True)
class _Subject:
    """A figure; `draw` draws its difference from rounds, or from blocks of calls."""

    name: str
    quantile: str
    unit: str
    a: float
    b: float
    beside: str | None
    noise: float
    known: bool
    draw: Callable[[np.random.Generator], Drawn]

    def judged(self, drawn: Drawn, alarm: float, smallest: float) -> Difference:
        up, down = (BETTER, WORSE) if MORE_IS_BETTER.search(self.unit) else (WORSE, BETTER)
        sure = drawn.interval(alarm)
        matters = max(smallest, self.noise)
        verdict = up if sure.low > matters else down if sure.high < -matters else UNSURE
        verdict = verdict if self.known else UNSURE
        shown = asdict(drawn.interval(DOUBT))
        return Difference(
            self.name, self.quantile, self.unit, self.a, self.b, self.beside, **shown, noise=self.noise, verdict=verdict
        )


def _rows(one: Result, other: Result, machine: _Machine, warnings: list[str]) -> Iterator[_Subject]:
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
) -> Iterator[_Subject]:
    paired = floors and all(len(row.rounds) == len(floor.rounds) for row, floor in zip(rows, floors, strict=True))
    for quantile in QUANTILES:
        a, b = (_figures(row, quantile) for row in rows)
        # Before and after a run there are too few rounds of a floor for a tail: its median tells the machine's speed.
        under = tuple(_figures(floor, quantile if paired else "p50") for floor in floors) if floors else ()
        if not all((figures > 0).all() for figures in (a, b, *under)):
            continue
        if paired:
            draw = _drawing(a / under[0], b / under[1], None)
        else:
            draw = _drawing(a, b, (under[0], under[1]) if under else None)
        shown = [row.summary.get(quantile, 0.0) for row in rows]
        beside, noise = (floors[0].name, _noise(*floors, quantile)) if floors else (None, machine.noise)
        known = floors is not None or machine.known
        yield _Subject(rows[0].name.strip(), quantile, rows[0].unit, shown[0], shown[1], beside, noise, known, draw)


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
    return row.floor and row.unit == unit and row.summary["p50"] > 0 and len(row.rounds) > 1


def _words(row: Row) -> set[str]:
    return set(re.findall(r"\w+", row.name.lower()))


def _figures(row: Row, quantile: str) -> Floats:
    return np.array([one.get(quantile, 0.0) for one in row.rounds])


def _calls(one: Result, other: Result, machine: _Machine) -> Iterator[_Subject]:
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
            yield _Subject(f"every call of {op}", name, "ms", a, b, None, machine.noise, machine.known, draw)


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


def _differing(one: Result, other: Result) -> Iterator[str]:
    """What about the runs makes their comparison doubtful."""
    for name in MACHINE:
        a, b = _at(one.environment, name), _at(other.environment, name)
        if a != b:
            yield f"the runs differ in {name}: {a} and {b}; only ratios to a floor may be compared"
    for name in sorted(one.options.keys() | other.options.keys()):
        if one.options.get(name) != other.options.get(name):
            yield f"the runs differ in the option {name}: {one.options.get(name)} and {other.options.get(name)}"
    for side, result in (("A", one), ("B", other)):
        if _busy(result):
            yield f"{side} was measured on a busy machine"


def _busy(result: Result) -> bool:
    return any("busy" in warning for warning in result.warnings)


def _at(tree: Any, name: str) -> Any:
    for key in name.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def percent(share: float) -> str:
    """A relative difference with its sign."""
    return f"{100 * share:+.1f} %"
