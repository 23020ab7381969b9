"""The ways a network is measured in, as data, and how answers are held against the processor's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.device.agreement import distances
from benchmarks.device.measure import Pace, in_turn
from benchmarks.device.sessions import placed
from benchmarks.device.ways import ways
from sidecar.engine.manifest import Gate
from sidecar.engine.providers import Shape

FIXED = Shape(fixed=True, has_subgraphs=False, precision="fp32", key="abc")
FREE = Shape(fixed=False, has_subgraphs=False, precision="fp32", key="abc")
HALF = Shape(fixed=True, has_subgraphs=False, precision="fp16", key="abc")


def names(provider: str, shape: Shape, **more: Any) -> list[str]:
    return [way.name for way in ways(provider, shape, **more)]


def test_each_provider_has_its_ways() -> None:
    assert names("cpu", FIXED) == names("directml", FIXED) == ["plain", "bound"]
    assert names("cuda", FIXED) == ["plain", "bound", "no TF32", "CUDA graph"]
    assert names("cuda", FREE) == ["plain", "bound", "no TF32"], "other sizes cannot be replayed"
    assert names("cuda", HALF) == ["plain", "bound", "CUDA graph"], "half precision has no TF32"
    assert names("tensorrt", FIXED, engines=Path("e")) == ["engine built", "engine cached", "cached, bound"]
    assert names("tensorrt", FREE, engines=Path("e")) == [] == names("tensorrt", FIXED)


def test_ways_differ_in_what_they_say_they_do() -> None:
    found = {way.name: way for way in ways("cuda", FIXED, vram_bytes=7)}
    options = {name: dict(way.how.providers[0][1]) for name, way in found.items()}
    assert {one["gpu_mem_limit"] for one in options.values()} == {"7"}
    assert [name for name, one in options.items() if one.get("enable_cuda_graph") == "1"] == ["CUDA graph"]
    assert [name for name, one in options.items() if one.get("use_tf32") == "0"] == ["no TF32"]
    assert {name for name, way in found.items() if way.stands} == {"bound", "CUDA graph"}
    built, cached, _ = ways("tensorrt", FIXED, engines=Path("e"))
    assert built.cold and not cached.cold and built.how == cached.how, "the second finds what the first built"


def test_blocks_take_turns_and_who_begins_changes() -> None:
    called: list[str] = []
    one, other = in_turn(lambda: called.append("a"), lambda: called.append("b"), Pace(rounds=3, block_s=1e-9))
    assert "".join(called) == "aaabbb" + "bbbaaa" + "aaabbb", "one uncounted run and the least that counts"
    assert [summary.count for summary in (*one, *other)] == [2] * 6


# -- answers ---------------------------------------------------------------------------------------------------------


def gate(metric: Any, tolerance: float = 0.01) -> Gate:
    return Gate(against="", metric=metric, tolerance={"model.y": tolerance})


def off(metric: Any, wanted: Any, given: Any, tolerance: float = 0.01) -> Any:
    arrays = ({"y": np.asarray(one, np.float32)} for one in (wanted, given))
    (found,) = distances(gate(metric, tolerance), "model", *arrays)
    return found


@pytest.mark.parametrize("metric", ["max_abs", "max_abs_over_noise", "identical"])
def test_the_largest_difference_counts(metric: Any) -> None:
    near, far = off(metric, [1, 2], [1.005, 2]), off(metric, [1, 2], [1, 2.02])
    assert near.holds is True and far.holds is False and far.value == pytest.approx(0.02, abs=1e-6)


def test_only_a_gate_over_noise_grows_with_the_magnitude() -> None:
    assert off("max_abs_over_noise", [1000], [1000.015]).holds is True
    assert off("max_abs", [1000], [1000.015]).holds is False


def test_directions_and_choices_count_where_the_gate_says_so() -> None:
    assert off("cosine", [1, 0], [2, 0], 0.99).holds is True and off("cosine", [1, 0], [1, 1], 0.99).holds is False
    logits = [[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]
    swapped = [[0.0, 9.0], [0.5, 0.0], [1.0, 0.0], [3.0, 0.0]]
    found = off("agreement", logits, swapped, 0.9)
    assert found.value == 0.75 and found.holds is False


@pytest.mark.parametrize("given", [[np.nan, 2], [1, np.inf], [1, 2, 3]])
def test_no_number_and_another_shape_never_hold(given: Any) -> None:
    found = off("max_abs", [1, 2], given)
    assert found.value is None and found.holds is False


def test_an_output_that_the_gate_does_not_name_is_told_and_not_judged() -> None:
    (found,) = distances(gate("max_abs"), "other", {"y": np.zeros(2)}, {"y": np.ones(2)})
    assert found.value == 1 and found.bound is None and found.holds is None


def test_nodes_are_counted_where_they_ran_in_the_last_run() -> None:
    def node(at: int, provider: str, kind: str = "kernel_time") -> dict[str, Any]:
        return {"cat": "Node", "name": f"a_{kind}", "ts": at, "args": {"provider": f"{provider}ExecutionProvider"}}

    events = [
        {"name": "model_run", "ts": 10},
        node(11, "CPU"),
        {"name": "model_run", "ts": 20},
        node(21, "CUDA"),
        node(22, "CUDA"),
        node(23, "CPU"),
        node(24, "CPU", "fence_before"),
    ]
    assert placed(events) == {"CUDA": 2, "CPU": 1} and placed([]) == {}
