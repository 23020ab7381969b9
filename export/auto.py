"""Which candidate of a graph is kept: the fastest on this machine among those that pass their gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .accuracy import Comparison
from .candidates import Candidate
from .errors import PrecisionError
from .recipe import Accuracy

# Two times that are this close are one time; then the smaller file is the better one.
NOISE = 0.03


@dataclass
class Row:
    """One candidate of one graph: what was measured of it. `problem` says why it was not made or does not pass."""

    graph: str
    candidate: Candidate
    file: Path | None = None
    bytes: int = 0
    comparison: Comparison | None = None
    gate: Accuracy | None = None
    passed: bool = False
    problem: str = ""
    p50_ms: float | None = None
    speedup: float | None = None
    chosen: bool = False

    @property
    def value(self) -> float | None:
        """What its gate looks at."""
        return (
            self.comparison.worst(self.gate.metric) if self.comparison is not None and self.gate is not None else None
        )


def choose(rows: Sequence[Row], precision: str) -> list[Row]:
    """The rows that are kept, one for each graph, marked as chosen. `precision` is `auto` or the one that was asked
    for.

    A graph that does not pass in the asked-for precision stays in fp32 (decoders of pictures overflow in half, some
    graphs have nothing to round), but one at least must pass. Raises `PrecisionError` with what each candidate missed.
    """
    kept: list[Row] = []
    for graph in dict.fromkeys(row.graph for row in rows):
        own = [row for row in rows if row.graph == graph]
        asked = [row for row in own if row.passed and precision in ("auto", row.candidate.precision)]
        full = [row for row in own if row.candidate.method == "none"]
        kept.append(_best(asked or full))
    if precision != "auto" and not any(row.candidate.precision == precision for row in kept):
        tried = [row for row in rows if row.candidate.precision == precision]
        missed = "; ".join(f"{row.graph} {row.candidate.name}: {row.problem}" for row in tried)
        raise PrecisionError(f"Nothing passes its gate in {precision} ({missed}). Try --precision auto.")
    for row in kept:
        row.chosen = True
    return kept


def _best(passing: Sequence[Row]) -> Row:
    fastest = max(row.speedup or 0.0 for row in passing)
    return min((row for row in passing if (row.speedup or 0.0) >= fastest * (1 - NOISE)), key=lambda row: row.bytes)


HEAD = ("graph", "candidate", "MB", "ms (p50)", "times as fast", "accuracy", "asked for", "")


def table(rows: Sequence[Row]) -> str:
    """The measurements as a Markdown table: what the decision was made by."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---|---|---:|---:|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def cells(row: Row) -> list[str]:
    """One line of the table, under `HEAD`."""
    accuracy = asked = "-"
    if row.value is not None and row.gate is not None:
        metric = row.gate.metric
        accuracy = f"{metric} {_number(metric, row.value)}"
        asked = f"{'>=' if metric in ('cosine', 'agreement') else '<='} {_number(metric, row.gate.bound)}"
        asked = "the same" if metric == "identical" else asked
    verdict = "**kept**" if row.chosen else "" if row.passed else row.problem or "not passed"
    return [
        row.graph,
        row.candidate.name,
        f"{row.bytes / 1e6:.1f}" if row.bytes else "-",
        f"{row.p50_ms:.2f}" if row.p50_ms is not None else "-",
        f"{row.speedup:.2f}" if row.speedup is not None else "-",
        accuracy,
        asked,
        verdict.replace("|", "/"),
    ]


def _number(metric: str, value: float) -> str:
    if metric == "agreement":
        return f"{value:.1%}"
    return f"{value:.5f}" if metric == "cosine" else f"{value:.2e}"
