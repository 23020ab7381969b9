"""The gateway's state as Prometheus text: made when it is read, so that nothing of it is on the hot path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .stats import LATENCY_BUCKETS_S, Stats


def exposition(stats: Stats, snapshot: Mapping[str, Any]) -> bytes:
    """The text; `snapshot` is the result of `server.stats` at this moment, of which `watch` is not read."""
    registry = CollectorRegistry()
    registry.register(_Once([*_counted(stats), *_of_now(snapshot), *_of_models(snapshot), *_of_memory(snapshot)]))
    text: bytes = generate_latest(registry)
    return text


class _Once(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _counted(stats: Stats) -> Iterator[Metric]:
    yield _counter("vitrine_calls", "Calls opened, by op.", ("op",), (((op,), n) for op, n in stats.calls.items()))
    yield _counter("vitrine_call_ends", "Calls ended, by op and code.", ("op", "code"), stats.ends.items())
    fates = (((fate,), n) for fate, n in stats.frames.items())
    yield _counter("vitrine_frames", "Frames of streams, by fate.", ("fate",), fates)
    text = "From the reading of a call or a frame to its answer."
    durations = HistogramMetricFamily("vitrine_call_duration_seconds", text, labels=["op"])
    for op, latency in stats.latency.items():
        durations.add_metric([op], _cumulative(latency.buckets), latency.total_s)
    yield durations


def _of_now(snapshot: Mapping[str, Any]) -> Iterator[Metric]:
    yield InfoMetricFamily("vitrine_build", "What runs.", value={"version": snapshot["version"]})
    yield GaugeMetricFamily("vitrine_uptime_seconds", "Since the start.", value=snapshot["uptime_s"])
    yield GaugeMetricFamily("vitrine_sessions", "Connections that are welcome.", value=snapshot["sessions"])
    depths = (((prio,), n) for prio, n in snapshot["queues"].items())
    yield _gauge("vitrine_queue_depth", "Jobs that wait, by priority.", ("prio",), depths)
    workers = snapshot["workers"]
    restarts = (((worker["name"],), worker["restarts"]) for worker in workers)
    yield _counter("vitrine_worker_restarts", "Processes that took the place of one that died.", ("worker",), restarts)
    resident = (((worker["name"],), worker["rss_bytes"]) for worker in workers)
    yield _gauge("vitrine_worker_resident_bytes", "Memory of the processes.", ("worker",), resident)
    pressure = snapshot["pressure"]
    yield GaugeMetricFamily("vitrine_pressure_level", "How far the sidecar yields, 0 to 3.", value=pressure["level"])
    changes = (((direction,), n) for direction, n in pressure["changes"].items())
    yield _counter("vitrine_pressure_changes", "Decisions of the governor.", ("direction",), changes)


def _of_models(snapshot: Mapping[str, Any]) -> Iterator[Metric]:
    models = snapshot["models"]
    known = InfoMetricFamily("vitrine_model", "State, and the provider that really runs it.", labels=["model"])
    for model in models:
        about = {key: model[key] for key in ("state", "provider", "precision")}
        known.add_metric([model["name"]], about)
    yield known
    held = (((model["name"],), model["bytes"]) for model in models)
    yield _gauge("vitrine_model_bytes", "Memory that each added when it was loaded.", ("model",), held)
    runs = (((model["name"],), model["runs"]) for model in models)
    yield _counter("vitrine_model_runs", "Runs of the processes that have it now.", ("model",), runs)


def _of_memory(snapshot: Mapping[str, Any]) -> Iterator[Metric]:
    memory = snapshot.get("memory")
    if memory is None:
        return
    yield _counter("vitrine_model_evictions", "Models that left to make room.", (), [((), memory["evictions"])])
    kinds = (("memory", "budget_bytes", "used_bytes"), ("vram", "vram_budget_bytes", "vram_bytes"))
    budgeted = [(kind, memory[budget], memory[used]) for kind, budget, used in kinds if memory[budget] is not None]
    budgets = (((kind,), budget) for kind, budget, _ in budgeted)
    yield _gauge("vitrine_memory_budget_bytes", "What was allowed at the start.", ("kind",), budgets)
    uses = (((kind,), used) for kind, _, used in budgeted)
    yield _gauge("vitrine_memory_used_bytes", "What all processes hold of it.", ("kind",), uses)


Rows = Iterable[tuple[tuple[str, ...], float]]


def _counter(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total, rows = 0, []
    for bound, count in zip((*map(str, LATENCY_BUCKETS_S), "+Inf"), buckets, strict=True):
        total += count
        rows.append((bound, float(total)))
    return rows
