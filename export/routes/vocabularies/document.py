"""What every `tokenizer.json` has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def document(
    *,
    added: Sequence[Mapping[str, Any]],
    normalizer: Mapping[str, Any] | None,
    pre_tokenizer: Mapping[str, Any],
    post_processor: Mapping[str, Any] | None,
    decoder: Mapping[str, Any],
    model: Mapping[str, Any],
) -> bytes:
    """The file; equal parts give equal bytes."""
    parts = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(added),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
        "model": model,
    }
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def added_token(number: int, content: str, *, special: bool) -> dict[str, Any]:
    """A token that is found in the text before anything else happens to it."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": content, **flags, "special": special}
