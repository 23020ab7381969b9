"""SteamVR's frame timing as CSV: the fields of `Compositor_FrameTiming`, one row a frame of the compositor.

Header as exported by SteamVR (seen in reports on its 1.7): `FrameIndex,NumFramePresents,NumMisPresented,
NumDroppedFrames,ReprojectionFlags,SystemTimeInSeconds,...`; with or without the `m_n` and `m_fl` of openvr.h. Rows
whose `SystemTimeInSeconds` is 0 had no frame of the game (a refresh that the compositor filled), and
`ClientFrameIntervalMs` is only a part of the interval; so a frame's time is the distance of two rows with a time.
"""

from __future__ import annotations

from array import array

import numpy as np

from ..latency_file import Unreadable
from .capture import Capture, Choices, Floats, likely, missed_refreshes, refresh_of
from .table import Table

NEEDS = "FrameIndex, SystemTimeInSeconds and NumDroppedFrames"


def _names(name: str) -> tuple[str, ...]:
    return name, f"m_fl{name}", f"m_n{name}", f"m_{name}"


INDEX, TIME = _names("frameindex"), _names("systemtimeinseconds")
DROPPED, PRESENTS = _names("numdroppedframes"), _names("numframepresents")
GPU = _names("totalrendergpums")


def fits(table: Table) -> bool:
    """Whether the header is SteamVR's."""
    return None not in (table.column(*INDEX), table.column(*TIME), table.column(*DROPPED))


def read(table: Table, choices: Choices) -> Capture:
    """Every frame of the game. Raises `Unreadable`."""
    places = [table.column(*names) for names in (INDEX, TIME, DROPPED, PRESENTS, GPU)]
    columns: list[array[float]] = [array("d") for _ in places]
    for cells in table.whole([place for place in places[:3] if place is not None]):
        for column, place in zip(columns, places, strict=True):
            column.append(table.number(cells, place))
    index, time_s, dropped, presents, gpu_ms = (np.array(column) for column in columns)
    rows = time_s > 0
    if np.count_nonzero(rows) < 3:
        raise Unreadable(f"{table.path} has fewer than three frames with a SystemTimeInSeconds; record for longer")
    notes = table.notes()
    if (empty := int(np.count_nonzero(~rows))) > 0:
        notes.append(f"{empty} rows without a frame of the game were left out")
    order = np.argsort(time_s[rows], kind="stable")
    time_s, index, gpu_ms = time_s[rows][order], index[rows][order], gpu_ms[rows][order]
    frame_ms = 1000 * np.diff(time_s)
    usable = likely(frame_ms)
    if np.count_nonzero(usable) < 2:
        raise Unreadable(f"{table.path}: its times do not rise")
    hz, said = refresh_of(frame_ms[usable], choices.refresh_hz or _rate(index, frame_ms, usable))
    notes += [said] if said else []
    values = {"refreshes dropped, as SteamVR counts": float(np.nansum(dropped[dropped > 0]))}
    if (presents > 1).any():
        values["frames shown again, as SteamVR counts"] = float(np.nansum(np.maximum(0, presents - 1)))
    return Capture(
        "SteamVR", (time_s[1:] - time_s[1])[usable], frame_ms[usable], missed_refreshes(frame_ms[usable], hz), hz,
        gpu_ms=gpu_ms[1:][usable] if (gpu_ms[1:][usable] > 0).all() else None, values=values, notes=notes,
    )  # fmt: skip


def _rate(index: Floats, frame_ms: Floats, usable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float | None:
    """The compositor's rate, from its own count of frames, which goes on while the game misses some."""
    steps = np.diff(index)
    counted = usable & (steps >= 1) & (steps <= 4)
    return round(1000 / float(np.median(frame_ms[counted] / steps[counted])), 1) if counted.any() else None
