"""What the gateway counts: plain integers on the hot path, read out as `server.stats` and as Prometheus metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

LATENCY_BUCKETS_S = (0.001, 0.002, 0.005, 0.011, 0.014, 0.022, 0.033, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Latency:
    """Answers by duration, one counter a bucket, the last for what is longer than all."""

    __slots__ = ("buckets", "total_s")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENCY_BUCKETS_S) + 1)
        self.total_s = 0.0


class Stats:
    """Counters of one run."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._ends: Counter[tuple[str, str]] = Counter()
        self._frames: Counter[str] = Counter()
        self._latency: dict[str, _Latency] = {}

    def opened(self, op: str) -> None:
        """A call was opened."""
        self._calls[op] += 1

    def ended(self, op: str, code: str) -> None:
        """A call was answered; `code` is `ok` or that of its fail."""
        self._ends[(op, code)] += 1

    def took(self, op: str, seconds: float) -> None:
        """A call or a frame was answered after this long."""
        latency = self._latency.get(op)
        if latency is None:
            latency = self._latency[op] = _Latency()
        latency.buckets[bisect_left(LATENCY_BUCKETS_S, seconds)] += 1
        latency.total_s += seconds

    def frame(self, fate: str) -> None:
        """A frame came in, went out, or was superseded."""
        self._frames[fate] += 1

    def counters(self) -> dict[str, Any]:
        """The `counters` of `server.stats`."""
        fail: Counter[str] = Counter()
        for (_, code), count in self._ends.items():
            fail[code] += count
        done = fail.pop("ok", 0)
        return {
            "calls": sum(self._calls.values()),
            "done": done,
            "fail": dict(fail),
            "frames_in": self._frames["in"],
            "frames_out": self._frames["out"],
            "superseded": self._frames["superseded"],
        }

    def exposition(
        self, *, depths: dict[str, int], sessions: int, restarts: dict[str, int], pressure: dict[str, Any]
    ) -> bytes:
        """The Prometheus text, with what the gateway knows at this moment."""
        registry = CollectorRegistry()
        gauges = [
            _gauge("vitrine_queue_depth", "Jobs that wait, by priority.", "prio", depths),
            _gauge("vitrine_worker_restarts", "Restarts since the start, by worker.", "worker", restarts),
            GaugeMetricFamily("vitrine_sessions", "Connections that are welcome.", value=sessions),
            GaugeMetricFamily("vitrine_pressure_level", "How far the sidecar yields, 0 to 3.", value=pressure["level"]),
            _changes(pressure["changes"]),
        ]
        registry.register(_Once([*self._families(), *gauges]))
        text: bytes = generate_latest(registry)
        return text

    def _families(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("vitrine_calls", "Calls opened, by op.", labels=["op"])
        for op, count in self._calls.items():
            calls.add_metric([op], count)
        ends = CounterMetricFamily("vitrine_call_ends", "Calls ended, by op and code.", labels=["op", "code"])
        for (op, code), count in self._ends.items():
            ends.add_metric([op, code], count)
        frames = CounterMetricFamily("vitrine_frames", "Frames of streams, by fate.", labels=["fate"])
        for fate, count in self._frames.items():
            frames.add_metric([fate], count)
        text = "From the reading of a call or a frame to its answer."
        durations = HistogramMetricFamily("vitrine_call_duration_seconds", text, labels=["op"])
        for op, latency in self._latency.items():
            durations.add_metric([op], _cumulative(latency.buckets), latency.total_s)
        yield from (calls, ends, frames, durations)


class _Once(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _gauge(name: str, text: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _changes(counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily("vitrine_pressure_changes", "Decisions of the governor.", labels=["direction"])
    for direction, count in counts.items():
        family.add_metric([direction], count)
    return family


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total, rows = 0, []
    for bound, count in zip((*map(str, LATENCY_BUCKETS_S), "+Inf"), buckets, strict=True):
        total += count
        rows.append((bound, float(total)))
    return rows
