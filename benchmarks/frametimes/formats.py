"""Which tool a file is of: by its header, never by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..latency_file import Unreadable
from . import ovr_metrics, presentmon, steamvr, unity_latency
from .capture import Capture, Choices
from .table import Table


@dataclass(frozen=True)
class Format:
    """A tool: `needs` are the columns that a message names."""

    name: str
    needs: str
    fits: Callable[[Table], bool]
    read: Callable[[Table, Choices], Capture]


FORMATS = (
    Format("SteamVR frame timing", steamvr.NEEDS, steamvr.fits, steamvr.read),
    Format("OVR Metrics Tool", ovr_metrics.NEEDS, ovr_metrics.fits, ovr_metrics.read),
    Format("PresentMon 1.x and 2.x", presentmon.NEEDS, presentmon.fits, presentmon.read),
)


def read(path: Path, choices: Choices) -> Capture:
    """The frames in a file. Raises `Unreadable` or `OSError`."""
    if path.is_file():
        with path.open("rb") as stream:
            start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        if start.startswith(b"{"):
            return unity_latency.read(path, choices)
    table = Table(path)
    for one in FORMATS:
        if one.fits(table):
            return one.read(table, choices)
    known = "; ".join(f"{one.name} ({one.needs})" for one in FORMATS)
    raise Unreadable(f"{path}: these columns are of no tool that is known: {table.names()}. Known are {known}.")
