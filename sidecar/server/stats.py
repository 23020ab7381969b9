"""What the gateway counts, as the contract's `server.stats` and as Prometheus metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as PromCounter
from prometheus_client import Gauge, Histogram

LATENCY_BUCKETS_S = (0.001, 0.002, 0.005, 0.011, 0.014, 0.022, 0.033, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Stats:
    """Counters of one run."""

    def __init__(self) -> None:
        self.calls = 0
        self.done = 0
        self.fail: Counter[str] = Counter()
        self.frames_in = 0
        self.frames_out = 0
        self.superseded = 0
        self._registry = CollectorRegistry()
        metric = self._registry
        self._calls = PromCounter("vitrine_calls", "Calls opened, by op.", ["op"], registry=metric)
        self._ends = PromCounter("vitrine_call_ends", "Calls ended, by op and code.", ["op", "code"], registry=metric)
        self._frames = PromCounter("vitrine_frames", "Frames of streams, by fate.", ["fate"], registry=metric)
        self._latency = Histogram(
            "vitrine_call_duration_seconds",
            "From the reading of a call or frame to its answer.",
            ["op"],
            buckets=LATENCY_BUCKETS_S,
            registry=metric,
        )
        self._depth = Gauge("vitrine_queue_depth", "Jobs that wait, by priority.", ["prio"], registry=metric)
        self._sessions = Gauge("vitrine_sessions", "Connections that are welcome.", registry=metric)
        self._restarts = Gauge("vitrine_worker_restarts", "Restarts since the start.", ["worker"], registry=metric)

    def opened(self, op: str) -> None:
        """A call was opened."""
        self.calls += 1
        self._calls.labels(op).inc()

    def ended(self, op: str, code: str) -> None:
        """A call was answered; `code` is `ok` or that of its fail."""
        if code == "ok":
            self.done += 1
        else:
            self.fail[code] += 1
        self._ends.labels(op, code).inc()

    def took(self, op: str, seconds: float) -> None:
        """A call or a frame was answered after this long."""
        self._latency.labels(op).observe(seconds)

    def frame(self, fate: str) -> None:
        """A frame came in, went out, or was superseded."""
        if fate == "in":
            self.frames_in += 1
        elif fate == "out":
            self.frames_out += 1
        else:
            self.superseded += 1
        self._frames.labels(fate).inc()

    def counters(self) -> dict[str, Any]:
        """The `counters` of `server.stats`."""
        return {
            "calls": self.calls,
            "done": self.done,
            "fail": dict(self.fail),
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "superseded": self.superseded,
        }

    def exposition(self, *, depths: dict[str, int], sessions: int, restarts: dict[str, int]) -> bytes:
        """The Prometheus text."""
        for prio, depth in depths.items():
            self._depth.labels(prio).set(depth)
        self._sessions.set(sessions)
        for worker, count in restarts.items():
            self._restarts.labels(worker).set(count)
        text: bytes = generate_latest(self._registry)
        return text
