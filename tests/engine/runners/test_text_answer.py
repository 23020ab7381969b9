"""Answers and conversations of the text runner, on a decoder made of arithmetic: streaming, stopping, cancelling."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from text_models import CONTEXT, Arithmetic, byte_level, changed, generator, spec

from sidecar.engine.runners.answer import CHUNK_TOKENS, Options
from sidecar.engine.runners.chat import Message
from sidecar.engine.runners.graph import Terminated
from sidecar.engine.runners.sampling import Sampling
from sidecar.engine.runners.text import TextGenerator
from sidecar.errors import BadRequest, TooLarge, Unavailable

PROMPT = [7, 300, 21, 9]
STOP = 4


def saying(text: str, *, stop: bool = True) -> tuple[TextGenerator, Arithmetic, list[int]]:
    """A runner that says this after `PROMPT`, one byte a token, so that letters take several."""
    runner = generator(graph := Arithmetic())
    by_piece = {piece: token for token, piece in enumerate(runner.tokenizer.pieces) if len(piece) == 1}
    ids = [by_piece[bytes([byte])] for byte in text.encode()]
    graph.say([*ids, STOP] if stop else ids, after=len(PROMPT))
    return runner, graph, ids


def test_text_streams_letter_by_letter_and_ends_at_the_stop_token() -> None:
    runner, graph, ids = saying("红 hat🧣")
    answer = runner.conversation().generate(PROMPT)
    pieces = list(answer)
    assert "".join(piece.text for piece in pieces) == "红 hat🧣"
    assert [piece.text for piece in pieces if piece.text] == ["红", " ", "h", "a", "t", "🧣"]
    assert [piece.token for piece in pieces] == ids == answer.tokens
    assert answer.reason == "stop" and answer.usage.generated == len(ids)
    assert graph.runs == [len(PROMPT)] + [1] * len(ids)


def test_the_first_piece_comes_before_the_second_token_is_computed() -> None:
    runner, graph, _ = saying("abc")
    answer = runner.conversation().generate(PROMPT)
    assert graph.runs == []
    assert next(answer).text == "a" and graph.runs == [len(PROMPT)]
    assert next(answer).text == "b" and graph.runs == [len(PROMPT), 1]


def test_closing_ends_within_one_token() -> None:
    runner, graph, _ = saying("abcdef")
    answer = runner.conversation().generate(PROMPT)
    next(answer), next(answer)
    before = len(graph.runs)
    answer.close()
    assert list(answer) == [] and len(graph.runs) == before


def test_a_new_answer_ends_the_one_before() -> None:
    runner, graph, _ = saying("abcdef")
    conversation = runner.conversation()
    first = conversation.generate(PROMPT)
    next(first)
    conversation.generate(PROMPT)
    before = len(graph.runs)
    assert list(first) == [] and len(graph.runs) == before


def test_max_tokens_ends_without_a_run_for_a_token_that_nobody_gets() -> None:
    runner, graph, _ = saying("abcdef", stop=False)
    answer = runner.conversation().generate(PROMPT, Options(max_tokens=3))
    assert answer.text() == "abc" and answer.reason == "length"
    assert graph.runs == [len(PROMPT), 1, 1]


def test_half_a_letter_at_the_end_is_said_as_such() -> None:
    runner, _, _ = saying("a红", stop=False)
    assert runner.conversation().generate(PROMPT, Options(max_tokens=3)).text() == "a\ufffd"


@pytest.mark.parametrize(
    ("stops", "said", "reason"),
    [
        (("\n\n",), "one\ntwo", "stop_string"),
        (("two\n\n", "zzz"), "one\n", "stop_string"),
        (("three!",), "one\ntwo\n\nthree", "stop"),  # its beginning is said once it is certain that it is none
        (("o",), "", "stop_string"),
    ],
)
def test_stop_strings_are_not_said(stops: tuple[str, ...], said: str, reason: str) -> None:
    runner, _, _ = saying("one\ntwo\n\nthree")
    answer = runner.conversation().generate(PROMPT, Options(stop=stops))
    assert answer.text() == said and answer.reason == reason


def test_a_long_prompt_is_read_in_chunks_and_tells_how_far_it_is() -> None:
    runner = generator(graph := Arithmetic())
    prompt = np.random.default_rng(0).integers(5, 500, 2 * CHUNK_TOKENS + 11).tolist()
    heard: list[tuple[int, int]] = []
    answer = runner.conversation().generate(
        prompt, Options(max_tokens=1), progress=lambda done, total: heard.append((done, total))
    )
    answer.text()
    assert graph.runs == [CHUNK_TOKENS, CHUNK_TOKENS, 11]
    assert heard == [(done, len(prompt)) for done in (CHUNK_TOKENS, 2 * CHUNK_TOKENS, len(prompt))]
    whole = generator(Arithmetic()).conversation()
    logits = whole.feed(prompt)  # in one run
    assert answer.tokens == [int(logits.argmax())]


@pytest.mark.parametrize("shared", [False, True])
def test_every_turn_says_what_a_fresh_conversation_would(shared: bool) -> None:
    """Prompts that go on, go back, part in the middle, repeat: whatever is reused, the answer is the same."""
    runner = generator(Arithmetic(shared=shared))
    conversation = runner.conversation()
    random = np.random.default_rng(4)
    prompt = random.integers(5, 500, 30).tolist()
    reused = 0
    for turn in range(25):
        answer = conversation.generate(prompt, Options(max_tokens=6))
        answer.text()
        fresh = runner.conversation().generate(prompt, Options(max_tokens=6))
        fresh.text()
        assert answer.tokens == fresh.tokens and fresh.usage.reused == 0
        assert conversation.tokens == (*prompt, *answer.tokens[:-1])
        reused += answer.usage.reused
        cut = int(random.integers(1, len(prompt) + 1)) if turn % 3 else len(prompt)
        prompt = [*prompt[:cut], *answer.tokens, *random.integers(5, 500, int(random.integers(0, 9))).tolist()][:300]
    assert reused > 200


def test_a_prompt_that_is_known_whole_is_computed_from_its_last_token() -> None:
    runner = generator(graph := Arithmetic())
    conversation = runner.conversation()
    prompt = np.random.default_rng(2).integers(5, 500, 40).tolist()
    first = conversation.generate(prompt, Options(max_tokens=5))
    first.text()
    for known in (prompt, prompt[:25]):
        graph.runs.clear()
        again = conversation.generate(known, Options(max_tokens=5))
        again.text()
        assert again.usage.reused == len(known) - 1 and graph.runs[0] == 1
    assert (
        conversation.generate(prompt, Options(max_tokens=5)).text()
        == runner.conversation().generate(prompt, Options(max_tokens=5)).text()
    )


def test_a_cancelled_run_leaves_what_was_computed() -> None:
    runner = generator(graph := Arithmetic())
    conversation = runner.conversation()
    prompt = np.random.default_rng(1).integers(5, 500, 3 * CHUNK_TOKENS).tolist()

    def cancel(done: int, total: int) -> None:
        graph.fail = Terminated() if done == 2 * CHUNK_TOKENS else None

    with pytest.raises(Terminated):
        conversation.generate(prompt, Options(max_tokens=4), progress=cancel).text()
    graph.fail = None
    again = conversation.generate(prompt, Options(max_tokens=4))
    again.text()
    assert again.usage.reused == 2 * CHUNK_TOKENS
    fresh = runner.conversation().generate(prompt, Options(max_tokens=4))
    fresh.text()
    assert again.tokens == fresh.tokens


def test_a_conversation_goes_on_in_its_own_cache() -> None:
    runner = generator(Arithmetic())
    conversation = runner.conversation()
    turns = [Message("system", "Be short."), Message("user", "红色 dress?")]
    first = conversation.reply(turns, Options(max_tokens=5))
    said = first.text()
    second = conversation.reply(
        [*turns, Message("assistant", said), Message("user", "And shoes?")], Options(max_tokens=5)
    )
    second.text()
    assert second.usage.reused >= first.usage.prompt - 1
    assert second.usage.prompt > first.usage.prompt


def test_sampling_is_repeatable_by_its_seed() -> None:
    def said(seed: int) -> str:
        options = Options(max_tokens=30, sampling=Sampling(temperature=1.2, top_p=0.9, top_k=50, seed=seed))
        return generator(Arithmetic()).conversation().generate(PROMPT, options).text()

    assert said(3) == said(3) != said(4)


def test_completion_starts_with_what_the_tokenizer_puts_before_a_text() -> None:
    processor = {
        "type": "TemplateProcessing", "pair": [],
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }  # fmt: skip
    runner = generator(tokenizer=changed(byte_level(), post_processor=processor))
    conversation = runner.conversation()
    conversation.complete("red", Options(max_tokens=1)).text()
    assert conversation.tokens == (1, *runner.tokenizer.encode("red"))


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [[], [-1], [600]])
def test_prompts_of_no_tokens_or_unknown_ones_are_refused(prompt: list[int]) -> None:
    with pytest.raises(BadRequest, match="does not know"):
        generator().conversation().generate(prompt)


def test_a_prompt_that_leaves_no_room_is_refused_or_cut_as_the_caller_says() -> None:
    conversation = generator().conversation()
    with pytest.raises(TooLarge, match=r"has 351 tokens; the model has room for 350"):
        conversation.generate([7] * 351, Options(max_tokens=50))
    turns = [Message("user" if place % 2 == 0 else "assistant", "a white shoe " * 8) for place in range(21)]
    with pytest.raises(TooLarge, match="Shorten"):
        conversation.reply(turns, Options(max_tokens=50))
    answer = conversation.reply(turns, Options(max_tokens=50), overflow="trim")
    answer.text()
    assert 200 < answer.usage.prompt <= CONTEXT - 50


@pytest.mark.parametrize("wrong", [{"max_tokens": 0}, {"max_tokens": 5000}])
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="max_tokens"):
        Options(**wrong)


def test_a_model_without_a_template_only_completes() -> None:
    files = {"tokenizer.json": byte_level()}
    runner = TextGenerator(msgspec.structs.replace(spec(), chat_template=None), files, {"model": Arithmetic()})
    with pytest.raises(BadRequest, match="no chat template"):
        runner.conversation().reply([Message("user", "x")])
    assert runner.conversation().complete("red", Options(max_tokens=2)).usage.prompt > 0


def test_a_graph_that_is_not_the_manifests_is_refused() -> None:
    files = {"tokenizer.json": byte_level(), "chat.jinja": b"x"}
    for graph, says in [(Arithmetic(layers=3), "so many layers"), (Arithmetic(layers=1), "so many layers")]:
        with pytest.raises(Unavailable, match=says):
            TextGenerator(spec(), files, {"model": graph}).conversation()
    for wrong, says in [({"head_size": 8}, "another shape"), ({"vocabulary": 100}, "does not know")]:
        with pytest.raises(Unavailable, match=says):
            TextGenerator(msgspec.structs.replace(spec(), **wrong), files, {"model": Arithmetic()}).conversation()
    with pytest.raises(Unavailable, match="does not have"):
        TextGenerator(msgspec.structs.replace(spec(), stop_ids=(600,)), files, {"model": Arithmetic()})
    with pytest.raises(Unavailable, match="not text"):
        TextGenerator(spec(), files | {"chat.jinja": b"\xff"}, {"model": Arithmetic()})
