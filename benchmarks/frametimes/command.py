"""What AI costs a game's frames, from recordings of other tools: PresentMon, OVR Metrics Tool, SteamVR, Unity.

    python -m benchmarks frametimes GAME.csv --against OFF.csv       two recordings, with AI and without
    python -m benchmarks frametimes GAME.csv --with RESULT.json      one, with the sidecar's result beside it
    python -m benchmarks frametimes GAME.csv                         what is in it

With a result (of `python -m benchmarks run --json`) the recording is lined up with the sidecar's calls: by the time of
day that it holds (PresentMon: record with --date_time), by --offset, or by its late frames; how sure that is is said.
Frames before and after the sidecar's work are then the ones without AI, unless --against names others.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from .. import environment
from ..latency_file import Unreadable
from ..report import Check, Report, Row
from ..reports import source
from ..stats import summarise
from . import formats
from .align import Alignment, Busy, align, busy_of
from .capture import Capture, Choices, parse_zone
from .impact import LEAST_BLOCKS, Figure, figures, in_words
from .table import printable

SETTLE_S = 1.0  # on either side of the sidecar's work: neither with it nor without
SHORT_S = 30.0
COSTS = ("frame time, mean", "missed frames a minute")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("game", type=Path, metavar="GAME", help="the recording with AI: CSV, or Latency's JSON")
    parser.add_argument("--against", type=Path, metavar="OFF", help="a recording without AI")
    parser.add_argument("--with", type=Path, dest="result", metavar="RESULT", help="the sidecar's result of that time")
    parser.add_argument(
        "--offset", type=float, metavar="S", help="the recording's first row is S seconds after the result's start"
    )
    parser.add_argument("--process", metavar="NAME", help="take the frames of this program (name or process id)")
    parser.add_argument("--refresh-hz", type=float, help="the display's rate (default: as the file says or shows)")
    parser.add_argument("--utc-offset", type=_zone, metavar="+HH:MM", help="zone of its dates (default: this one's)")
    parser.add_argument("--most-ms", type=float, help="with --check: most milliseconds that AI may add to a frame")
    parser.add_argument("--most-missed", type=float, help="with --check: most missed frames a minute that AI may add")


def _zone(text: str) -> Any:
    try:
        return parse_zone(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(options: argparse.Namespace) -> FrameTimes:
    """Reads, lines up, compares. Raises `Unreadable` or `OSError`."""
    choices = Choices(options.process, options.refresh_hz, options.utc_offset)
    game = formats.read(options.game, choices)
    off = formats.read(options.against, choices) if options.against else None
    if off is not None and off.averaged != game.averaged:
        raise Unreadable("the two recordings cannot be compared: one holds frames, the other averages of a second")
    if off is not None and off.refresh_hz != game.refresh_hz:
        raise Unreadable(
            f"the recordings are of displays of {off.refresh_hz:g} and {game.refresh_hz:g} Hz; compare like with like"
        )
    busy = alignment = None
    if options.result is not None:
        busy = busy_of(source.typed(source.read(options.result), str(options.result)))
        alignment = align(game, busy, offset_s=options.offset)
    elif options.offset is not None:
        raise Unreadable("--offset places a recording in a result; name one with --with")
    return _compared(options, game, off, busy, alignment)


def _compared(
    options: argparse.Namespace, game: Capture, off: Capture | None, busy: Busy | None, alignment: Alignment | None
) -> FrameTimes:
    report = Report("frametimes", _environment(game), _options(options))
    on, found = game, []
    if busy is not None and alignment is not None:
        on, before = _split(game, busy, alignment.offset_s)
        off = off if off is not None else before
        report.details["alignment"] = alignment.as_dict()
        report.verdicts.append(alignment.text)
        if off is None:
            report.warnings.append("it has no frames without AI; record some before or after, or name --against")
    _series(report, "AI on" if off is not None or busy is not None else game.tool, on, floor=False)
    if off is not None:
        _series(report, "AI off", off, floor=True)
        found = figures(on, off)
        report.verdicts += in_words(found)
        _short(report, on, off)
        _odd(report, found)
    _values(report, on, off, found)
    report.details["figures"] = [{**asdict(figure), "delta": figure.delta, "sure": figure.sure} for figure in found]
    report.details["refresh_hz"] = game.refresh_hz
    for path, capture in ((options.game, game), (options.against, off)):
        if path is not None and capture is not None:
            report.warnings += [f"{printable(path.name)}: {note}" for note in capture.notes]
    _checks(report, options, found)
    return FrameTimes(report, found)


def _split(game: Capture, busy: Busy, offset_s: float) -> tuple[Capture, Capture | None]:
    """The frames while the sidecar worked, and those well away from that, if they are enough to compare."""
    at_s = game.at_s + offset_s
    first, last = float(busy.begin_s.min()), float(busy.end_s.max())
    during = (at_s >= first) & (at_s <= last)
    if np.count_nonzero(during) < 2:
        raise Unreadable("no frames of the recording lie in the sidecar's work; look at --offset")
    away = (at_s < first - SETTLE_S) | (at_s > last + SETTLE_S)
    before = game.part(away) if np.count_nonzero(away) >= 2 else None
    if before is not None and before.frame_ms.sum() / 1000 < LEAST_BLOCKS and not game.averaged:
        before = None
    return game.part(during), before


def _environment(game: Capture) -> dict[str, Any]:
    found = {"read_on": environment.cpu_model(), "tool": game.tool, "process": game.process}
    return {name: value for name, value in found.items() if value}


def _options(options: argparse.Namespace) -> dict[str, Any]:
    named = {"game": options.game.name, "against": options.against and options.against.name}
    named |= {"with": options.result and options.result.name, "offset": options.offset, "process": options.process}
    return {name: value for name, value in named.items() if value is not None}


def _series(report: Report, label: str, capture: Capture, *, floor: bool) -> None:
    unit = "ms, means of a second" if capture.averaged else "ms"
    report.rows.append(Row(f"frame time, {label}", unit, summarise(capture.frame_ms), floor=floor))
    if capture.gpu_ms is not None:
        report.rows.append(Row(f"GPU busy, {label}", unit, summarise(capture.gpu_ms), floor=floor))


def _values(report: Report, on: Capture, off: Capture | None, found: list[Figure]) -> None:
    for label, one in (("AI on", on), ("AI off", off)):
        if one is None:
            continue
        name = f", {label}" if off is not None else ""
        report.values[f"seconds{name}"] = one.seconds
        report.values[f"missed frames{name}"] = float(one.missed.sum())
        report.values[f"missed frames a minute{name}"] = 60 * float(one.missed.sum()) / one.seconds
        report.values |= {f"{key}{name}": value for key, value in one.values.items()}
    report.values |= {f"{figure.name}, on less off": figure.delta for figure in found}


def _short(report: Report, on: Capture, off: Capture) -> None:
    for label, one in (("with", on), ("without", off)):
        if one.seconds < SHORT_S:
            report.warnings.append(f"only {one.seconds:.0f} s {label} AI; record a minute or more of each")


def _odd(report: Report, found: list[Figure]) -> None:
    """The intervals know chance within the recordings, and nothing of what else was different between them."""
    better = [one.name for one in found if one.sure and one.name in COSTS and one.delta < 0]
    if better:
        report.warnings.append(
            f"less with AI than without ({', '.join(better)}): AI does not make a game faster, so something else was "
            "different; close other programs, play the same scene, and record both again"
        )


def _checks(report: Report, options: argparse.Namespace, found: list[Figure]) -> None:
    wanted = dict(zip(COSTS, (options.most_ms, options.most_missed), strict=True))
    by_name = {figure.name: figure for figure in found}
    for name, most in wanted.items():
        if most is None:
            continue
        if name not in by_name:
            raise Unreadable("--most-ms and --most-missed need frames without AI: name --against, or --with a result")
        figure = by_name[name]
        spread = "" if figure.low is None else f"95 %: {figure.low:+.2f} to {figure.high:+.2f}"
        report.checks.append(Check(f"{name}, on less off", figure.delta, "<=", most, figure.unit, spread))


@dataclass
class FrameTimes:
    """A report whose figures stand in a table of their own."""

    report: Report
    figures: list[Figure]

    def show(self, console: Console) -> None:
        """Prints the tables."""
        if self.figures:
            console.print(self._table())
        values, self.report.values = self.report.values, {} if self.figures else self.report.values
        self.report.show(console)
        self.report.values = values

    def _table(self) -> Table:
        table = Table("", "AI off", "AI on", "difference", "95 % confidence", "", title="what AI costs the game")
        for figure in self.figures:
            spread = "" if figure.low is None else f"{figure.low:+.3f} to {figure.high:+.3f}"
            sure = "" if figure.low is None else ("" if figure.sure else "cannot tell")
            cells = (f"{figure.off:.3f}", f"{figure.on:.3f}", f"{figure.delta:+.3f} {figure.unit}", spread, sure)
            table.add_row(figure.name, *cells)
        return table

    def write(self, path: Path) -> None:
        """Writes the JSON. Raises `OSError`."""
        self.report.write(path)

    def exit_code(self, *, judged: bool) -> int:
        """3 when targets count and one is missed."""
        return self.report.exit_code(judged=judged)
