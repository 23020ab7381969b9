"""From what was played to the report: rows, values, checks, findings, and whether to trust them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ..report import Check, Report, Row
from ..stats import Summary, summarise
from . import verdict
from .cold import Starts
from .display import Display, at_refreshes
from .findings import findings
from .histogram import PER_MS, Histogram
from .play import Played
from .record import CANCELLED, OK, SUPERSEDED, UNANSWERED, Calls, Flags, Floats, calls_of
from .spec import FLOOR, STAGES, STARTS, Load, Plan, Target, main_row, prefix

TOLD = 4  # findings on the console; the file has more


class Found:
    """One played plan, worked out: the series of each load."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.plan = played.plan
        self.length_ms = 1000 * played.plan.seconds
        connected = played.connected
        self.calls: Calls = calls_of(
            played.record,
            names=[one.name for one in connected],
            ops=[one.load.op for one in connected],
            frames=[one.load.frames for one in connected],
            start_s=played.start_s,
            refresh_hz=played.plan.refresh_hz,
        )

    def of(self, load: Load) -> Flags:
        """The load's calls."""
        numbers = [one.number for one in self.played.connected if one.load.name == load.name]
        return self.calls.of(numbers)

    def answered(self, load: Load) -> Flags:
        """The load's answered calls."""
        return self.of(load) & self.calls.is_outcome(OK)

    def display_hz(self, load: Load) -> float:
        """The display's rate, or the load's own where that is lower: more new pictures than frames nobody can show."""
        return min(self.plan.refresh_hz, load.rate_hz or self.plan.refresh_hz)

    def displays(self, load: Load) -> list[Display]:
        """What each connection's wearer saw until the run's end."""
        shown, hz = [], self.display_hz(load)
        for one in self.played.connected:
            if one.load.name == load.name and load.frames:
                rows = self.calls.of([one.number]) & self.calls.is_outcome(OK)
                at, latency = self.calls.t_ms[rows], self.calls.latency_ms[rows]
                display = at_refreshes(at, at + latency, until_ms=self.length_ms, refresh_hz=hz)
                shown += [] if display is None else [display]
        return shown


def fill(report: Report, found: Found, floors: Sequence[Found]) -> None:
    """Everything that the report says of a played plan and of its floor."""
    doubts: list[str] = []
    details = report.details
    details |= {
        "plan": msgspec.to_builtins(found.plan),
        "refresh_hz": found.plan.refresh_hz,
        "calls": found.calls.columns(),
        "calls_of": _kept(found.calls),
        "processes": found.played.usage,
        "gpu": found.played.gpu,
        "clock": found.played.clock,
        "histograms": {},
        "holds": {},
        "messages": found.played.record.messages,
    }
    for load in found.plan.streams:
        doubts += _load_rows(report, found, load)
        _load_values(report, found, load)
    _floor_rows(report, found, floors, doubts)
    report.values |= found.played.usage_values
    _events(report, found)
    _accounts(report, found)
    details["findings"] = [one.as_dict() for one in findings(found.calls)]
    report.verdicts += [one["text"] for one in details["findings"][:TOLD]]
    for target in found.plan.targets:
        report.checks.append(judged(report, target))
    details["stability"] = {"stable": not doubts, "reasons": doubts}
    report.warnings += [verdict.UNSTABLE + doubt for doubt in doubts]


def fill_starts(report: Report, plan: Plan, starts: Starts) -> None:
    """The report of cold starts: one entry a start, its latency until the first answer."""
    begun = starts.began_s[0]
    count = len(starts.began_s)
    columns: dict[str, list[Any]] = {
        "t_ms": [round(1000 * (at_s - begun), 3) for at_s in starts.began_s],
        "stream": ["start"] * count, "n": list(range(count)), "op": ["start"] * count, "outcome": [OK] * count,
        "latency_ms": [round(value, 3) for value in starts.answered_ms],
        **{f"{stage}_ms": [None] * count for stage in STAGES}, "missed": [0] * count,
    }  # fmt: skip
    report.details |= {
        "plan": msgspec.to_builtins(plan), "refresh_hz": plan.refresh_hz, "calls": columns,
        "calls_of": {"all": count, "kept": count, "rule": "all"}, "histograms": {}, "holds": {},
    }  # fmt: skip
    for name, samples in zip(STARTS, (starts.ready_ms, starts.answered_ms), strict=True):
        _row(report, name, "ms", np.array(samples))
    for target in plan.targets:
        report.checks.append(judged(report, target))
    doubts = [f"only {count} start(s); take three or more"] if count < 3 else []
    report.details["stability"] = {"stable": not doubts, "reasons": doubts}
    report.warnings += [verdict.UNSTABLE + doubt for doubt in doubts]


