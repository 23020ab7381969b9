"""Text to token ids and back: a bounded `tokenizer.json`, the bytes of every token, and text that comes token by token.

Two families give bytes: byte-level vocabularies (GPT-2's map of bytes to letters) and those that spell a space as
U+2581 and fall back to `<0x0A>`. Every other tokenizer can encode, but not tell its bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
from tokenizers import Tokenizer as RustTokenizer

from ...errors import BadRequest, Unavailable

MAX_TOKENIZER_BYTES = 64 * 2**20
MAX_TOKENS = 1 << 20
MAX_TEXT_CHARS = 1 << 20
_SPACE = "\u2581"
_BYTE = re.compile(r"^<0x([0-9A-F]{2})>$")


class _Head(msgspec.Struct):
    """The parts of a tokenizer.json that say how its tokens are spelled."""

    decoder: dict[str, Any] | None = None


class Tokenizer:
    """One `tokenizer.json`. Raises `Unavailable` when it is too large, broken, or has ids that the model lacks.

    `vocabulary`: how many ids the model knows; None where that does not matter.
    """

    def __init__(self, data: bytes, *, vocabulary: int | None = None) -> None:
        if len(data) > MAX_TOKENIZER_BYTES:
            raise Unavailable("The model's tokenizer is too large.")
        try:
            head = msgspec.json.decode(data, type=_Head)
            self._rust = RustTokenizer.from_buffer(data)
        except ValueError as error:  # msgspec's errors are its children
            raise Unavailable("The model's tokenizer cannot be read.") from error
        self._rust.no_truncation()
        self._rust.no_padding()
        ids = self._rust.get_vocab(with_added_tokens=True).values()
        if not ids or max(ids) >= min(vocabulary or MAX_TOKENS, MAX_TOKENS):
            raise Unavailable("The model's tokenizer has tokens that the model does not know.")
        self.size = max(ids) + 1
        added = self._rust.get_added_tokens_decoder()
        self._added = {token: entry.content for token, entry in added.items()}
        self.special_ids = frozenset(token for token, entry in added.items() if entry.special)
        self._spelling = _spelling(head.decoder)

    def encode(self, text: str, *, with_special: bool = False) -> list[int]:
        """The ids of a text; `with_special` adds those that the tokenizer puts around every text. Raises `BadRequest`.

        Names of special tokens in the text become these tokens: text of others must not hold any.
        """
        if len(text) > MAX_TEXT_CHARS:
            raise BadRequest(f"The text is too long; at most {MAX_TEXT_CHARS} characters.")
        try:
            text.encode()  # some versions of the library put something else for half a character
            return list(self._rust.encode(text, add_special_tokens=with_special).ids)
        except Exception as error:  # the library raises nothing narrower
            raise BadRequest("The text has characters that the model cannot read.") from error

    def text_of(self, token: int) -> str:
        """How the vocabulary writes a token; empty for an id without one."""
        text: str | None = self._rust.id_to_token(token)
        return text or ""

    @property
    def special_texts(self) -> tuple[str, ...]:
        """How special tokens are written in a text, longest first."""
        names = {self._added[token] for token in self.special_ids} - {""}
        return tuple(sorted(names, key=lambda name: (-len(name), name)))

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes that each id adds to a text; empty for special ones. Raises `Unavailable` if they have none."""
        if self._spelling is None:
            raise Unavailable("The model's tokenizer spells its tokens in a way that is not supported.")
        return tuple(self._piece(token) for token in range(self.size))

    @property
    def strips_first_space(self) -> bool:
        """Whether a space that begins a text belongs to the spelling, not to the text."""
        return self._spelling is not None and self._spelling.endswith("stripped")

    def _piece(self, token: int) -> bytes:
        if token in self.special_ids:
            return b""
        if token in self._added:
            return _utf8(self._added[token])
        text = self.text_of(token)
        if self._spelling == "bytes":
            found = [_LETTERS.get(letter) for letter in text]
            spelled = [byte for byte in found if byte is not None]
            return bytes(spelled) if len(spelled) == len(found) else _utf8(text)
        match = _BYTE.match(text)
        return bytes([int(match[1], 16)]) if match else _utf8(text.replace(_SPACE, " "))


class TextStream:
    """Text from token ids as they come: never half a code point, and in all what decoding at once would give."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._pieces = tokenizer.pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._strip = tokenizer.strips_first_space

    def feed(self, token: int) -> str:
        """What is certain after this token; an id without a spelling adds nothing."""
        return self.feed_bytes(self._pieces[token] if token < len(self._pieces) else b"")

    def feed_bytes(self, data: bytes) -> str:
        """The same for bytes that no token was needed for."""
        if self._strip and data:
            self._strip = False
            data = data[1:] if data.startswith(b" ") else data
        return self._decoder.decode(data)

    def finish(self) -> str:
        """What is left: a code point that never ended becomes U+FFFD."""
        return self._decoder.decode(b"", True)


def spell(tokenizer: Tokenizer, tokens: Sequence[int]) -> bytes:
    """The bytes of a run of tokens."""
    return b"".join(tokenizer.pieces[token] for token in tokens)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _spelling(decoder: dict[str, Any] | None) -> str | None:
    """`bytes`, `spaces` or `spaces, first stripped`, as the decoder's steps say; None for any other."""
    if decoder is None:
        return None
    steps = decoder.get("decoders", []) if decoder.get("type") == "Sequence" else [decoder]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return None
    kinds = [step.get("type") for step in steps]
    if "ByteLevel" in kinds:
        return "bytes" if kinds == ["ByteLevel"] else None
    replaces = any(step.get("pattern") == {"String": _SPACE} and step.get("content") == " " for step in steps)
    if not replaces or not set(kinds) <= {"Replace", "ByteFallback", "Fuse", "Strip"} or kinds.count("Replace") != 1:
        return None
    return "spaces, first stripped" if "Strip" in kinds else "spaces"


def _byte_letters() -> dict[str, int]:
    """GPT-2's letters for bytes: printable Latin-1 stands for itself, the others follow from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


_LETTERS = _byte_letters()
