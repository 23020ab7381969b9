"""Shows what Unity's Latency sample wrote: every series with its quantiles, times also in frames of the headset.

The file is JSON: {"scenario": "unity-latency", "environment": {"refresh_hz": 90, ...},
"rows": [{"name": ..., "unit": "ms", "samples": [...]}]}. It may come from anyone: what is too large or not of this form
is refused with the reason.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .report import Report, Row
from .stats import instability, summarise

LIMIT_BYTES = 64 << 20
MOST_SAMPLES = 4_000_000
LARGEST = 1e15
REFRESH_HZ = (20.0, 500.0)
# Printed as it stands: no brackets of rich's markup, no escape sequences of a terminal.
PLAIN = re.compile(r"[\w .,:;%/()<>=+#°'–-]{1,100}")

Value = str | float | int | bool | None


class Unreadable(RuntimeError):
    """The file is not a result of the Latency sample; the message says why."""


class FileRow(Struct, forbid_unknown_fields=False):
    """One series."""

    name: str
    unit: str
    samples: list[float]


class File(Struct):
    """The whole file; keys of newer versions are passed over."""

    scenario: Literal["unity-latency"]
    environment: dict[Annotated[str, Meta(max_length=100)], Value]
    rows: Annotated[list[FileRow], Meta(min_length=1, max_length=200)]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the JSON that the Latency sample wrote")


def run(options: argparse.Namespace) -> Report:
    """Reads the file. Raises `Unreadable` or `OSError`."""
    return report_of(read(options.file))


def read(path: Path) -> File:
    """A file that holds what it should. Raises `Unreadable` or `OSError`."""
    if not path.is_file():
        raise Unreadable(f"{path} is not a file; name the JSON file that the Latency sample wrote")
    with path.open("rb") as stream:
        data = stream.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise Unreadable(f"{path} is larger than {LIMIT_BYTES >> 20} MiB; measure for a shorter time")
    try:
        found = msgspec.json.decode(data, type=File)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} is not a result of the Latency sample: {error}") from error
    _check(found, path)
    return found


def _check(found: File, path: Path) -> None:
    names = [row.name for row in found.rows]
    if len(set(names)) != len(names):
        raise Unreadable(f"{path}: two rows have one name")
    if not any(row.samples for row in found.rows):
        raise Unreadable(f"{path} holds no samples; the run was too short, or no answer ever came")
    if sum(len(row.samples) for row in found.rows) > MOST_SAMPLES:
        raise Unreadable(f"{path} holds more than {MOST_SAMPLES:,} samples; measure for a shorter time")
    for number, row in enumerate(found.rows, 1):
        if not PLAIN.fullmatch(row.name) or (row.unit and not PLAIN.fullmatch(row.unit)):
            raise Unreadable(f"{path}: row {number} has signs in its name or unit that a table cannot show")
        if row.samples and not -LARGEST <= min(row.samples) <= max(row.samples) <= LARGEST:
            raise Unreadable(f"{path}: row {number} ({row.name}) holds a value that nothing can measure")


def refresh_of(found: File) -> float | None:
    """The headset's rate, when the file has a likely one."""
    hz = found.environment.get("refresh_hz")
    likely = isinstance(hz, (int, float)) and not isinstance(hz, bool) and REFRESH_HZ[0] <= hz <= REFRESH_HZ[1]
    return float(hz) if likely and isinstance(hz, (int, float)) else None


def report_of(found: File) -> Report:
    """The rows, and each time once more in frames."""
    hz = refresh_of(found)
    report = Report(found.scenario, dict(found.environment), {})
    for row in found.rows:
        if not row.samples:
            report.warnings.append(f"{row.name}: nothing was measured")
            continue
        summary = summarise(row.samples)
        report.rows.append(Row(row.name, row.unit, summary, rounds=(summary,)))
        report.warnings += [text for text in instability(row.name, [summary]) if "round" not in text]
        if hz is not None and row.unit == "ms":
            frames = summarise([sample * hz / 1000 for sample in row.samples])
            report.rows.append(Row(f"  in frames at {hz:g} Hz", "frames", frames))
    if hz is None:
        report.warnings.append("the file names no likely refresh_hz; times are not shown in frames")
    return report