def _kept(calls: Calls) -> dict[str, Any]:
    kept = len(calls.kept())
    rule = "all" if kept == len(calls) else "the slowest 10,000 and an even sample of the rest"
    return {"all": len(calls), "kept": kept, "rule": rule}


def _load_rows(report: Report, found: Found, load: Load) -> list[str]:
    """The rows of a load; the reasons to doubt them."""
    calls, before, rows = found.calls, prefix(found.plan, load), found.answered(load)
    name = main_row(found.plan, load)
    of_load = found.of(load)
    doubts = verdict.sent_late(f"{load.name}", calls.stages["send"][of_load])
    if not rows.any():
        return [*doubts, f"{name}: nothing was answered"]
    latency, at = calls.latency_ms[rows], calls.t_ms[rows]
    parts = [summarise(part) for part in verdict.slices(at, latency, found.length_ms)]
    whole = _row(report, name, "ms", latency, rounds=parts)
    doubts += verdict.unsteady(name, whole, parts)
    if load.frames:
        displays = found.displays(load)
        if displays:
            ages = np.concatenate([one.ages_ms for one in displays])
            shown = _row(report, f"{before}age at refresh", "ms", ages)
            held = verdict.held(displays, shown, found.display_hz(load))
            report.details["holds"][load.name] = held.as_dict(load.name)
            report.verdicts.append(held.text(load.name))
        missed = calls.missed[of_load]
        _row(report, f"{before}missed refreshes", "frames", missed[~np.isnan(missed)])
    for stage in STAGES:
        _row(report, f"{before}{stage}", "ms", calls.stages[stage][rows])
    ends = calls.cancel_ms[of_load & calls.is_outcome(CANCELLED)]
    if len(ends):
        _row(report, f"{before}cancel to end", "ms", ends)
    return doubts


def _row(
    report: Report, name: str, unit: str, samples: Floats, *, rounds: Sequence[Summary] = (), floor: bool = False
) -> Summary:
    histogram = Histogram(samples, ticks_per_unit=1 if unit == "frames" else PER_MS)
    report.rows.append(Row(name, unit, histogram.summary(), floor=floor, rounds=tuple(rounds)))
    if not floor:
        report.details["histograms"][name] = histogram.encoded()
    return histogram.summary()


def _load_values(report: Report, found: Found, load: Load) -> None:
    calls, before, of_load, rows = found.calls, prefix(found.plan, load), found.of(load), found.answered(load)
    values, seconds = report.values, found.plan.seconds
    kinds = {
        "sent": of_load, "answered": rows,
        "superseded": of_load & calls.is_outcome(SUPERSEDED), "cancelled": of_load & calls.is_outcome(CANCELLED),
        "unanswered": of_load & calls.is_outcome(UNANSWERED),
        "not sent": of_load & np.isnan(calls.stages["send"]) & calls.is_outcome(SUPERSEDED),
    }  # fmt: skip
    counted = {name: float(np.count_nonzero(flags)) for name, flags in kinds.items()}
    failed = _failed(found, load)
    counted["failed"] = float(sum(failed.values()))
    always = ("sent", "answered", "failed", "unanswered")
    values |= {f"{before}{name}": count for name, count in counted.items() if count or name in always}
    values |= {f"{before}fail {code}": float(count) for code, count in failed.items()}
    values[f"{before}answered a second"] = counted["answered"] / seconds
    if load.within_ms is not None:
        inside = np.count_nonzero(calls.latency_ms[rows] <= load.within_ms)
        values[f"{before}goodput a second"] = float(inside) / seconds
    if load.frames and rows.any():
        _display_values(report, found, load)


def _failed(found: Found, load: Load) -> dict[str, int]:
    calls, of_load = found.calls, found.of(load)
    fine = (OK, SUPERSEDED, CANCELLED, UNANSWERED)
    counts = {
        code: int(np.count_nonzero(of_load & calls.is_outcome(code))) for code in calls.outcomes if code not in fine
    }
    # A call with a `key` is superseded by name; of frames nobody is told.
    return {code: count for code, count in counts.items() if count}


