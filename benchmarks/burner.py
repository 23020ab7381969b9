"""`python -m benchmarks.burner HZ ITERATIONS`: a game without pictures. Internal to the `game` scenario.

Every refresh it burns the same amount of one processor core and counts its own missed frames: a frame that is not done
by the next refresh is missed, and the next one begins at the refresh after it, as under a headset's compositor. It
prints a word when it is ready, then one JSON line every half second: `{"t", "frames", "missed", "frame_ms": [..]}`.
ITERATIONS 0 only calibrates: it prints the iterations of one millisecond.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time

CALIBRATION_ROUNDS = 100
CALIBRATION_ITERATIONS = 100_000
TELL_EVERY_S = 0.5
SPIN_S = 0.0005


def burn(iterations: int) -> int:
    """Work that nothing can optimise away."""
    value = 1
    for _ in range(iterations):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
    return value


def iterations_per_ms() -> int:
    """Of the median of many rounds: what the core does in a typical moment of a shared machine."""
    times = []
    for _ in range(CALIBRATION_ROUNDS):
        start = time.perf_counter()
        burn(CALIBRATION_ITERATIONS)
        times.append(time.perf_counter() - start)
    return round(CALIBRATION_ITERATIONS / (1000 * statistics.median(times)))


def play(hz: float, iterations: int) -> None:
    """Frames until the process is ended."""
    gc.disable()
    interval_s = 1 / hz
    refresh_s = time.perf_counter() + interval_s
    told_s, frames, missed, times = refresh_s, 0, 0, []
    while True:
        _until(refresh_s)
        burn(iterations)
        done_s = time.perf_counter()
        times.append(round(1000 * (done_s - refresh_s), 3))
        late = int((done_s - refresh_s) / interval_s)  # refreshes that went by without this frame
        frames += 1
        missed += late
        refresh_s += (1 + late) * interval_s
        if done_s - told_s >= TELL_EVERY_S:
            line = {"t": time.time(), "frames": frames + missed, "missed": missed, "frame_ms": times}
            print(json.dumps(line), flush=True)
            told_s, frames, missed, times = done_s, 0, 0, []


def _until(at_s: float) -> None:
    left = at_s - time.perf_counter() - SPIN_S
    if left > 0:
        time.sleep(left)
    while time.perf_counter() < at_s:
        pass


if __name__ == "__main__":
    if int(sys.argv[2]) == 0:
        print(iterations_per_ms(), flush=True)
    else:
        print("ready", flush=True)
        play(float(sys.argv[1]), int(sys.argv[2]))
