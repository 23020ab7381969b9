"""The JSON of Unity's Latency sample: the frame intervals that the game itself saw; it knows no time of day."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import latency_file
from ..latency_file import Unreadable
from .capture import Capture, Choices, likely, missed_refreshes, refresh_of

ROW = "frame interval"


def read(path: Path, choices: Choices) -> Capture:
    """The frames of a result file. Raises `Unreadable`."""
    found = latency_file.read(path)
    row = next((one for one in found.rows if one.name == ROW and one.unit == "ms"), None)
    if row is None:
        names = ", ".join(one.name for one in found.rows)
        raise Unreadable(f"{path} has no row {ROW!r} in ms; it has {names}")
    frame_ms = np.array(row.samples, np.float64)
    frame_ms = frame_ms[likely(frame_ms)]
    if frame_ms.size < 2:
        raise Unreadable(f"{path} has fewer than two frames; measure for longer")
    hz, said = refresh_of(frame_ms, choices.refresh_hz or latency_file.refresh_of(found))
    at_s = (np.cumsum(frame_ms) - frame_ms[0]) / 1000
    notes = [said] if said else []
    return Capture("Unity's Latency sample", at_s, frame_ms, missed_refreshes(frame_ms, hz), hz, notes=notes)
