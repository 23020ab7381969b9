"""Reads numbers and texts of a binary file in order; what does not fit is an error, never a wild read."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError

_FORMATS = {code: struct.Struct("<" + code) for code in "bBhHiIfqQd?"}


class Cursor:
    """A place in a little-endian file that is mapped, not read."""

    def __init__(self, path: Path) -> None:
        if not path.is_file() or path.stat().st_size == 0:
            raise SourceError(f"{path.name} is missing or empty.")
        self.name = path.name
        self.data: NDArray[np.uint8] = np.asarray(np.memmap(path, np.uint8, "r"))
        self.place = 0
        self._view = self.data.data

    def number(self, code: str) -> int:
        """The next integer, by its code in `struct`."""
        return int(self._unpack(code))

    def real(self, code: str) -> float:
        """The next floating point number."""
        return float(self._unpack(code))

    def text(self, length: int, *, limit: int) -> str:
        """The next `length` bytes as UTF-8; raises `SourceError` when there are more than `limit`."""
        if length > limit:
            raise SourceError(f"{self.name} holds a text of {length} bytes; at most {limit} are read.")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.name} holds a text that is not UTF-8.") from error

    def take(self, length: int) -> bytes:
        """The next bytes."""
        begin = self.place
        self._advance(length)
        return bytes(self._view[begin : self.place])

    def skip(self, length: int) -> None:
        """Passes over bytes."""
        self._advance(length)

    def array(self, dtype: str, count: int) -> NDArray[np.generic]:
        """The next `count` numbers, as a view of the file."""
        begin, kind = self.place, np.dtype(dtype)
        self._advance(count * kind.itemsize)
        return np.frombuffer(self._view, kind, count, begin)

    def slice(self, begin: int, length: int) -> NDArray[np.uint8]:
        """Bytes at an absolute place, as a view; raises `SourceError` outside the file."""
        if begin < 0 or length < 0 or begin + length > len(self.data):
            raise SourceError(f"{self.name} was cut off: it names bytes that it does not hold.")
        return self.data[begin : begin + length]

    def _unpack(self, code: str) -> int | float:
        form = _FORMATS[code]
        begin = self.place
        self._advance(form.size)
        value: int | float = form.unpack_from(self._view, begin)[0]
        return value

    def _advance(self, length: int) -> None:
        if length < 0 or self.place + length > len(self.data):
            raise SourceError(f"{self.name} was cut off: it names bytes that it does not hold.")
        self.place += length
