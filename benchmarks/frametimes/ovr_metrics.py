"""The CSV of Meta's OVR Metrics Tool: a row a second, averages of that second, on the headset itself.

Columns as of 1.4 to 1.6: `Time Stamp` (milliseconds since the recording began), `average_frame_rate`,
`display_refresh_rate`, `stale_frame_count` (refreshes of that second without a new frame), `app_gpu_time_microseconds`.
Which others there are depends on what was switched on. `stale_frame_count` counts refreshes, so it is what is missed.
"""

from __future__ import annotations

from array import array

import numpy as np

from ..latency_file import Unreadable
from .capture import Capture, Choices, refresh_of
from .table import Table

TIME = ("time stamp", "timestamp", "time_stamp")
RATE = ("average_frame_rate",)
STALE = ("stale_frame_count",)
REFRESH = ("display_refresh_rate",)
GPU = ("app_gpu_time_microseconds",)
NEEDS = "Time Stamp, average_frame_rate and stale_frame_count"
HIDDEN = "its rows are averages of a second: single slow frames are hidden, so there is no 1 % low"


def fits(table: Table) -> bool:
    """Whether the header is that tool's."""
    return None not in (table.column(*TIME), table.column(*RATE), table.column(*STALE))


def read(table: Table, choices: Choices) -> Capture:
    """Every second with frames. Raises `Unreadable`."""
    places = [table.column(*names) for names in (TIME, RATE, STALE, REFRESH, GPU)]
    columns: list[array[float]] = [array("d") for _ in places]
    for cells in table.whole([place for place in places[:3] if place is not None]):
        for column, place in zip(columns, places, strict=True):
            column.append(table.number(cells, place))
    time_ms, rate, stale, refresh, gpu_us = (np.array(column) for column in columns)
    rows = (rate > 0) & ~np.isnan(time_ms) & ~np.isnan(stale)
    if np.count_nonzero(rows) < 2:
        raise Unreadable(f"{table.path} has fewer than two seconds with frames; record for longer")
    notes = [*table.notes(), HIDDEN]
    if (idle := int(np.count_nonzero(~rows))) > 0:
        notes.append(f"{idle} seconds without frames were left out")
    told = refresh[rows & (refresh > 0)]
    frame_ms = 1000 / rate[rows]
    hz, said = refresh_of(frame_ms, choices.refresh_hz or (float(np.median(told)) if told.size else None))
    notes += [said] if said else []
    at_s = (time_ms[rows] - time_ms[rows][0]) / 1000
    if (np.diff(at_s) <= 0).any():
        raise Unreadable(f"{table.path}: its Time Stamp does not rise; it may be two recordings in one file")
    gpu_ms = gpu_us[rows] / 1000
    return Capture(
        "OVR Metrics Tool", at_s, frame_ms, np.maximum(0.0, stale[rows]), hz,
        gpu_ms=gpu_ms if (gpu_ms > 0).all() else None, averaged=True, notes=notes,
    )  # fmt: skip
