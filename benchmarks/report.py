"""What a run found: rows, checks against targets, warnings; as JSON (schema 1) and as tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.columns import Columns
from rich.console import Console
from rich.table import Table

from .stats import Summary

SCHEMA = 1
MISSED = 3
FEW = 12  # single values in a column of their own


@dataclass(frozen=True)
class Row:
    """A measured series; `floor` marks a null target, `beside` names the row's own floor."""

    name: str
    unit: str
    summary: Summary
    floor: bool = False
    rounds: tuple[Summary, ...] = ()
    beside: str = ""


@dataclass(frozen=True)
class Check:
    """A measured value beside its target. `held` is false for a value that is not a number."""

    name: str
    measured: float
    comparison: Literal["<=", ">=", "=="]
    target: float
    unit: str = ""
    note: str = ""

    @property
    def held(self) -> bool:
        """Whether the target is met."""
        if self.comparison == "==":
            return self.measured == self.target
        return self.measured <= self.target if self.comparison == "<=" else self.measured >= self.target


@dataclass
class Report:
    """One scenario's result; `values` are single numbers, `details` plain data for whoever digs deeper."""

    scenario: str
    environment: dict[str, Any]
    options: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    thresholds: list[dict[str, Any]] = field(default_factory=list)
    outranking: int = 0  # an exit code that counts more than missed targets

    @property
    def missed(self) -> list[Check]:
        """The checks that did not hold."""
        return [check for check in self.checks if not check.held]

    def exit_code(self, *, judged: bool) -> int:
        """0, or 3 when targets count and one is missed, unless something outranks it."""
        return self.outranking or (MISSED if judged and self.missed else 0)

    def as_dict(self) -> dict[str, Any]:
        """The JSON document; a key keeps its meaning within one `schema`."""
        return {
            "schema": SCHEMA,
            "scenario": self.scenario,
            "environment": self.environment,
            "options": self.options,
            "rows": [_row(row) for row in self.rows],
            "checks": [_check(check) for check in self.checks],
            "values": self.values,
            "details": self.details,
            "warnings": self.warnings,
            **({"verdicts": self.verdicts} if self.verdicts else {}),
            **({"thresholds": self.thresholds} if self.thresholds else {}),
        }

    def write(self, path: Path) -> None:
        """Writes the JSON document. Raises `OSError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        indent = None if "calls" in self.details else 2  # a line a number would make thousands of calls a huge file
        path.write_text(json.dumps(self.as_dict(), indent=indent, allow_nan=False) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Prints the tables."""
        for verdict in self.verdicts:
            console.print(verdict, style="bold", markup=False, highlight=False)
        if self.rows:
            console.print(self._series())
        singles = [
            f"{name}: {value:,.3g}" if abs(value) < 1000 else f"{name}: {value:,.0f}"
            for name, value in self.values.items()
        ]
        if len(singles) > FEW:
            console.print(Columns(singles, column_first=True, padding=(0, 3)), highlight=False)
        else:
            for single in singles:
                console.print(single, highlight=False)
        if self.checks:
            console.print(self._targets())
        for warning in self.warnings:
            console.print(f"[yellow]![/yellow] {warning}", highlight=False)

    def _series(self) -> Table:
        far = any(row.summary.p999 is not None for row in self.rows)
        columns = ("series", "n", "p50", "p90", "p95", "p99", *(["p99.9"] if far else []), "max", "unit")
        table = Table(*columns, title=f"{self.scenario} (floors dimmed)")
        for row in self.rows:
            found = row.summary
            values = (found.p50, found.p90, found.p95, found.p99, *([found.p999] if far else []), found.max)
            cells = ["" if value is None else f"{value:.3f}" for value in values]
            table.add_row(row.name, str(found.count), *cells, row.unit, style="dim" if row.floor else "")
        return table

    def _targets(self) -> Table:
        table = Table("target", "measured", "wanted", "", "note")
        for check in self.checks:
            verdict = "[green]held[/green]" if check.held else "[red]MISSED[/red]"
            unit = f" {check.unit}" if check.unit else ""
            wanted = f"{check.comparison} {check.target:.4g}{unit}"
            table.add_row(check.name, f"{check.measured:.4g}{unit}", wanted, verdict, check.note)
        return table


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "unit": row.unit,
        "floor": row.floor,
        "summary": row.summary.as_dict(),
        "rounds": [one.as_dict() for one in row.rounds],
        **({"beside": row.beside} if row.beside else {}),
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "measured": check.measured,
        "comparison": check.comparison,
        "target": check.target,
        "unit": check.unit,
        "held": check.held,
        "note": check.note,
    }
