"""GGUF, the file format of llama.cpp: metadata and quantised tensors (version 2 and 3, little-endian).

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .cursor import Cursor
from .gguf_blocks import FORMATS, Steps

MAX_FIELDS = 4096
MAX_TENSORS = 1 << 16
MAX_TEXT_BYTES = 1 << 20
MAX_ARRAY = 1 << 21
MAX_SIDE = 1 << 24
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_DTYPES = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}


@dataclass(frozen=True)
class TensorEntry:
    """One tensor: its format, its shape with the outermost axis first, where its bytes lie."""

    name: str
    format: str
    shape: tuple[int, ...]
    begin: int
    bytes: int


class GgufFile:
    """An opened file; tensors are read when asked for. Raises `SourceError` for anything that the format forbids."""

    def __init__(self, path: Path) -> None:
        cursor = self._cursor = Cursor(path)
        if cursor.take(4) != b"GGUF" or cursor.number("I") not in (2, 3):
            raise SourceError(f"{path.name} is not a GGUF file of version 2 or 3.")
        tensors, fields = cursor.number("Q"), cursor.number("Q")
        if tensors > MAX_TENSORS or fields > MAX_FIELDS:
            raise SourceError(f"{path.name} names {tensors} tensors and {fields} fields, more than any model has.")
        self.fields: Mapping[str, Any] = dict(self._field() for _ in range(fields))
        entries = [self._entry() for _ in range(tensors)]
        self.tensors: Mapping[str, TensorEntry] = {entry.name: entry for entry in self._place(entries)}
        if len(self.tensors) != tensors:
            raise SourceError(f"{path.name} names a tensor twice.")

    def integer(self, key: str) -> int:
        """An integer of the metadata; raises `SourceError` when it is missing, not an integer or not positive."""
        value = self.fields.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_SIDE:
            raise SourceError(f"{self._cursor.name} has no sensible {key}.")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        """A positive number of the metadata; raises `SourceError` when it is none, or missing without a default."""
        value = self.fields.get(key, default)
        if not isinstance(value, float) or not 0 < value < 1e30:
            raise SourceError(f"{self._cursor.name} has no sensible {key}.")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of texts of the metadata; raises `SourceError` when it is missing, empty or of another kind."""
        value = self.fields.get(key)
        if not isinstance(value, list) or not value or not isinstance(value[0], str):
            raise SourceError(f"{self._cursor.name} has no {key}.")
        return value

    def read(self, name: str, *, shape: tuple[int, ...], rows: slice = slice(None)) -> NDArray[np.float32]:
        """Values of some rows as float32, exactly as llama.cpp's own dequantisation gives them.

        Raises `SourceError` when the tensor is missing or has another shape than `shape`.
        """
        blocks, count = self._blocks(name, shape, rows)
        return FORMATS[self.tensors[name].format].values(blocks).reshape(count, *shape[1:])

    def read_steps(self, name: str, *, shape: tuple[int, int], rows: slice) -> Steps | None:
        """Rows as the integers that the file holds; None where it holds plain numbers."""
        blocks, _ = self._blocks(name, shape, rows)
        return FORMATS[self.tensors[name].format].steps(blocks)

    def _blocks(self, name: str, shape: tuple[int, ...], rows: slice) -> tuple[NDArray[np.uint8], int]:
        entry = self.tensors.get(name)
        if entry is None:
            raise SourceError(f"{self._cursor.name} has no tensor {name}.")
        if entry.shape != shape:
            raise SourceError(f"{name} has the shape {list(entry.shape)}, not {list(shape)}.")
        begin, end, _ = rows.indices(shape[0])
        stride = entry.bytes // shape[0] if len(shape) > 1 else FORMATS[entry.format].dtype.itemsize
        return self._cursor.slice(entry.begin + begin * stride, (end - begin) * stride), end - begin

    # -- the header ------------------------------------------------------------------------------------------------

    def _field(self) -> tuple[str, Any]:
        key = self._text(MAX_TEXT_BYTES)
        return key, self._value(self._cursor.number("I"))

    def _value(self, kind: int) -> Any:
        cursor = self._cursor
        if kind == _STRING:
            return self._text(MAX_TEXT_BYTES)
        if kind == _ARRAY:
            return self._array(cursor.number("I"), cursor.number("Q"))
        code = _SCALARS.get(kind)
        if code is None:
            raise SourceError(f"{cursor.name} has a field of the unknown type {kind}.")
        return cursor.real(code) if code in "fd" else bool(cursor.number(code)) if code == "?" else cursor.number(code)

    def _array(self, kind: int, count: int) -> list[Any]:
        if count > MAX_ARRAY or kind == _ARRAY:
            raise SourceError(f"{self._cursor.name} has a list that is too long or holds lists.")
        if kind == _STRING:
            return [self._text(MAX_TEXT_BYTES) for _ in range(count)]
        dtype = _DTYPES.get(kind)
        if dtype is None:
            raise SourceError(f"{self._cursor.name} has a list of the unknown type {kind}.")
        values: list[Any] = self._cursor.array(dtype, count).tolist()
        return values

    def _text(self, limit: int) -> str:
        return self._cursor.text(self._cursor.number("Q"), limit=limit)

    def _entry(self) -> TensorEntry:
        cursor = self._cursor
        name, rank = self._text(256), cursor.number("I")
        if not 1 <= rank <= 4:
            raise SourceError(f"{name} has {rank} axes.")
        shape = tuple(cursor.number("Q") for _ in range(rank))[::-1]
        kind, begin = cursor.number("I"), cursor.number("Q")
        found = next((key for key, value in FORMATS.items() if value.kind == kind), None)
        if found is None:
            raise SourceError(f"{name} is stored in the format {kind}, which is not read here.")
        if not all(1 <= side <= MAX_SIDE for side in shape) or shape[-1] % FORMATS[found].size:
            raise SourceError(f"{name} has the shape {list(shape)}, which its format cannot hold.")
        count = prod(shape) // FORMATS[found].size
        return TensorEntry(name, found, shape, begin, count * FORMATS[found].dtype.itemsize)

    def _place(self, entries: list[TensorEntry]) -> list[TensorEntry]:
        """The entries with absolute places: offsets count from the first multiple of the alignment after the header."""
        alignment = self.fields.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 16:
            raise SourceError(f"{self._cursor.name} has no sensible alignment.")
        start = -(-self._cursor.place // alignment) * alignment
        placed = [TensorEntry(e.name, e.format, e.shape, start + e.begin, e.bytes) for e in entries]
        for entry in placed:
            self._cursor.slice(entry.begin, entry.bytes)
        return placed
