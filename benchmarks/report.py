"""What a run found: rows, checks against targets, warnings; as JSON (schema 1) and as tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from .stats import Summary

SCHEMA = 1
MISSED = 3


@dataclass(frozen=True)
class Row:
    """A measured series; `floor` marks a null target."""

    name: str
    unit: str
    summary: Summary
    floor: bool = False
    rounds: tuple[Summary, ...] = ()


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

    @property
    def missed(self) -> list[Check]:
        """The checks that did not hold."""
        return [check for check in self.checks if not check.held]

    def exit_code(self, *, judged: bool) -> int:
        """0, or 3 when targets count and one is missed."""
        return MISSED if judged and self.missed else 0

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
        }

    def write(self, path: Path) -> None:
        """Writes the JSON document. Raises `OSError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Prints the tables."""
        if self.rows:
            console.print(self._series())
        for name, value in self.values.items():
            console.print(f"{name}: {value:,.3g}" if abs(value) < 1000 else f"{name}: {value:,.0f}", highlight=False)
        if self.checks:
            console.print(self._targets())
        for warning in self.warnings:
            console.print(f"[yellow]![/yellow] {warning}", highlight=False)

    def _series(self) -> Table:
        columns = ("series", "n", "p50", "p90", "p95", "p99", "max", "unit")
        table = Table(*columns, title=f"{self.scenario} (floors dimmed)")
        for row in self.rows:
            found = row.summary
            cells = [f"{value:.3f}" for value in (found.p50, found.p90, found.p95, found.p99, found.max)]
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
