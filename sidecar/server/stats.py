"""What the gateway counts: plain integers on the hot path, read out by `server.stats` and by `metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

LATENCY_BUCKETS_S = (0.001, 0.002, 0.005, 0.011, 0.014, 0.022, 0.033, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Latency:
    """Answers by duration: one counter for each of `LATENCY_BUCKETS_S`, the last for what is longer than all."""

    __slots__ = ("buckets", "total_s")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENCY_BUCKETS_S) + 1)
        self.total_s = 0.0


class Stats:
    """Counters of one run."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.ends: Counter[tuple[str, str]] = Counter()
        self.frames: Counter[str] = Counter()
        self.latency: dict[str, Latency] = {}

    def opened(self, op: str) -> None:
        """A call was opened."""
        self.calls[op] += 1

    def ended(self, op: str, code: str) -> None:
        """A call was answered; `code` is `ok` or that of its fail."""
        self.ends[(op, code)] += 1

    def took(self, op: str, seconds: float) -> None:
        """A call or a frame was answered after this long."""
        latency = self.latency.get(op)
        if latency is None:
            latency = self.latency[op] = Latency()
        latency.buckets[bisect_left(LATENCY_BUCKETS_S, seconds)] += 1
        latency.total_s += seconds

    def frame(self, fate: str) -> None:
        """A frame came in, went out, or was superseded."""
        self.frames[fate] += 1

    def counters(self) -> dict[str, Any]:
        """The `counters` of `server.stats`."""
        fail: Counter[str] = Counter()
        for (_, code), count in self.ends.items():
            fail[code] += count
        done = fail.pop("ok", 0)
        return {
            "calls": sum(self.calls.values()),
            "done": done,
            "fail": dict(fail),
            "frames_in": self.frames["in"],
            "frames_out": self.frames["out"],
            "superseded": self.frames["superseded"],
        }
