"""Accuracy as numbers, timing in turns, the choice, decoders with and without their cache."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import recipe

from export import auto, decoders, measure
from export.accuracy import Comparison, Deviation, holds
from export.auto import Row
from export.candidates import Candidate, candidates
from export.errors import AgreementError, AtolError, CacheError, CosineError, GreedyError, PrecisionError
from export.recipe import Accuracy, GraphSpec, Tensor


def f32(*values: Any) -> NDArray[np.float32]:
    return np.array(values, np.float32)


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_a_deviation_is_the_worst_of_all_probes() -> None:
    seen = Deviation()
    seen.add(f32([1, 2], [3, 4]), f32([1, 2], [3, 4.5]))
    seen.add(f32([0, 1]), f32([1, 0]))
    assert seen.max_abs == 1.0 and seen.largest == 4.0
    assert seen.cosine == pytest.approx(0.0)
    assert (seen.equal, seen.choices, seen.agreement) == (2, 3, pytest.approx(2 / 3))


def test_choices_can_be_left_out_of_a_probe() -> None:
    comparison = Comparison("y")
    comparison.add({"y": f32([0, 1])}, {"y": f32([1, 0])}, choices=False)
    comparison.add({"y": f32([0, 1])}, {"y": f32([0, 1])})
    assert comparison.worst("agreement") == 1.0 and comparison.worst("max_abs") == 1.0


def test_cosine_is_by_row_and_rows_of_zeros_are_equal() -> None:
    seen = Deviation()
    seen.add(f32([1, 0], [0, 0]), f32([1, 1], [0, 0]))
    assert seen.cosine == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("found", [np.nan, np.inf])
@pytest.mark.parametrize("gate", [Accuracy("max_abs", 1e30), Accuracy("cosine", -0.5), Accuracy("agreement", 0.5)])
def test_nan_and_infinity_never_pass(found: float, gate: Accuracy) -> None:
    comparison = Comparison("y")
    comparison.add({"y": f32([2, 1])}, {"y": f32([2, found])})
    assert list(comparison.failures("g", gate))


def test_equal_infinities_are_equal() -> None:
    seen = Deviation()
    seen.add(f32([-np.inf, 1]), f32([-np.inf, 1]))
    assert seen.max_abs == 0.0 and seen.agreement == 1.0


@pytest.mark.parametrize(
    ("gate", "kind", "said"),
    [
        (Accuracy("max_abs", 0.1), AtolError, "g.y differs from the source by 5.00e-01; at most 1.00e-01"),
        (Accuracy("cosine", 0.999), CosineError, "g.y has a cosine similarity of 0.9"),
        (Accuracy("agreement", 0.9), AgreementError, "g.y makes 50.0% of the source's choices; at least 90.0%"),
        (Accuracy("identical", 1.0), AtolError, "g.y differs from the source by 2.50e-01 of its range"),
        (Accuracy("max_abs", 9.0, {"g.y": 0.1}), AtolError, "at most 1.00e-01"),
    ],
)
def test_each_metric_has_its_own_error(gate: Accuracy, kind: type[Exception], said: str) -> None:
    comparison = Comparison("y")
    comparison.add({"y": f32([1.0, 1.1], [1, 2])}, {"y": f32([1.5, 1.1], [1, 2])})
    comparison.add({"y": f32([[2.0]])}, {"y": f32([[2.0]])})
    (failed,) = list(comparison.failures("g", gate)) or [None]
    if gate.metric == "agreement":
        comparison.seen["y"].equal, comparison.seen["y"].choices = 1, 2
        (failed,) = comparison.failures("g", gate)
    assert isinstance(failed, kind) and said in str(failed)


def test_an_unknown_metric_is_no_gate() -> None:
    with pytest.raises(PrecisionError):
        holds("max_abs_over_noise", 0.0, 1.0)


# -- timing and choice -------------------------------------------------------------------------------------------------


def test_in_turns_compares_within_a_round_so_that_noise_meets_all() -> None:
    """The machine becomes ten times slower in the middle: medians move, the ratio does not."""
    now = [0.0]
    calls = itertools.count()

    def run(cost: float) -> None:
        now[0] += cost * (10 if next(calls) > 25 else 1)

    timed = measure.in_turns(
        {"fp32": lambda: run(1.0), "int8": lambda: run(0.5)},
        baseline="fp32",
        rounds=20,
        budget_s=1e9,
        clock=lambda: now[0],
    )
    assert timed["int8"].speedup == pytest.approx(2.0) and timed["fp32"].speedup == 1.0
    assert timed["fp32"].rounds == 20


def test_in_turns_stops_at_its_budget_after_five_rounds() -> None:
    now = [0.0]

    def run() -> None:
        now[0] += 100.0

    timed = measure.in_turns({"fp32": run}, baseline="fp32", budget_s=1.0, clock=lambda: now[0])
    assert timed["fp32"].rounds == measure.LEAST_ROUNDS


def rows(**speeds: tuple[float, int, bool]) -> list[Row]:
    """name -> times as fast as fp32, bytes, passed."""
    known = {row.name.replace("-", "_"): row for row in candidates(recipe(), "cpu", "auto")}
    found = []
    for name, (speedup, size, passed) in {"fp32": (1.0, 100, True), **speeds}.items():
        row = Row("model", known[name], bytes=size, passed=passed, p50_ms=10 / speedup, speedup=speedup)
        row.problem = "" if passed else "below its gate"
        found.append(row)
    return found


def test_the_fastest_that_passes_is_kept() -> None:
    made = rows(fp16=(0.7, 50, True), int8_dynamic=(2.5, 25, True), int4_weights=(3.0, 12, False))
    (kept,) = auto.choose(made, "auto")
    assert kept.candidate.name == "int8-dynamic" and kept.chosen
    text = auto.table(made)
    assert "| model | int8-dynamic | 0.0 | 4.00 | 2.50 |" in text and text.count("**kept**") == 1
    assert "below its gate" in text


def test_a_conv_net_that_rounding_makes_slower_stays_as_it_is() -> None:
    (kept,) = auto.choose(rows(fp16=(0.75, 50, True), int8_dynamic=(0.98, 90, True)), "auto")
    assert kept.candidate.name == "int8-dynamic"  # within the noise, and smaller
    (kept,) = auto.choose(rows(fp16=(0.75, 50, True), int8_dynamic=(0.9, 90, True)), "auto")
    assert kept.candidate.name == "fp32"


def test_a_graph_that_does_not_pass_stays_in_fp32_if_another_passes() -> None:
    first, second = rows(fp16=(1.5, 50, True)), rows(fp16=(1.5, 50, False))
    for row in second:
        row.graph = "decoder"
    kept = auto.choose([*first, *second], "fp16")
    assert [(row.graph, row.candidate.name) for row in kept] == [("model", "fp16"), ("decoder", "fp32")]


def test_what_runs_where() -> None:
    names = {
        device: [row.name for row in candidates(recipe(), device, "auto")] for device in ("cpu", "cuda", "directml")
    }
    assert names["cpu"] == ["fp32", "fp16", "int8-dynamic", "int8-weights", "int4-weights"]
    assert names["cuda"] == ["fp32", "fp16", "int8-weights", "int4-weights"]
    assert names["directml"] == ["fp32", "fp16"]
    weights = [row.name for row in candidates(recipe(quantize="weights"), "cpu", "auto")]
    assert weights == ["fp32", "fp16", "int8-weights", "int4-weights"]


def test_a_source_that_is_int8_already_is_taken_as_it_is() -> None:
    only = recipe(gates={"int8": Accuracy("identical", 1.0)})
    assert candidates(only, "cpu", "auto") == (Candidate("int8", "int8", "none", ("cpu",), "as converted"),)
    with pytest.raises(PrecisionError, match="possible are int8"):
        candidates(only, "cpu", "fp16")


# -- decoders ----------------------------------------------------------------------------------------------------------

VOCABULARY, LAYERS, HEADS, WIDTH = 50, 2, 2, 4
SPEC = GraphSpec(
    name="model",
    component="model",
    inputs=(
        Tensor("input_ids", "int64", ("batch", "sequence")),
        Tensor("attention_mask", "int64", ("batch", "total")),
        Tensor("position_ids", "int64", ("batch", "sequence")),
        *(
            Tensor(f"past_key_values.{layer}.{kind}", "float32", ("batch", HEADS, "past", WIDTH))
            for layer in range(LAYERS)
            for kind in ("key", "value")
        ),
    ),
    outputs=(
        Tensor("logits", "float32", ("batch", "sequence", VOCABULARY)),
        *(
            Tensor(f"present.{layer}.{kind}", "float32", ("batch", HEADS, "total", WIDTH))
            for layer in range(LAYERS)
            for kind in ("key", "value")
        ),
    ),
)


class Decoder:
    """A decoder in numpy: each token's vector goes into the cache, logits follow from the mean of what the cache
    holds.
    """

    def __init__(self, seed: int = 3, *, forgets: bool = False, ignores_positions: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self._vectors = rng.standard_normal((VOCABULARY, HEADS, WIDTH)).astype(np.float32)
        self._places = rng.standard_normal((64, HEADS, WIDTH)).astype(np.float32)
        self._head = rng.standard_normal((HEADS * WIDTH, VOCABULARY)).astype(np.float32)
        self._forgets, self._ignores_positions = forgets, ignores_positions

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        ids, positions = feeds["input_ids"], feeds["position_ids"]
        past = feeds["past_key_values.0.key"]
        assert feeds["attention_mask"].shape[1] == past.shape[2] + ids.shape[1]
        if self._ignores_positions:
            positions = np.arange(ids.shape[1])[None]
        new = (self._vectors[ids] + self._places[positions]).transpose(0, 2, 1, 3)
        present = new if self._forgets else np.concatenate([past, new], axis=2)
        means = np.cumsum(present, axis=2) / np.arange(1, present.shape[2] + 1)[None, None, :, None]
        seen = means[:, :, present.shape[2] - ids.shape[1] :].transpose(0, 2, 1, 3).reshape(*ids.shape, -1)
        outputs: dict[str, NDArray[Any]] = {"logits": (seen @ self._head).astype(np.float32)}
        for layer in range(LAYERS):
            outputs |= {f"present.{layer}.{kind}": present.astype(np.float32) for kind in ("key", "value")}
        return outputs


def test_a_decoder_is_known_by_its_tensors() -> None:
    assert decoders.is_decoder(SPEC)
    assert not decoders.is_decoder(recipe().graphs[0])


def test_a_right_decoder_passes() -> None:
    assert decoders.check(SPEC, Decoder(), Decoder(), vocabulary=VOCABULARY) == decoders.TOKENS


def test_a_cache_that_is_forgotten_is_seen() -> None:
    with pytest.raises(CacheError, match=r"with its cache the logits differ by .* from those without"):
        decoders.check(SPEC, Decoder(forgets=True), Decoder(), vocabulary=VOCABULARY)


def test_positions_that_start_anew_are_seen() -> None:
    with pytest.raises(CacheError, match="Positions or attention mask"):
        decoders.check(SPEC, Decoder(ignores_positions=True), Decoder(), vocabulary=VOCABULARY)


def test_other_greedy_tokens_than_the_source_are_seen() -> None:
    with pytest.raises(GreedyError, match=r"greedy token \d+ is \d+, the source's is \d+"):
        decoders.check(SPEC, Decoder(), Decoder(seed=4), vocabulary=VOCABULARY)
