"""PresentMon's CSV: 1.x (and OCAT, CapFrameX, FrameView, which write the same columns), 2.x, and `--v1_metrics`.

Columns after its own sources (PresentMon/CsvOutput.cpp of 1.7 to 2.4, README-ConsoleApplication.md): 1.x writes
`TimeInSeconds` (a date with `-date_time`), `msBetweenPresents`, `msBetweenDisplayChange`, `Dropped`; 2.0 to 2.3
`CPUStartTime` (or `CPUStartDateTime` with `--date_time`), `FrameTime`, `DisplayedTime` (`NA`: never shown); from 2.4 on
`TimeInMs` and the like, `MsBetweenPresents`, `MsBetweenDisplayChange`. Dates are local time without a zone.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from ..latency_file import Unreadable
from .capture import Capture, Choices, Floats, likely, missed_refreshes, refresh_of, unix_time
from .table import NAN, Table, printable

FRAME = ("msbetweenpresents", "frametime", "msbetweenappstart")
SHOWN = ("msbetweendisplaychange", "displayedtime")
DATES = ("timeindatetime", "cpustartdatetime", "presentstartdatetime", "timeinseconds")
SECONDS = ("timeinseconds", "cpustarttimeinseconds")
MILLISECONDS = (
    "timeinms", "cpustarttimeinms", "cpustarttime", "presentstarttime", "cpustartqpctime", "cpustartqpctimeinms",
)  # fmt: skip
TICKS = ("qpctime", "timeinqpc", "cpustartqpc", "presentstartqpc")
GPU = ("msgpuactive", "msgpubusy", "gpubusy")
NEEDS = "MsBetweenPresents or FrameTime, and TimeInSeconds, TimeInMs, CPUStartTime or one of the dates"
PROGRAMS = 1000
GAP = 0.05


@dataclass
class _Program:
    """One swap chain's rows."""

    name: str
    pid: str
    frame_ms: array[float] = field(default_factory=lambda: array("d"))
    shown_ms: array[float] = field(default_factory=lambda: array("d"))
    time: array[float] = field(default_factory=lambda: array("d"))
    gpu_ms: array[float] = field(default_factory=lambda: array("d"))
    dropped: int = 0


def fits(table: Table) -> bool:
    """Whether the header is one of PresentMon's."""
    return table.column(*FRAME) is not None and table.column(*DATES, *SECONDS, *MILLISECONDS, *TICKS) is not None


def read(table: Table, choices: Choices) -> Capture:
    """The frames of the chosen program, else of the one that has most. Raises `Unreadable`."""
    programs = _programs(table, choices)
    program = _chosen(table, programs, choices.process)
    return _capture(table, program, programs, choices)


def _programs(table: Table, choices: Choices) -> dict[tuple[str, ...], _Program]:
    frame, shown, gpu = table.column(*FRAME), table.column(*SHOWN), table.column(*GPU)
    time, date = table.column(*SECONDS, *MILLISECONDS), table.column(*DATES)
    who = [table.column(name) for name in ("application", "processid", "swapchainaddress")]
    dropped = table.column("dropped")
    assert frame is not None
    found: dict[tuple[str, ...], _Program] = {}
    dated = False
    for cells in table.whole([place for place in (frame, shown, time, date, dropped, *who) if place is not None]):
        key = tuple(cells[place] if place is not None else "" for place in who)
        program = found.get(key)
        if program is None:
            if len(found) >= PROGRAMS:
                raise Unreadable(f"{table.path} holds frames of more than {PROGRAMS} programs; cut out the game")
            dated = date is not None and unix_time(cells[date], choices.utc_offset) is not None
            program = found[key] = _Program(printable(key[0]), key[1])
        program.frame_ms.append(table.number(cells, frame))
        shown_ms = table.number(cells, shown)
        program.shown_ms.append(shown_ms)
        gone = dropped is not None and cells[dropped].strip() == "1"
        program.dropped += gone or (dropped is None and shown is not None and shown_ms != shown_ms)
        program.gpu_ms.append(table.number(cells, gpu))
        when = unix_time(cells[date], choices.utc_offset) if dated and date is not None else table.number(cells, time)
        program.time.append(NAN if when is None else when)
    if not found:
        raise Unreadable(f"{table.path} has a header and no rows; the recording was too short, or nothing was drawn")
    return found


def _chosen(table: Table, programs: dict[tuple[str, ...], _Program], wanted: str | None) -> _Program:
    fitting = [one for one in programs.values() if wanted is None or wanted.lower() in (one.name.lower(), one.pid)]
    if not fitting:
        names = ", ".join(sorted({one.name for one in programs.values()}))[:400]
        raise Unreadable(f"{table.path} has no frames of {wanted}; it has those of {names}")
    return max(fitting, key=lambda one: len(one.frame_ms))


def _capture(
    table: Table, program: _Program, programs: dict[tuple[str, ...], _Program], choices: Choices
) -> Capture:
    frame_ms, shown_ms = np.array(program.frame_ms), np.array(program.shown_ms)
    rows = likely(frame_ms)
    if np.count_nonzero(rows) < 2:
        raise Unreadable(f"{table.path} has fewer than two frames of {program.name or 'its program'}")
    notes = table.notes()
    if (others := {one.name for one in programs.values() if one is not program}) - {program.name}:
        rest = ", ".join(sorted(others - {program.name})[:3])
        notes.append(f"frames of {program.name} were taken, not of {rest}; choose with --process")
    frame_ms, shown_ms, gpu_ms = frame_ms[rows], shown_ms[rows], np.array(program.gpu_ms)[rows]
    at_s, start = _times(np.array(program.time)[rows], frame_ms, notes)
    refresh_hz, said = refresh_of(frame_ms, choices.refresh_hz)
    notes += [said] if said else []
    displayed = np.where(likely(shown_ms), shown_ms, frame_ms if not likely(shown_ms).any() else 0.0)
    tool = "PresentMon 1.x" if "dropped" in table.columns else "PresentMon 2.x"
    has_gpu = bool(likely(gpu_ms).any())
    return Capture(
        tool, at_s, frame_ms, missed_refreshes(displayed, refresh_hz), refresh_hz, start,
        np.where(likely(gpu_ms), gpu_ms, 0.0) if has_gpu else None, process=program.name,
        values={"presents that were never shown": float(program.dropped)}, notes=notes,
    )  # fmt: skip


def _times(time: Floats, frame_ms: Floats, notes: list[str]) -> tuple[Floats, float | None]:
    """Seconds since the first row, and the wall's clock there. What the time column counts in, its frames tell."""
    summed = (np.cumsum(frame_ms) - frame_ms[0]) / 1000
    if np.isnan(time).any() or (np.diff(time) < 0).any():
        notes.append("has no times that could be used; they were added up from the frames")
        return summed, None
    since = time - time[0]
    ratio = float(since[-1] / summed[-1]) if summed[-1] else 1.0
    if time[0] > 1e9 and abs(time[0] - 1.6e9) < 2e9 and 1 - GAP < ratio < 10:  # a date
        return since, float(time[0])
    scale = 1000.0 if ratio > 100 else 1.0
    if abs(ratio / scale - 1) > GAP:
        notes.append(f"its times span {ratio / scale:.2f} times what its frames add up to; rows may be missing")
    return since / scale, None
