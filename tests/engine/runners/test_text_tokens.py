"""Tokenizers: ids, bytes, text that comes token by token, and files that lie."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_models import CORPUS, byte_level, changed, spaced
from tokenizers import Tokenizer as RustTokenizer

from sidecar.engine.runners import tokens as module
from sidecar.engine.runners.tokens import TextStream, Tokenizer, spell
from sidecar.errors import BadRequest, Unavailable

KINDS = {"bytes": byte_level, "spaces": spaced}


def streamed(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    stream = TextStream(tokenizer)
    return [*(stream.feed(token) for token in ids), stream.finish()]


@pytest.mark.parametrize("kind", list(KINDS))
@given(text=st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_text_comes_back_from_its_tokens(kind: str, text: str) -> None:
    tokenizer = Tokenizer(KINDS[kind]())
    if any(name in text for name in tokenizer.special_texts) or "▁" in text:
        return
    assert "".join(streamed(tokenizer, tokenizer.encode(text))) == text


@given(ids=st.lists(st.integers(0, 599), max_size=30))
@settings(max_examples=200, deadline=None)
def test_streamed_text_is_what_the_library_decodes_at_once(ids: list[int]) -> None:
    assert "".join(streamed(Tokenizer(byte_level()), ids)) == RustTokenizer.from_buffer(byte_level()).decode(ids)


@pytest.mark.parametrize("kind", list(KINDS))
def test_no_piece_ends_within_a_code_point(kind: str) -> None:
    tokenizer = Tokenizer(KINDS[kind]())
    text = "𠮷野家的围巾🧣 and 绸缎"
    ids = tokenizer.encode(text)
    assert len(ids) > len(text)  # some letters take several tokens
    pieces = streamed(tokenizer, ids)
    assert "".join(pieces) == text and not any("\ufffd" in piece for piece in pieces)


def test_an_unfinished_code_point_is_said_at_the_end() -> None:
    tokenizer = Tokenizer(byte_level())
    ids = tokenizer.encode("a🧣")[:-1]
    assert streamed(tokenizer, ids)[0] == "a" and streamed(tokenizer, ids)[-1] == "\ufffd"


def test_special_tokens_are_silent_and_only_the_caller_asks_for_those_around_a_text() -> None:
    tokenizer = Tokenizer(spaced())
    assert tokenizer.encode("red", with_special=True) == [1, *tokenizer.encode("red")]
    assert "".join(streamed(tokenizer, [1, *tokenizer.encode("red"), 4])) == "red"
    assert spell(tokenizer, tokenizer.encode("红色")) == " 红色".encode()


def test_other_ways_of_spelling_can_encode_but_not_stream() -> None:
    tokenizer = Tokenizer(changed(byte_level(), decoder={"type": "WordPiece", "prefix": "##", "cleanup": True}))
    assert tokenizer.encode("red")
    with pytest.raises(Unavailable, match="not supported"):
        TextStream(tokenizer)


def test_a_text_without_bounds_or_with_half_characters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer(byte_level())
    with pytest.raises(BadRequest, match="cannot read"):
        tokenizer.encode("\ud800")
    monkeypatch.setattr(module, "MAX_TEXT_CHARS", 10)
    with pytest.raises(BadRequest, match="at most 10 characters"):
        tokenizer.encode("x" * 11)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"decoder": 3}', byte_level()[:-20]],
    ids=["empty", "no parts", "no text", "a list", "null", "deep", "wrong type", "cut off"],
)
def test_a_file_that_is_no_tokenizer_is_refused(data: bytes) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        Tokenizer(data)


def test_a_tokenizer_larger_than_its_model_or_than_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="does not know"):
        Tokenizer(byte_level(), vocabulary=Tokenizer(byte_level()).size - 1)
    data = json.loads(byte_level())
    data["model"]["vocab"]["far"] = 4_000_000_000
    with pytest.raises(Unavailable, match="does not know"):
        Tokenizer(json.dumps(data).encode())
    monkeypatch.setattr(module, "MAX_TOKENIZER_BYTES", 1000)
    with pytest.raises(Unavailable, match="too large"):
        Tokenizer(byte_level())


def test_every_token_of_a_corpus_has_its_bytes() -> None:
    for make in KINDS.values():
        tokenizer = Tokenizer(make())
        for text in CORPUS:
            assert spell(tokenizer, tokenizer.encode(text)).decode().strip() == text
