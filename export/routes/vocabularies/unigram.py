"""A Unigram vocabulary (SentencePiece's) as `tokenizer.json`, with the normalisation that XLM-RoBERTa models expect."""

from __future__ import annotations

import re
from typing import Any

from ..weights.e5_file import Vocabulary
from .document import document

METASPACE = "\N{LOWER ONE EIGHTH BLOCK}"
# Their normalisation is NFKC but for this sign, which is kept; it is put aside under a sign for private use.
_KEPT, _ASIDE = "\N{FULLWIDTH TILDE}", "\uf8ff"


def unigram(vocabulary: Vocabulary) -> bytes:
    """The file: texts become begin, pieces, end. No text can contain a control token."""
    control = {vocabulary.begin, vocabulary.end, vocabulary.padding, vocabulary.unknown}
    control |= {number for number, piece in enumerate(vocabulary.pieces) if piece == "<mask>"}
    # With a space in its name nobody can write a control piece: spaces are gone before a text is cut.
    named = [f" {piece}" if number in control else piece for number, piece in enumerate(vocabulary.pieces)]
    scored = [[piece, float(score)] for piece, score in zip(named, vocabulary.scores, strict=True)]
    return document(
        added=(),
        normalizer={"type": "Sequence", "normalizers": _normalizers(vocabulary)},
        pre_tokenizer=_metaspace(),
        post_processor=_template(vocabulary, named),
        decoder=_metaspace(),
        model={"type": "Unigram", "unk_id": vocabulary.unknown, "vocab": scored, "byte_fallback": False},
    )


def _normalizers(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    dropped = [point for point, target in vocabulary.mapped.items() if target == ()]
    spaces = [point for point, target in vocabulary.mapped.items() if target == (0x20,)]
    return [
        *(_replace(_class(points), to) for points, to in ((dropped, ""), (spaces, " ")) if points),
        _replace(_KEPT, _ASIDE),
        {"type": "NFKC"},
        _replace(_ASIDE, _KEPT),
        {"type": "Strip", "strip_left": False, "strip_right": True},
        _replace(" {2,}", " "),
    ]


def _replace(pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


def _class(points: list[int]) -> str:
    return "[" + "".join(re.escape(chr(point)) for point in sorted(points)) + "]"


def _metaspace() -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": METASPACE, "prepend_scheme": "always", "split": False}


def _template(vocabulary: Vocabulary, named: list[str]) -> dict[str, Any]:
    begin, end = named[vocabulary.begin], named[vocabulary.end]

    def special(token: str) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": 0}}

    def text(name: str) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": 0}}

    return {
        "type": "TemplateProcessing",
        "single": [special(begin), text("A"), special(end)],
        "pair": [special(begin), text("A"), special(end), special(end), text("B"), special(end)],
        "special_tokens": {
            token: {"id": token, "ids": [number], "tokens": [token]}
            for token, number in ((begin, vocabulary.begin), (end, vocabulary.end))
        },
    }
