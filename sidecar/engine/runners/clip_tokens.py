"""Prompts as CLIP's text towers take them: a begin token, at most so many tokens, an end token, then padding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, Unavailable
from .tokens import Tokenizer

MAX_PROMPT_CHARS = 8000


class ClipTokens:
    """A `tokenizer.json` with CLIP's byte-pair encoding. Raises `Unavailable` when it is broken or another kind.

    `length` is that of every answer, `pad_id` fills it up; None stands for the end token.
    """

    def __init__(self, data: bytes, *, length: int, pad_id: int | None) -> None:
        self._tokenizer = Tokenizer(data)
        framed = self._tokenizer.encode("", with_special=True)
        if len(framed) != 2:
            raise Unavailable("The model's tokenizer does not put a text between a begin and an end token.")
        self._end_id = framed[1]
        self._pad_id = self._end_id if pad_id is None else pad_id
        self._length = length

    def __call__(self, text: str) -> NDArray[np.int64]:
        """Ids, int64 [1, length]; what is too long for the model loses its end. Raises `BadRequest` over 8000 chars."""
        if len(text) > MAX_PROMPT_CHARS:
            raise BadRequest(f"The prompt is too long; at most {MAX_PROMPT_CHARS} characters.")
        ids = self._tokenizer.encode(text, with_special=True)
        if len(ids) > self._length:
            ids = [*ids[: self._length - 1], self._end_id]
        padding = [self._pad_id] * (self._length - len(ids))
        return np.array([ids + padding], np.int64)
