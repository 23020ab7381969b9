"""Constrained answers of models that know nothing: whatever the logits, the answer is in the language."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_models import Arithmetic, byte_level, generator, spaced

from sidecar.engine.runners.answer import Options
from sidecar.engine.runners.automaton import DEAD
from sidecar.engine.runners.constrain import Constraint, Vocabulary, choices, json_schema
from sidecar.engine.runners.sampling import Sampling
from sidecar.engine.runners.tokens import Tokenizer
from sidecar.errors import BadRequest, Unavailable

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "tags": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "sure": {"type": "boolean"},
    },
}
JSON = json_schema(SCHEMA)
WORDS = ["red dress", "red shoes", "红色", "红色连衣裙", "🧣", "no"]
CHOICES = choices(WORDS)
TOKENIZERS = {"bytes": byte_level(), "spaces": spaced()}
RUNNERS = {kind: generator(tokenizer=data) for kind, data in TOKENIZERS.items()}
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 1.0, 3.0]),
    top_p=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 2**32),
)


def answer(constraint: Constraint, seed: int, most: int, *, kind: str, sampling: Sampling, prompt: int = 7) -> Any:
    runner = RUNNERS[kind]
    runner.graph.seed = seed  # type: ignore[attr-defined]
    options = Options(max_tokens=most, constraint=constraint, sampling=sampling)
    return runner.conversation().generate([prompt], options)


@pytest.mark.parametrize("kind", list(TOKENIZERS))
@given(seed=st.integers(0, 2**32), most=st.integers(38, 120), sampling=SAMPLINGS)
@settings(max_examples=60, deadline=None)
def test_json_is_json_of_the_schema_however_few_tokens_are_left(
    kind: str, seed: int, most: int, sampling: Sampling
) -> None:
    found = answer(JSON, seed, most, kind=kind, sampling=sampling)
    text = found.text()
    value = json.loads(text)
    assert JSON.automaton.matches(text)
    assert list(value) == ["name", "tags", "sure"] and len(value["name"]) <= 12 and isinstance(value["sure"], bool)
    assert len(found.tokens) <= most and found.reason == "complete"


@pytest.mark.parametrize("kind", list(TOKENIZERS))
@given(seed=st.integers(0, 2**32), sampling=SAMPLINGS)
@settings(max_examples=60, deadline=None)
def test_a_choice_is_one_of_the_choices(kind: str, seed: int, sampling: Sampling) -> None:
    found = answer(CHOICES, seed, 30, kind=kind, sampling=sampling)
    assert found.text() in WORDS
    assert found.reason in ("complete", "stop")


def test_every_choice_can_be_made() -> None:
    made = {answer(CHOICES, seed, 30, kind="bytes", sampling=Sampling()).text() for seed in range(60)}
    assert made == set(WORDS)


def test_what_has_no_choice_left_is_said_without_a_run() -> None:
    runner = generator(graph := Arithmetic())
    found = runner.conversation().generate([7], Options(constraint=choices(["a long answer without any choice"])))
    assert found.text() == "a long answer without any choice"
    assert graph.runs == [1] and found.tokens == []


def test_what_must_follow_is_read_in_one_run() -> None:
    runner = generator(graph := Arithmetic())
    schema = {"type": "object", "properties": {"in_stock": {"type": "boolean"}}}
    found = runner.conversation().generate([7], Options(constraint=json_schema(schema)))
    assert found.text() in ('{"in_stock": true}', '{"in_stock": false}')
    assert max(graph.runs) > 1 and sum(graph.runs) > len(graph.runs)


@pytest.mark.parametrize("kind", list(TOKENIZERS))
def test_the_walk_of_all_tokens_is_the_walk_of_each(kind: str) -> None:
    tokenizer = Tokenizer(TOKENIZERS[kind])
    stop = next(token for token, piece in enumerate(tokenizer.pieces) if len(piece) == 2 and piece.isalpha())
    vocabulary = Vocabulary(tokenizer, (4, stop))  # a stop token may have a spelling, and is none of these even so
    automaton = JSON.automaton
    for state in np.random.default_rng(2).integers(0, len(automaton.table), 25):
        tokens, states = vocabulary.walk(automaton, int(state))
        expected = {
            token: after
            for token, piece in enumerate(tokenizer.pieces)
            if piece and token not in (4, stop) and (after := automaton.after(int(state), piece)) != DEAD
        }
        assert dict(zip(tokens.tolist(), states.tolist(), strict=True)) == expected


def test_too_few_tokens_are_refused_before_anything_runs() -> None:
    with pytest.raises(BadRequest, match="may need 38 tokens"):
        answer(JSON, 0, 37, kind="bytes", sampling=Sampling())


def test_a_tokenizer_that_cannot_spell_is_refused() -> None:
    data = json.loads(spaced())
    del data["model"]["vocab"]["<0xF0>"]
    runner = generator(tokenizer=json.dumps(data).encode())
    with pytest.raises(Unavailable, match="cannot spell"):
        runner.conversation().generate([7], Options(constraint=choices(["🧣"])))


def test_what_a_tokenizer_cannot_spell_is_left_out_of_a_class_of_letters() -> None:
    data = json.loads(spaced())
    del data["model"]["vocab"]["<0xF0>"]
    runner = generator(tokenizer=json.dumps(data).encode())
    for seed in range(20):
        runner.graph.seed = seed  # type: ignore[attr-defined]
        sampling = Sampling(temperature=3.0, seed=seed)
        text = runner.conversation().generate([7], Options(constraint=JSON, sampling=sampling)).text()
        assert JSON.automaton.matches(text) and b"\xf0" not in text.encode()
    assert JSON.automaton.matches('{"name": "🧣", "tags": [], "sure": true}')


def test_stop_strings_and_constraints_exclude_each_other() -> None:
    with pytest.raises(BadRequest, match="stop strings"):
        Options(stop=("x",), constraint=CHOICES)
