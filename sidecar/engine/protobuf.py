"""Protocol buffers' wire format, just enough to look into a model before anything else opens it.

Source: the Protocol Buffers encoding guide. Nothing is copied but short strings; a message is a range of the bytes.
The bytes are anybody's, so every length is checked against what is left, and the number of fields is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_FIELDS = 1_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_NUMBER = (1 << 29) - 1


class Malformed(ValueError):
    """The bytes are no protocol buffer, or more than a model has."""


class Span(NamedTuple):
    """A range of the bytes: a message, a string, packed numbers or raw data."""

    begin: int
    end: int


class Reader:
    """Reads fields of one file; `MAX_FIELDS` bounds them over all messages together."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_FIELDS

    @property
    def whole(self) -> Span:
        """The outermost message."""
        return Span(0, len(self._data))

    def fields(self, span: Span, wanted: frozenset[int]) -> Iterator[tuple[int, int | Span]]:
        """Number and value of each wanted field of a message: an int of a varint or of fixed bytes, else a `Span`.

        All others are checked and passed over. Raises `Malformed`.
        """
        data, (position, end) = self._data, span
        while position < end:
            self._left -= 1
            if self._left < 0:
                raise Malformed(f"it has more than {MAX_FIELDS} fields")
            key = data[position]  # most keys and lengths are one byte
            position += 1
            if key >= 0x80:
                key, position = self._varint(position - 1, end)
            number, wire = key >> 3, key & 7
            value: int | Span
            if wire == _BYTES:
                size, position = self._varint(position, end)
                if size > end - position:
                    raise Malformed("a field is longer than what is left")
                value = Span(position, position + size) if number in wanted else 0
                position += size
            elif wire == _VARINT:
                value, position = self._varint(position, end)
            elif wire in (_FIXED64, _FIXED32):
                size = 8 if wire == _FIXED64 else 4
                if size > end - position:
                    raise Malformed("a field is longer than what is left")
                value = int.from_bytes(data[position : position + size], "little")
                position += size
            else:
                raise Malformed("it uses groups, or a wire type that does not exist")
            if number in wanted:
                yield number, value
            elif not 1 <= number <= _MAX_NUMBER:
                raise Malformed("a field has no valid number")

    def text(self, span: Span, *, most: int) -> str:
        """A string of at most `most` bytes; raises `Malformed`."""
        if span.end - span.begin > most:
            raise Malformed(f"a name is longer than {most} bytes")
        try:
            return self._data[span.begin : span.end].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("a name is not UTF-8") from error

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        data, value, shift = self._data, 0, 0
        if position < end and data[position] < 0x80:
            return data[position], position + 1
        while position < end and shift < 70:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, position
            shift += 7
        raise Malformed("a number does not end")
