"""Lines a capture up with a result of the sidecar: by the wall's clock where the file has one, and by what both show.

While the sidecar computes, a game that shares the machine misses frames. So the late frames and the busy intervals,
both in bins of 50 ms, are correlated at every shift of up to 10 s; how far the highest peak stands out among the peaks
of shuffled stretches says whether it means anything. A mirror that is busy all the time shows nothing in this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..latency_file import Unreadable
from ..reports.source import Calls, Result
from .capture import Capture, Floats

BIN_S = 0.05
SHIFT_S = 10.0
SHUFFLES = 200
STRETCH_S = 1.0
CHANCE = 0.01
TOGETHER_S = 0.15  # clocks and correlation agree within this
QUARTER_S = 900.0
LEAST_OVERLAP_S = 5.0
FLAT = 0.1  # busy by so little more or less is busy all the time
LEAST_R = 0.1


@dataclass(frozen=True)
class Alignment:
    """`offset_s`: the capture's first row after the result's start. `by`: what it rests on. `shift_s`: how much later
    the correlation would have it, and `chance`: how often shuffled data correlate as well; None where it tells nothing.
    """

    offset_s: float
    by: str
    busy_share: float
    correlation: float | None
    shift_s: float | None
    chance: float | None
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Busy:
    """When the sidecar computed: intervals in seconds since the result's start, and its length."""

    begin_s: Floats
    end_s: Floats
    seconds: float
    start_unix_s: float | None


def busy_of(result: Result) -> Busy:
    """The computing intervals of a result's answered calls. Raises `Unreadable`."""
    calls = result.calls
    if calls is None or not calls.answered().any():
        raise Unreadable("--with needs a result with answered calls, as python -m benchmarks run writes with --json")
    answered = calls.answered()
    ends = np.array(calls.t_ms, np.float64)[answered] + calls.latency()[answered]
    length = _worked(calls)[answered]
    clock = result.details.get("clock")
    start = clock.get("start_unix_s") if isinstance(clock, dict) else None
    usable = isinstance(start, (int, float)) and not isinstance(start, bool) and 0 < start < 1e11
    return Busy(
        (ends - length) / 1000, ends / 1000, float(ends.max()) / 1000, float(start) if usable and start else None
    )


def _worked(calls: Calls) -> Floats:
    """Milliseconds that each call had a worker, up to its end; the whole latency where stages were not measured."""
    stages = calls.stages()
    known = [stages[name] for name in ("decode", "infer", "encode", "receive") if name in stages]
    if not known:
        return calls.latency()
    worked = np.nansum(known, axis=0)
    return np.where(worked > 0, worked, np.nan_to_num(calls.latency()))


def align(capture: Capture, busy: Busy, *, offset_s: float | None) -> Alignment:
    """Where the capture lies in the result. Raises `Unreadable` when nothing says so."""
    late, working = _series(capture), _busy_series(busy)
    share = float(working.mean())
    if offset_s is not None:
        return _judged(capture, busy, late, working, offset_s, "--offset", share)
    if capture.start_unix_s is not None and busy.start_unix_s is not None:
        apart = capture.start_unix_s - busy.start_unix_s
        _check_overlap(capture, busy, apart)
        return _judged(capture, busy, late, working, apart, "the time of day", share)
    return _found(capture, busy, late, working, share)


def _check_overlap(capture: Capture, busy: Busy, offset_s: float) -> None:
    shared = min(offset_s + capture.seconds, busy.seconds) - max(offset_s, 0.0)
    if shared >= min(LEAST_OVERLAP_S, busy.seconds / 2):
        return
    hours = round(offset_s / QUARTER_S) * QUARTER_S / 3600
    near = abs(offset_s - 3600 * hours) < busy.seconds + capture.seconds
    hint = f"; it looks like another time zone, {hours:+g} h away: say --utc-offset" if hours and near else ""
    raise Unreadable(
        f"the game's recording and the result were not made at the same time: it begins {offset_s:+,.0f} s after the "
        f"result does{hint}; or say where it lies with --offset"
    )


def _judged(
    capture: Capture, busy: Busy, late: Floats, working: Floats, offset_s: float, by: str, share: float
) -> Alignment:
    """An alignment that is given, and whether what both show agrees with it."""
    if capture.averaged or _flat(working) or not late.any():
        why = _silent(capture, working)
        return Alignment(offset_s, by, share, None, None, None, f"lined up by {by}; {why}")
    peak, shift_s, chance = _peak(late, working, offset_s, np.arange(-SHIFT_S, SHIFT_S + BIN_S / 2, BIN_S))
    if chance > CHANCE or peak < LEAST_R:
        text = f"lined up by {by}; the late frames do not follow the sidecar's work, so that they cannot confirm it"
        return Alignment(offset_s, by, share, peak, None, chance, text)
    if abs(shift_s) <= TOGETHER_S:
        text = f"lined up by {by}, and the late frames fall where the sidecar works (r {peak:.2f}): sure within 0.2 s"
    else:
        text = (
            f"lined up by {by}, but the late frames fit the sidecar's work {shift_s:+.2f} s away (r {peak:.2f}): the "
            f"clocks may differ; try --offset {offset_s + shift_s:.2f}"
        )
    return Alignment(offset_s, by, share, peak, shift_s, chance, text)


