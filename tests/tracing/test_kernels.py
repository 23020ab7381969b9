"""ONNX Runtime's profile as kernels on our clock: of a written profile, and of an installed model."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sidecar.engine.kernels import last_run
from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Runtime
from sidecar.errors import NotFound


def node(name: str, ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": name.title()}}


def session(name: str, ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Session", "name": name, "ts": ts, "dur": dur, "args": {}}


PROFILE = [
    session("session_initialization", 5, 900), node("conv", 1010, 50), session("model_run", 1000, 200),
    node("conv", 2030, 40), node("relu", 2080, 10), session("model_run", 2000, 150),
]  # fmt: skip


def test_the_last_runs_kernels_stand_where_that_run_stood() -> None:
    found = last_run(PROFILE, 7_000_000)
    assert [(kernel.name, kernel.begin_ns, kernel.end_ns) for kernel in found] == [
        ("Conv conv", 7_030_000, 7_070_000),
        ("Relu relu", 7_080_000, 7_090_000),
    ]


@pytest.mark.parametrize("events", [[], [node("conv", 1, 1)], [{}]])
def test_a_profile_without_a_run_has_no_kernels(events: list[dict[str, Any]]) -> None:
    assert last_run(events, 0) == []


def test_an_installed_model_shows_its_kernels() -> None:
    runtime = Runtime(Registry(), providers=["cpu"], threads=1)
    with pytest.raises(NotFound):
        runtime.kernels("face-detector")
    model = runtime.load("face-detector")
    runs = model.runs
    begin_ns = time.perf_counter_ns()
    found = runtime.kernels("face-detector")
    end_ns = time.perf_counter_ns()
    assert len(found) > 50 and any(kernel.name.startswith(("Conv ", "FusedConv ")) for kernel in found)
    assert all(begin_ns < kernel.begin_ns <= kernel.end_ns < end_ns for kernel in found)
    assert found == sorted(found, key=lambda kernel: kernel.begin_ns)
    assert model.runs == runs  # the model's own figures know nothing of it
