"""Lines as a report that can be written and compared, and as one table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import stats
from ..report import Check, Report, Row
from ..stats import Summary
from .agreement import Distance
from .limits import MIB, OUTSIDE, Limit
from .measure import Line

SHOWN_DOUBTS = 6
MOST_LEFT = 0.5  # of what a session brought, as the engine itself judges an unload
NOISE = 16 * MIB
HEADINGS = ("network", "load s", "first ms", "p50 ms", "p95", "p99", "x CPU", "VRAM", "off", "CPU nodes")
NOTES = (
    "x CPU: the CPU's time over this one's, the median over rounds of blocks measured in turn; above 1x it is faster.",
    "VRAM in MiB, beyond what this process held at its start: before / loaded / peak / after letting go.",
    "off: the output that is farthest from the CPU's, in the terms of the pack's gate.",
    "CPU nodes: how many of a run's nodes the CPU computed, of all.",
)


@dataclass(frozen=True)
class Lines:
    """The report, with the table that is shown of it."""

    report: Report
    lines: Sequence[Line]

    def show(self, console: Console) -> None:
        """Prints the table, what was missed and what to doubt."""
        title = "models on the GPU" if any(line.provider != "cpu" for line in self.lines) else "models on the CPU"
        table = Table(*HEADINGS, title=title, padding=(0, 1), pad_edge=False)
        last = ""
        for line in self.lines:
            if line.network != last:
                table.add_section()
                table.add_row(f"[bold]{escape(line.network)}[/bold]")
                last = line.network
            table.add_row(*_cells(line), style="dim" if line.why else "")
        console.print(table)
        for note in NOTES:
            console.print(note, markup=False, highlight=False)
        for line in self.lines:
            if line.why:
                console.print(f"[yellow]![/yellow] {escape(f'{line.name}: {line.why}')}", highlight=False)
        for check in self.report.missed:
            told = f"{check.name}: {check.measured:.4g}, wanted {check.comparison} {check.target:.4g} {check.unit}"
            console.print(f"[red]MISSED[/red] {escape(told.strip())} {escape(check.note)}".rstrip(), highlight=False)
        for warning in self.report.warnings:
            console.print(f"[yellow]![/yellow] {escape(warning)}", highlight=False)

    def write(self, path: Path) -> None:
        """Writes the report's JSON. Raises `OSError`."""
        self.report.write(path)

    def exit_code(self, *, judged: bool) -> int:
        """3 when judged and anything was missed."""
        return self.report.exit_code(judged=judged)


def outcome(report: Report, lines: Sequence[Line], limits: Iterable[Limit]) -> Lines:
    """Fills the report."""
    doubts: list[str] = []
    for line in lines:
        if line.runs:
            beside = f"CPU beside {line.name}"
            report.rows.append(Row(beside, "ms", stats.over_rounds(line.cpu), floor=True, rounds=line.cpu))
            report.rows.append(Row(line.name, "ms", stats.over_rounds(line.runs), rounds=line.runs, beside=beside))
            report.values[f"{line.name}: CPU / it"] = stats.paired_ratio(line.cpu, line.runs)
            doubts += stats.instability(line.name, line.runs)
        report.checks += [_near(line, distance) for distance in line.off if distance.bound is not None]
        report.checks += _returned(line)
        report.warnings += [
            f"{line.name}: {distance.output} is not finite or has another shape"
            for distance in line.off
            if distance.value is None
        ]
    found = list(limits)
    report.checks += [check for limit in found for check in _kept(limit)]
    report.warnings += doubts[:SHOWN_DOUBTS]
    if len(doubts) > SHOWN_DOUBTS:
        report.warnings.append(f"{len(doubts) - SHOWN_DOUBTS} more doubts of this kind; measure longer")
    report.details["lines"] = [plain(line) for line in lines]
    report.details["limits"] = [asdict(limit) | {"holds": limit.holds} for limit in found]
    return Lines(report, lines)


def plain(line: Line) -> dict[str, Any]:
    """A line as JSON has it: milliseconds, seconds, bytes."""
    return {
        "network": line.network,
        "precision": line.precision,
        "provider": line.provider,
        "way": line.way,
        "session_providers": list(line.providers),
        "load_s": line.load_s,
        "first_ms": line.first_ms,
        "runs_ms": _whole(line.runs),
        "cpu_ms": _whole(line.cpu),
        "cpu_over_it": stats.paired_ratio(line.cpu, line.runs) if line.runs else None,
        "vram_bytes": asdict(line.held),
        "off": [asdict(distance) | {"holds": distance.holds} for distance in line.off],
        "nodes": dict(line.nodes),
        "why_not": line.why,
    }


def _whole(rounds: tuple[Summary, ...]) -> dict[str, float] | None:
    return stats.over_rounds(rounds).as_dict() if rounds else None


def _near(line: Line, distance: Distance) -> Check:
    far = sys.float_info.max if distance.metric == "max_abs" else -1.0  # JSON has no word for what is no number
    measured = far if distance.value is None else distance.value
    name, bound = f"{line.name}: {distance.output} beside the CPU's, {distance.metric}", distance.bound or 0.0
    return Check(name, measured, "<=" if distance.metric == "max_abs" else ">=", bound)


def _returned(line: Line) -> list[Check]:
    added, left = line.held.added, line.held.left
    if added is None or left is None or added <= NOISE:
        return []
    return [Check(f"{line.name}: VRAM that stays / that came", left / added, "<=", MOST_LEFT)]


def _kept(limit: Limit) -> list[Check]:
    name = f"{limit.network}: VRAM added under gpu_mem_limit {limit.limit / MIB:,.0f} MiB"
    note = f"refused: {limit.why}" if limit.why else "ran"
    checks = [Check(name, limit.added / MIB, "<=", (limit.limit + OUTSIDE) / MIB, "MiB", note)]
    if limit.must_run:
        name = f"{limit.network}: runs under twice what it needs"
        checks.append(Check(name, 0 if limit.why else 1, "==", 1, note=note))
    return checks


def _cells(line: Line) -> list[str]:
    way = f"  {line.provider} {line.precision}, {line.way}"
    if not line.runs:
        return [way, *[""] * 5, "failed", _vram(line), "", ""]
    whole = stats.over_rounds(line.runs)
    times = [_short(value) for value in (line.load_s or 0.0, line.first_ms or 0.0, whole.p50, whole.p95, whole.p99)]
    ratio = f"{stats.paired_ratio(line.cpu, line.runs):.2f}"
    return [way, *times, ratio, _vram(line), _off(line), _nodes(line)]


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _vram(line: Line) -> str:
    held = line.held
    values = (held.before, held.loaded, held.peak, held.after)
    return "no reading" if held.before is None else "/".join("?" if v is None else f"{v / MIB:.0f}" for v in values)


def _off(line: Line) -> str:
    """The output that lies worst; one without a bound only where none has any."""
    if not line.off:
        return ""
    worst = max(line.off, key=lambda one: (one.holds is False, one.bound is not None, _badness(one)))
    if worst.value is None:
        return "no number"
    told = f"{worst.value:.1e}" if worst.metric == "max_abs" else f"{worst.value:.4f}"
    return f"{told}{' !' if worst.holds is False else ''}"


def _badness(one: Distance) -> float:
    """Share of what is allowed that is used up."""
    if one.value is None:
        return float("inf")
    if one.metric != "max_abs":
        return 1 - one.value
    return one.value / one.bound if one.bound else one.value


def _nodes(line: Line) -> str:
    total = sum(line.nodes.values())
    return f"{line.nodes.get('CPU', 0)}/{total}" if total else ""
