"""The table of ops against the code behind it."""

from __future__ import annotations

from sidecar.engine.registry import Registry
from sidecar.ops import registry
from sidecar.tryon.segment import SEGMENT_MODELS
from sidecar.tryon.session import STREAM_MODELS
from sidecar.tryon.still import STILL_MODELS
from sidecar.wire.ops import LATER, OPS


def test_ops_ask_for_the_models_that_their_code_uses() -> None:
    assert set(OPS["tryon.stream"].models) == set(STREAM_MODELS)
    assert set(OPS["tryon.still"].models) == set(STILL_MODELS)
    assert set(OPS["vision.segment"].models) == set(SEGMENT_MODELS)


def test_every_op_of_a_worker_has_its_function_and_no_other() -> None:
    in_workers = {name: rule.kind for name, rule in OPS.items() if rule.lane != "gateway"}
    assert {name for name, kind in in_workers.items() if kind != "B"} == set(registry.UNARY)
    assert {name for name, kind in in_workers.items() if kind == "B"} == set(registry.STREAMS)


def test_a_pack_named_by_a_refusal_can_be_installed() -> None:
    index = Registry().index
    for rule in OPS.values():
        if rule.models:
            assert set(rule.models) <= set(index.expand([rule.pack]))


def test_no_op_is_both_here_and_later() -> None:
    assert not set(OPS) & set(LATER)
