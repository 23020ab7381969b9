"""Choosing tokens: the same candidates as transformers, the same seed the same choice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from sidecar.engine.runners.sampling import GREEDY, Sampler, Sampling, candidates
from sidecar.errors import BadRequest, Unavailable

VOCABULARY = 1500


def logits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, VOCABULARY).astype(np.float32)


@given(
    seed=st.integers(0, 99),
    temperature=st.sampled_from([0.2, 0.7, 1.0, 1.8]),
    top_k=st.sampled_from([0, 1, 7, 400]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
)
@settings(max_examples=80, deadline=None)
def test_candidates_and_their_shares_are_those_of_transformers(
    seed: int, temperature: float, top_k: int, top_p: float
) -> None:
    scores = TemperatureLogitsWarper(temperature)(
        torch.zeros(1, 1), torch.tensor(logits(seed), dtype=torch.float64)[None]
    )
    if top_k:
        scores = TopKLogitsWarper(top_k)(torch.zeros(1, 1), scores)
    if top_p < 1.0:
        scores = TopPLogitsWarper(top_p)(torch.zeros(1, 1), scores)
    expected = torch.softmax(scores[0], -1).numpy()
    places, weights = candidates(logits(seed), Sampling(temperature=temperature, top_k=top_k, top_p=top_p))
    assert set(places.tolist()) == set(np.nonzero(expected)[0].tolist())
    np.testing.assert_allclose(weights / weights.sum(), expected[places], rtol=1e-6)


def test_draws_come_as_often_as_their_share() -> None:
    sampler = Sampler(Sampling(temperature=1.0, seed=5), 4)
    scores = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    drawn = np.bincount([sampler.choose(scores) for _ in range(8000)], minlength=4) / 8000
    np.testing.assert_allclose(drawn, [0.5, 0.3, 0.15, 0.05], atol=0.02)


def test_the_penalty_is_that_of_transformers() -> None:
    seen = [3, 9, 9, 700]
    expected = RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor([seen]), torch.tensor(logits(1))[None].clone())
    sampler = Sampler(Sampling(repetition_penalty=1.7), VOCABULARY)
    sampler.saw(seen)
    best = logits(1)
    best[9] = 1.5 * best.max()  # falls behind the second best once it was seen
    plain = Sampler(GREEDY, VOCABULARY)
    assert plain.choose(best) == 9 and sampler.choose(best) == int(logits(1).argmax())
    assert sampler.choose(logits(1)) == int(expected[0].argmax())
    below = np.full(VOCABULARY, -9.0, np.float32)
    below[9], below[10] = -2.0, -3.0  # a penalty makes what is negative more so
    assert plain.choose(below) == 9 and sampler.choose(below) == 10


def test_a_seed_repeats_and_another_one_does_not() -> None:
    def drawn(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.5, top_p=0.95, seed=seed), VOCABULARY)
        return [sampler.choose(logits(place)) for place in range(20)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_only_allowed_ids_are_chosen() -> None:
    allowed = np.array([5, 17, 1203])
    for sampling in (GREEDY, Sampling(temperature=2.0, seed=1, repetition_penalty=1.2)):
        sampler = Sampler(sampling, VOCABULARY)
        assert {sampler.choose(logits(place), allowed) for place in range(30)} <= set(allowed.tolist())
    assert Sampler(GREEDY, VOCABULARY).choose(logits(0), allowed) == allowed[logits(0)[allowed].argmax()]


def test_logits_that_are_no_numbers_are_an_error() -> None:
    broken = logits(0)
    broken[3] = np.nan
    for sampling in (GREEDY, Sampling(temperature=1.0, seed=0)):
        with pytest.raises(Unavailable, match="not a number"):
            Sampler(sampling, VOCABULARY).choose(broken)


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -0.1}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.01},
     {"repetition_penalty": 0.0}],
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadRequest, match=next(iter(wrong))):
        Sampling(**wrong)  # type: ignore[arg-type]
