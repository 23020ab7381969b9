"""Byte-level BPE from GGUF metadata: tokens, merges and the rule that cuts a text before merging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import SourceError, UnknownArchitecture
from .document import added_token, document

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
_WORDS_OF_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _bytes(*, use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


# By `tokenizer.ggml.pre`: normalizer and pre-tokenizers, as the models' own tokenizer.json have them.
_RULES: Mapping[str, tuple[Mapping[str, Any] | None, tuple[Mapping[str, Any], ...]]] = {
    "qwen2": (
        {"type": "NFC"},
        (
            {"type": "Split", "pattern": {"Regex": _WORDS_OF_QWEN2}, "behavior": "Isolated", "invert": False},
            _bytes(use_regex=False),
        ),
    ),
    "smollm": (None, ({"type": "Digits", "individual_digits": True}, _bytes(use_regex=True))),
}


def byte_pairs(fields: Mapping[str, Any], *, name: str) -> bytes:
    """`tokenizer.json` of the file `name` with these metadata fields; raises `SourceError`, `UnknownArchitecture`."""
    rule = str(fields.get("tokenizer.ggml.pre"))
    if fields.get("tokenizer.ggml.model") != "gpt2" or rule not in _RULES:
        raise UnknownArchitecture(f"{name} cuts texts by the rule {rule!r}; known are {', '.join(_RULES)}.")
    tokens, kinds, joins = (_listed(fields, key, name) for key in ("tokens", "token_type", "merges"))
    merges = [str(join).split(" ") for join in joins]
    vocabulary = {
        token: number
        for number, (token, kind) in enumerate(zip(tokens, kinds, strict=False))
        if kind in (NORMAL, CONTROL, USER_DEFINED)
    }
    if len(tokens) != len(kinds) or len(vocabulary) != sum(kind != UNUSED for kind in kinds):
        raise SourceError(f"{name} has a token twice, or of a kind that byte-level vocabularies do not have.")
    if any(len(merge) != 2 or not {*merge, "".join(merge)} <= vocabulary.keys() for merge in merges):
        raise SourceError(f"{name} merges tokens that it does not have.")
    added = [
        added_token(number, token, special=kind == CONTROL)
        for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (CONTROL, USER_DEFINED)
    ]
    normalizer, cuts = _RULES[rule]
    return document(
        added=added,
        normalizer=normalizer,
        pre_tokenizer={"type": "Sequence", "pretokenizers": list(cuts)},
        post_processor=None,
        decoder=_bytes(use_regex=True),
        model=_model(vocabulary, merges),
    )


def _listed(fields: Mapping[str, Any], key: str, name: str) -> list[Any]:
    value = fields.get(f"tokenizer.ggml.{key}")
    if not isinstance(value, list):
        raise SourceError(f"{name} has no list of {key}.")
    return value


def _model(vocabulary: Mapping[str, int], merges: list[list[str]]) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocabulary,
        "merges": [" ".join(merge) for merge in merges],
    }