def _silent(capture: Capture, working: Floats) -> str:
    if capture.averaged:
        return "rows of a whole second cannot confirm it"
    return "nothing can confirm it: " + (
        "the sidecar was busy all the time" if _flat(working) else "no frame was late"
    )


def _flat(working: Floats) -> bool:
    low, high = np.quantile(working, (0.02, 0.98))
    return bool(high - low < FLAT)


def _found(capture: Capture, busy: Busy, late: Floats, working: Floats, share: float) -> Alignment:
    """Without any clock: the best place, if it stands out."""
    ask = "the file has no time of day; say where its first row lies with --offset (seconds after the result's start)"
    if capture.averaged or _flat(working) or not late.any():
        raise Unreadable(f"{ask}; {_silent(capture, working)}")
    reach = np.arange(-capture.seconds + LEAST_OVERLAP_S, busy.seconds - LEAST_OVERLAP_S, BIN_S)
    if reach.size == 0:
        raise Unreadable(f"{ask}; it is too short to be found by itself")
    peak, offset_s, chance = _peak(late, working, 0.0, reach)
    if chance > CHANCE or peak < LEAST_R:
        raise Unreadable(f"{ask}; the late frames do not follow the sidecar's work, so that it cannot be found")
    text = f"found by its late frames alone, {offset_s:+.2f} s after the result's start (r {peak:.2f})"
    return Alignment(offset_s, "late frames", share, peak, 0.0, chance, text)


# -- correlation -------------------------------------------------------------------------------------------------


def _series(capture: Capture) -> Floats:
    """How many milliseconds too long frames took, by bin; none with only as much as timers jitter."""
    nominal = 1000 / capture.refresh_hz
    excess = np.maximum(0.0, capture.frame_ms - 1.25 * nominal)
    bins = np.maximum(0, (capture.at_s / BIN_S).astype(np.int64))
    return np.bincount(bins, np.minimum(excess, 20 * nominal)).astype(np.float64)


def _busy_series(busy: Busy) -> Floats:
    """The share of each bin in which a worker computed, of the first to the last call."""
    count = max(1, int(busy.seconds / BIN_S))
    change = np.zeros(count + 1)
    for edges, sign in ((busy.begin_s, 1.0), (busy.end_s, -1.0)):
        place = np.clip(edges / BIN_S, 0.0, count - 1e-9)
        whole = place.astype(np.int64)
        np.add.at(change, whole, sign * (1 - (place - whole)))
        np.add.at(change, np.minimum(whole + 1, count), sign * (place - whole))
    shared: Floats = np.minimum(1.0, np.maximum(0.0, np.cumsum(change)[:count]))
    return shared


def _peak(late: Floats, working: Floats, around_s: float, shifts_s: Floats) -> tuple[float, float, float]:
    """The highest correlation, its shift, and how often stretches of the late frames in any order reach it."""
    places = np.round((around_s + shifts_s) / BIN_S).astype(np.int64)
    found = _correlations(late, working, places)
    best = int(found.argmax())
    random = np.random.default_rng(1)
    reached = sum(
        float(_correlations(_shuffled(late, random), working, places).max()) >= found[best] for _ in range(SHUFFLES)
    )
    return float(found[best]), float(shifts_s[best]), (reached + 1) / (SHUFFLES + 1)


def _correlations(late: Floats, working: Floats, places: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
    """Pearson's r of the overlapping bins with `late` beginning at each place of `working`; 0 for a short overlap."""
    size = 1 << int(np.ceil(np.log2(late.size + working.size)))
    spectrum = np.conj(np.fft.rfft(late, size))

    def lagged(a: Floats, b: Floats) -> Floats:
        own = spectrum if b is late else np.conj(np.fft.rfft(b, size))
        whole: Floats = np.fft.irfft(np.fft.rfft(a, size) * own, size)[places % size]
        return whole

    ones_late, ones_working = np.ones_like(late), np.ones_like(working)
    count = lagged(ones_working, ones_late)
    sums = lagged(ones_working, late), lagged(working, ones_late)
    squares = lagged(ones_working, late**2), lagged(working**2, ones_late)
    enough = count > LEAST_OVERLAP_S / BIN_S / 2
    count = np.maximum(count, 1.0)
    spread = (squares[0] - sums[0] ** 2 / count) * (squares[1] - sums[1] ** 2 / count)
    cross = lagged(working, late) - sums[0] * sums[1] / count
    floor = 1e-9 * max(1.0, float(spread.max()))
    found: Floats = np.where(enough & (spread > floor), cross / np.sqrt(np.maximum(spread, floor)), 0.0)
    return found


def _shuffled(late: Floats, random: np.random.Generator) -> Floats:
    """The same stretches of a second in another order, so that what hangs together stays together."""
    length = max(1, round(STRETCH_S / BIN_S))
    whole = late[: late.size // length * length].reshape(-1, length)
    mixed: Floats = np.concatenate([whole[random.permutation(len(whole))].ravel(), late[whole.size :]])
    return np.roll(mixed, int(random.integers(late.size)))
