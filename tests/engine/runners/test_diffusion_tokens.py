"""CLIP's tokens from a pack's file are those of transformers' tokenizer."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from clip_vocabulary import END, tokenizer_json, vocabulary, write
from transformers import CLIPTokenizer, CLIPTokenizerFast

from sidecar.engine.runners.clip_tokens import ClipTokens
from sidecar.errors import BadRequest, Unavailable

SAMPLES = [
    "",
    "a photo of the red dress",
    "A  RED\tDress,\nit's 42 € and won't fit!",
    "一件红色的连衣裙，配蓝色外套。",
    "红 dress 蓝coat混排ABC123",
    "the dress 👗✨ for 👩🏽‍🦰 in 2 colours 🇨🇳",
    "caf\u00e9 cafe\u0301 ÀÉÎ straße ﬁne",
    "<|endoftext|> a coat <|startoftext|>",
    "a red dress " * 40,
    "连衣裙" * 60,
    "👗" * 50,
]


@pytest.fixture(scope="module")
def tokens() -> ClipTokens:
    return ClipTokens(tokenizer_json(), length=77, pad_id=None)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "slow"])
def test_tokens_are_those_of_transformers(tokens: ClipTokens, tmp_path: Path, fast: bool) -> None:
    files = write(tmp_path)
    theirs = (CLIPTokenizerFast if fast else CLIPTokenizer)(*files, pad_token=END)
    if not fast:  # as with ftfy installed, which CLIP was trained with; it changes none of the samples beyond this
        theirs.fix_text = lambda text: unicodedata.normalize("NFC", text)
    for text in SAMPLES:
        wanted = theirs(text, padding="max_length", max_length=77, truncation=True)["input_ids"]
        assert tokens(text).tolist() == [wanted], text


def test_padding_is_what_the_manifest_says() -> None:
    ids, _ = vocabulary()
    found = ClipTokens(tokenizer_json(), length=8, pad_id=0)("red")
    assert found[0, 2:].tolist() == [ids[END], 0, 0, 0, 0, 0]


def test_a_tokenizer_without_begin_and_end_is_refused() -> None:
    bare = json.dumps(json.loads(tokenizer_json()) | {"post_processor": None}).encode()
    with pytest.raises(Unavailable, match="between a begin and an end token"):
        ClipTokens(bare, length=77, pad_id=None)


def test_a_broken_tokenizer_is_refused() -> None:
    whole = tokenizer_json()
    for data in (b"", b"{}", whole[:-10], whole[: len(whole) // 2], b"\x00" * 100):
        with pytest.raises(Unavailable, match="tokenizer"):
            ClipTokens(data, length=77, pad_id=None)


def test_an_endless_prompt_is_refused(tokens: ClipTokens) -> None:
    with pytest.raises(BadRequest, match="too long"):
        tokens("a " * 5000)
