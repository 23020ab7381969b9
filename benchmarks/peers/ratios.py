"""Peers over Vitrine: pairs that were measured beside each other, their ratios, and how those are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from .. import stats
from ..report import Check, Report, Row
from ..stats import Summary, summarise
from .cases import BEYOND, CAREFUL, FRAME, OVERLOAD, SMALL_CALL, SMALL_WORKER
from .servers import Server

LINES = (
    ("small call / at the gateway, p50", SMALL_CALL, "p50"),
    ("small call / at a worker, p50", SMALL_WORKER, "p50"),
    ("small call / at a worker, p99", SMALL_WORKER, "p99"),
    ("frame there and back, mean", FRAME, "mean"),
    ("  of it beyond the model, p50", BEYOND, "p50"),
    ("90 Hz, age p50", OVERLOAD, "p50"),
    ("90 Hz, age p99", OVERLOAD, "p99"),
    ("90 Hz, one in flight, age p50", CAREFUL, "p50"),
    ("90 Hz, one in flight, age p99", CAREFUL, "p99"),
)
# A frame that runs the pose model takes twice one that flow carries: a median falls into the gap between the two.
JUDGED = ((FRAME, "mean"), (OVERLOAD, "p50"), (OVERLOAD, "p99"))
WIDE_SPREAD = 0.3
FEW_ROUNDS = 3
NOTES = (
    "Each cell: peer / Vitrine, the median over rounds of pairs measured side by side, and the medians of both in ms.",
    "Vitrine: server.echo of 64 bytes at the gateway, which holds the connections, and at an engine worker; "
    "frames over shared memory, one stream.",
    "Peers: HTTP POST over kept-alive connections with a bare client; what they do to a frame is the same session.",
    "90 Hz: posted whatever comes back, every frame waited for: where nothing is dropped, ages grow with the seconds.",
    "One in flight: the peer's client drops what is stale itself; beside it stands the same Vitrine series as before.",
)
Pair = tuple[Summary, Summary]  # ours, theirs


def ratios(pairs: Iterable[Pair], of: str = "p50") -> list[float]:
    """Theirs over ours, pair by pair."""
    return [float(getattr(theirs, of) / getattr(ours, of)) for ours, theirs in pairs]


def ratio(pairs: Sequence[Pair], of: str = "p50") -> float:
    """The median over pairs: what slows both of a pair cancels out. Raises `ValueError` for none."""
    if not pairs:
        raise ValueError("no pair was measured")
    return float(np.median(ratios(pairs, of)))


@dataclass
class Beside:
    """What was measured of each peer, and who was left out and why."""

    servers: dict[str, Server]
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, dict[str, list[Pair]]] = field(default_factory=dict)

    def add(self, server: Server, ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]) -> None:
        """One round of one peer: milliseconds of each case, of Vitrine and of the peer."""
        mine = self.pairs.setdefault(server.key, {})
        for case, values in ours.items():
            mine.setdefault(case, []).append((summarise(values), summarise(theirs[case])))

    def leave_out(self, server: Server, why: str) -> None:
        """A peer that failed is left out with all its rounds: half a result would be compared with whole ones."""
        self.left_out[server.key] = f"{server.name}: {why}"
        self.pairs.pop(server.key, None)

    def measured(self) -> bool:
        """Whether anything was."""
        return bool(self.pairs)

    def outcome(self, report: Report) -> PeersOutcome:
        """The report filled, with the table that is shown of it."""
        for key, cases in self.pairs.items():
            name = self.servers[key].name
            for case, pairs in cases.items():
                ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
                beside = f"Vitrine beside {name}: {case}"
                report.rows.append(Row(beside, "ms", stats.over_rounds(ours), rounds=tuple(ours)))
                report.rows.append(
                    Row(f"{name}: {case}", "ms", stats.over_rounds(theirs), rounds=tuple(theirs), beside=beside)
                )
                report.warnings += _unsteady(name, case, pairs)
            small = SMALL_WORKER if self.servers[key].hop else SMALL_CALL
            judged = ((small, "p50"), *JUDGED)
            report.checks += [_judge(name, case, quantile, cases[case]) for case, quantile in judged]
        report.warnings += [f"left out: {reason}" for reason in self.left_out.values()]
        report.details |= {"left_out": self.left_out, "peers": self._plain()}
        return PeersOutcome(report, self)

    def _plain(self) -> dict[str, Any]:
        return {
            key: {
                "name": self.servers[key].name,
                "configured": self.servers[key].note,
                "versions": self.versions.get(key, {}),
                "ratios": {
                    case: {quantile: ratios(pairs, quantile) for quantile in ("p50", "p99", "mean")}
                    for case, pairs in cases.items()
                },
            }
            for key, cases in self.pairs.items()
        }


def _judge(name: str, case: str, quantile: str, pairs: Sequence[Pair]) -> Check:
    title = f"{name} / Vitrine, {case}, {quantile}"
    return Check(title, ratio(pairs, quantile), ">=", 1.0, "x", _both(pairs, quantile))


def _both(pairs: Sequence[Pair], quantile: str) -> str:
    ours, theirs = (stats.over_rounds([pair[side] for pair in pairs]) for side in (0, 1))
    return f"{_short(getattr(theirs, quantile))} / {_short(getattr(ours, quantile))}"


def _short(ms: float) -> str:
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"


def _unsteady(name: str, case: str, pairs: Sequence[Pair]) -> list[str]:
    found = ratios(pairs, "mean" if case == FRAME else "p50")
    if len(found) < FEW_ROUNDS:
        return [f"{name}, {case}: only {len(found)} round(s); take three or more"]
    if max(found) - min(found) > WIDE_SPREAD * float(np.median(found)):
        return [f"{name}, {case}: may be unstable, the rounds' ratios go from {min(found):.2f} to {max(found):.2f}"]
    return []


@dataclass(frozen=True)
class PeersOutcome:
    """The report of peers, shown as one table of ratios."""

    report: Report
    beside: Beside

    def show(self, console: Console) -> None:
        """Prints the table, how each peer was set up, and what to doubt."""
        names = [self.beside.servers[key].name for key in self.beside.pairs]
        table = Table("peer / Vitrine", *names, title="peers (above 1x: Vitrine is ahead)")
        for title, case, quantile in LINES:
            pairs = [cases[case] for cases in self.beside.pairs.values()]
            table.add_row(title, *(f"{ratio(one, quantile):.2f}x ({_both(one, quantile)})" for one in pairs))
        console.print(table)
        for note in NOTES:
            console.print(note, markup=False, highlight=False)
        for key in self.beside.pairs:
            server, versions = self.beside.servers[key], self.beside.versions.get(key, {})
            named = ", ".join(f"{name} {version}" for name, version in versions.items())
            console.print(f"{server.name} ({named}): {server.note}.", markup=False, highlight=False)
        for check in self.report.missed:
            console.print(f"[red]BEHIND[/red] {check.name}: {check.measured:.2f}x ({check.note} ms)", highlight=False)
        for warning in self.report.warnings:
            console.print(f"[yellow]![/yellow] {warning}", highlight=False)

    def write(self, path: Path) -> None:
        """Writes the report's JSON. Raises `OSError`."""
        self.report.write(path)

    def exit_code(self, *, judged: bool) -> int:
        """3 when judged and Vitrine is behind anywhere."""
        return self.report.exit_code(judged=judged)
