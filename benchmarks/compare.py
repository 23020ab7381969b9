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
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .bootstrap import Drawn
from .reports.source import NotAResult, Result, printable, read, typed
from .subjects import Subject, busy, subjects
from .thresholds import CROSSED

WORSE, BETTER, UNSURE = "worse", "better", "cannot tell"
SMALLEST = 0.03
DOUBT = 0.05  # of the interval that is shown
ALARM = 0.01  # of a wrong verdict anywhere in the table
SEED = 20_260
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
                safe(one.name), one.quantile, f"{one.a:.4g}", f"{one.b:.4g}", safe(one.unit), percent(one.change),
                f"{percent(one.low)} to {percent(one.high)}", safe(one.beside or "none"),
                f"[{colours[one.verdict]}]{one.verdict}[/]",
            )  # fmt: skip
        if self.differences:
            console.print(table)
        for warning in self.warnings:
            console.print(f"[yellow]![/yellow] {safe(warning)}", highlight=False)
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
    chosen = subjects(one, other, found.warnings)
    random = np.random.default_rng(seed)
    for subject in chosen:
        found.differences.append(judged(subject, subject.draw(random), ALARM / len(chosen), smallest))
    return found


def judged(subject: Subject, drawn: Drawn, alarm: float, smallest: float) -> Difference:
    """The verdict on one figure; `alarm`: the chance of a wrong one that is taken."""
    up, down = (BETTER, WORSE) if MORE_IS_BETTER.search(subject.unit) else (WORSE, BETTER)
    sure, shown = drawn.interval(alarm), asdict(drawn.interval(DOUBT))
    matters = max(smallest, subject.noise)
    verdict = up if sure.low > matters else down if sure.high < -matters else UNSURE
    return Difference(
        subject.name, subject.quantile, subject.unit, subject.a, subject.b, subject.beside, **shown,
        noise=subject.noise, verdict=verdict if subject.known else UNSURE,
    )  # fmt: skip


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
        if busy(result):
            yield f"{side} was measured on a busy machine"


def _at(tree: Any, name: str) -> Any:
    for key in name.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def safe(text: str) -> str:
    """Text of a file for rich's console."""
    return escape(printable(text))


def percent(share: float) -> str:
    """A relative difference with its sign."""
    return f"{100 * share:+.1f} %"
