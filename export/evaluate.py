"""Candidates made, held against the source's answers and timed: the rows that a decision is made by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from . import graph_check, measure, probes
from .accuracy import Comparison
from .auto import Row
from .candidates import Candidate, Device
from .constants import total_bytes
from .errors import ExportError, GraphError, PrecisionError
from .recipe import Accuracy, GraphSpec, Recipe
from .sessions import Session

# Sessions of together more than this are timed in pairs with fp32, so that two are in memory and not all.
TOGETHER_BYTES = 2 << 30

Make = Callable[[Candidate, Path], Path]


def compare(graph: GraphSpec, session: Session, answers: Path) -> Comparison:
    """Runs every probe: declared names and shapes, shapes of the answers, then values.

    Raises `NamesError`, `ShapeError` or `GraphError`.
    """
    graph_check.check_declared(graph, session)
    comparison = Comparison(graph.outputs[0].name)
    has_text = any(probe.is_text for probe in probes.read(graph, answers))
    for probe in probes.read(graph, answers):
        found = session.run(probe.inputs)
        graph_check.check_answers(graph, probe.sizes, found)
        # On random tokens a trained model is unsure, and its choices say nothing of how it writes.
        comparison.add(probe.answers, found, choices=probe.is_text or not has_text)
    return comparison


def evaluate(
    recipe: Recipe,
    graph: GraphSpec,
    converted: Path,
    answers: Path,
    choice: Sequence[Candidate],
    *,
    make: Make,
    device: Device,
    note: Callable[[str], None],
) -> list[Row]:
    """A row for each candidate of one graph. `make` gives a candidate's file, made or kept from an earlier try.

    A candidate that cannot be made or run has its reason in its row. Raises `ExportError` where the converted graph
    itself does not pass: then the conversion is wrong.
    """
    rows: list[Row] = []
    for candidate in choice:
        gate = recipe.gates.get(candidate.precision)
        row = Row(graph.name, candidate, gate=gate)
        rows.append(row)
        note(f"{graph.name}: {candidate.name}")
        try:
            row.file = converted if candidate.method == "none" else make(candidate, converted)
            row.bytes = total_bytes(row.file)
            row.comparison = compare(graph, Session(row.file, device), answers)
        except ExportError as error:
            if candidate.method == "none" or (isinstance(error, PrecisionError) and device != "cpu"):
                raise
            print(f"{graph.name} {candidate.name}: {error}", flush=True)  # into the log, with all it says
            row.problem = (
                "ONNX Runtime cannot run it" if isinstance(error, GraphError) else str(error).removesuffix(".")
            )
            continue
        failures = list(row.comparison.failures(graph.name, gate)) if gate is not None else []
        if failures and candidate.method == "none":
            raise failures[0]
        row.passed = gate is not None and not failures
        row.problem = "below its gate" if failures else ""
    return rows


def time_rows(
    rows: Sequence[Row],
    graph: GraphSpec,
    answers: Path,
    *,
    device: Device,
    budget_s: float,
    note: Callable[[str], None],
) -> None:
    """Puts the times of the first row (fp32) and of every row that passed into the rows."""
    baseline, passing = rows[0], [row for row in rows[1:] if row.passed]
    if sum(row.bytes for row in (baseline, *passing)) <= TOGETHER_BYTES:
        batches = [[baseline, *passing]]
    else:
        batches = [[baseline, row] for row in passing] or [[baseline]]
    probe = probes.timed(graph, answers)
    for batch in batches:
        note(f"{graph.name}: timing {', '.join(row.candidate.name for row in batch)}")
        runs = {}
        for row in batch:
            assert row.file is not None
            runs[row.candidate.name] = partial(Session(row.file, device).run, probe.inputs)
        timings = measure.in_turns(runs, baseline=baseline.candidate.name, budget_s=budget_s / len(batches))
        for row in batch:
            timing = timings[row.candidate.name]
            row.p50_ms, row.speedup = timing.p50_ms, timing.speedup


def worst_gate(gates: Sequence[Accuracy]) -> Accuracy:
    """The gate that a whole pack can be said to have passed: the loosest of its graphs'."""
    order = {"identical": 0, "max_abs": 1, "max_abs_over_noise": 1, "cosine": 2, "agreement": 3}
    return max(gates, key=lambda gate: (order[gate.metric], gate.bound if gate.metric == "max_abs" else -gate.bound))