def _display_values(report: Report, found: Found, load: Load) -> None:
    before, displays = prefix(found.plan, load), found.displays(load)
    refreshes, stale = sum(one.refreshes for one in displays), sum(one.stale for one in displays)
    missed = found.calls.missed[found.answered(load)]
    report.values |= {
        f"{before}refreshes": float(refreshes),
        f"{before}refreshes without a new picture": float(stale),
        f"{before}refreshes without a new picture, %": 100 * stale / max(1, refreshes),
        f"{before}late answers, %": 100 * float(np.count_nonzero(missed > 0)) / max(1, len(missed)),
    }


def _floor_rows(report: Report, found: Found, floors: Sequence[Found], doubts: list[str]) -> None:
    """The null target on the same plan, before and after; the rows that it is the floor of say so."""
    for load in found.plan.streams:
        series = [(one, one.answered(load)) for one in floors]
        kept = [one.calls.latency_ms[rows] for one, rows in series if rows.any()]
        if not kept:
            continue
        name = main_row(found.plan, load)
        rounds = [summarise(samples) for samples in kept]
        _row(report, FLOOR + name, "ms", np.concatenate(kept), rounds=rounds, floor=True)
        for index, row in enumerate(report.rows):
            if row.name == name:
                report.rows[index] = Row(row.name, row.unit, row.summary, row.floor, row.rounds, FLOOR + name)
        if len(rounds) == 2:
            doubts += verdict.drifted(FLOOR + name, *rounds)


def _events(report: Report, found: Found) -> None:
    """What was done to the sidecar, and how long until it answered again."""
    played, calls = found.played, found.calls
    if not found.plan.events:
        return
    done = []
    answered = calls.is_outcome(OK)
    ends = np.where(answered, calls.t_ms + calls.latency_ms, np.inf)
    for one in played.happened:
        at_ms = 1000 * (one.at_s - played.start_s)
        after = ends[calls.t_ms >= at_ms]
        back = float(after.min() - at_ms) if len(after) and np.isfinite(after.min()) else None
        done.append({"t_ms": round(at_ms, 3), "do": one.do, "who": one.who, "lost": one.lost, "back_ms": back})
    report.details["events"] = done
    for kind in ("kill", "stall"):
        known = [one["back_ms"] for one in done if one["do"] == kind and one["back_ms"] is not None]
        if known:
            _row(report, f"{kind} until the next answer", "ms", np.array(known, np.float64))
    lost = sum(bool(one["lost"]) for one in done)
    never = sum(one["back_ms"] is None for one in done)
    report.checks += [
        Check("events whose process was not found", float(lost), "==", 0),
        Check("events after which nothing was answered", float(never), "==", 0),
    ]


def _accounts(report: Report, found: Found) -> None:
    """Every call has its end and every frame is counted on both sides."""
    played = found.played
    unanswered = int(np.count_nonzero(found.calls.is_outcome(UNANSWERED)))
    wrong = int(np.count_nonzero(found.calls.is_outcome("wrong answer")))
    counts = [one for load in found.plan.streams for one in played.counts(load.name)]
    wrong += sum(len(one.broken) for one in counts)
    uncounted = sum(one.pushed - one.frames_in for one in counts)
    gone = sum(one.frames_in - one.frames_out - one.superseded for one in counts)
    astray = sum(one.frames_out - one.answered for one in counts)
    report.checks += [
        Check("calls and frames without an end", float(unanswered), "==", 0),
        Check("answers that were wrong", float(wrong), "==", 0),
        Check("connections lost", float(played.lost_connections), "==", 0),
    ]
    if counts:
        report.checks += [
            Check("pushed frames that the server did not count", float(uncounted), "==", 0),
            Check("frames neither answered nor superseded", float(gone), "==", 0),
            Check("answered frames that did not arrive", float(astray), "==", 0),
        ]


def judged(report: Report, target: Target) -> Check:
    """A target of the plan; one of which nothing was measured is missed."""
    measured, name, unit = float("nan"), target.value or "", ""
    if target.row is not None:
        name = f"{target.row}, {target.quantile}"
        for row in report.rows:
            if row.name == target.row:
                measured, unit = float(row.summary.as_dict()[target.quantile]), row.unit
    elif target.value in report.values:
        measured = report.values[target.value]
    limit = target.at_most if target.at_most is not None else target.at_least
    assert limit is not None  # `spec.check` saw to it
    if measured != measured:
        return Check(f"samples of {name}", 0.0, ">=", 1.0, "", "nothing was measured, so the target is missed")
    return Check(name, measured, "<=" if target.at_most is not None else ">=", limit, unit)
