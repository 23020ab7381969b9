"""`/metrics`: what Prometheus reads, parsed with its own parser."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sidecar.server import metrics
from sidecar.server.stats import Stats


def snapshot(**changes: Any) -> dict[str, Any]:
    model = {"name": "pose", "state": "ready", "provider": "cpu", "precision": "fp32", "bytes": 5, "runs": 7}
    return {
        "version": "1.2.3",
        "uptime_s": 4.0,
        "sessions": 2,
        "queues": {"frame": 1, "chat": 0},
        "workers": [{"name": "frame", "restarts": 3, "rss_bytes": 1000}],
        "models": [model],
        "pressure": {"level": 2, "changes": {"up": 1, "down": 0}},
    } | changes


def read(stats: Stats, **changes: Any) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by sample name and label values, in the order of the labels' names."""
    text = metrics.exposition(stats, snapshot(**changes)).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value for sample in samples
    }


def test_what_was_counted_and_what_is_now() -> None:
    stats = Stats()
    stats.opened("server.echo")
    stats.ended("server.echo", "ok")
    stats.frame("superseded")
    stats.took("server.echo", 0.003)
    found = read(stats)
    assert found["vitrine_calls_total", ("server.echo",)] == 1
    assert found["vitrine_call_ends_total", ("ok", "server.echo")] == 1
    assert found["vitrine_frames_total", ("superseded",)] == 1
    assert found["vitrine_call_duration_seconds_count", ("server.echo",)] == 1
    buckets = {values: n for (name, values), n in found.items() if name == "vitrine_call_duration_seconds_bucket"}
    assert buckets["0.002", "server.echo"] == 0 and buckets["0.005", "server.echo"] == 1
    assert found["vitrine_queue_depth", ("frame",)] == 1
    assert found["vitrine_worker_restarts_total", ("frame",)] == 3
    assert found["vitrine_worker_resident_bytes", ("frame",)] == 1000


def test_the_provider_that_really_runs_a_model() -> None:
    found = read(Stats())
    told = [set(values) for name, values in found if name == "vitrine_model_info"]
    assert told == [{"pose", "cpu", "fp32", "ready"}]
    assert found["vitrine_model_runs_total", ("pose",)] == 7


def test_memory_only_where_there_is_a_budget() -> None:
    assert not any("memory" in name or "evictions" in name for name, _ in read(Stats()))
    memory = {
        "budget_bytes": 100, "used_bytes": 60, "vram_budget_bytes": None, "vram_bytes": 0, "evictions": 4,
    }  # fmt: skip
    found = read(Stats(), memory=memory)
    assert found["vitrine_model_evictions_total", ()] == 4
    assert found["vitrine_memory_budget_bytes", ("memory",)] == 100
    assert found["vitrine_memory_used_bytes", ("memory",)] == 60
    assert ("vitrine_memory_used_bytes", ("vram",)) not in found
