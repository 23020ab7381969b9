"""`model.bin` of CTranslate2 (binary version 6): named tensors behind each other, and names that mean the same tensor.

The format: `serialize_to_disk` in CTranslate2's `python/ctranslate2/specs/model_spec.py`. It is no pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .cursor import Cursor

VERSION = 6
MAX_VARIABLES = 1 << 16
MAX_RANK = 4
MAX_SIDE = 1 << 24
_NAME_BYTES = 512
_DTYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}


@dataclass(frozen=True)
class Variable:
    """One tensor: its element type in numpy's code, its shape, where its bytes begin."""

    dtype: str
    shape: tuple[int, ...]
    begin: int


class CTranslate2File:
    """An opened file; tensors are read when asked for. Raises `SourceError` for anything that does not fit."""

    def __init__(self, path: Path) -> None:
        cursor = self._cursor = Cursor(path)
        if cursor.number("I") != VERSION:
            raise SourceError(f"{path.name} is not a CTranslate2 model of binary version {VERSION}.")
        self.kind = self._text()
        self.revision = cursor.number("I")
        variables = dict(self._variable() for _ in range(self._count()))
        for _ in range(self._count()):
            alias, target = self._text(), self._text()
            if target not in variables:
                raise SourceError(f"{path.name} has an alias of {target}, which it does not hold.")
            variables[alias] = variables[target]
        self.variables: Mapping[str, Variable] = variables

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; raises `SourceError` when it is missing."""
        if name not in self.variables:
            raise SourceError(f"{self._cursor.name} has no tensor {name}.")
        return self.variables[name].shape

    def integer(self, name: str) -> int:
        """The value of a scalar; raises `SourceError` when it is missing or no scalar."""
        if prod(self.shape(name)) != 1:
            raise SourceError(f"{name} is not a single number.")
        return int(self._values(name)[0])

    def read(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A tensor as float32; raises `SourceError` when it is missing, of another shape, or in integers."""
        if self.shape(name) != shape:
            raise SourceError(f"{name} has the shape {list(self.shape(name))}, not {list(shape)}.")
        if self.variables[name].dtype not in ("<f4", "<f2"):
            raise SourceError(f"{name} is stored in integers; convert the model to float16 or float32 first.")
        return self._values(name).astype(np.float32).reshape(shape)

    def _values(self, name: str) -> NDArray[np.generic]:
        variable = self.variables[name]
        kind = np.dtype(variable.dtype)
        return self._cursor.slice(variable.begin, prod(variable.shape) * kind.itemsize).view(kind)

    def _count(self) -> int:
        count = self._cursor.number("I")
        if count > MAX_VARIABLES:
            raise SourceError(f"{self._cursor.name} names {count} tensors, more than any model has.")
        return count

    def _text(self) -> str:
        text = self._cursor.text(self._cursor.number("H"), limit=_NAME_BYTES)
        return text.removesuffix("\0")

    def _variable(self) -> tuple[str, Variable]:
        cursor = self._cursor
        name, rank = self._text(), cursor.number("B")
        if rank > MAX_RANK:
            raise SourceError(f"{name} has {rank} axes.")
        shape = tuple(cursor.number("I") for _ in range(rank))
        dtype, length = _DTYPES.get(cursor.number("B")), cursor.number("I")
        if dtype is None or max(shape, default=1) > MAX_SIDE or prod(shape) * np.dtype(dtype).itemsize != length:
            raise SourceError(f"{name} is of an unknown type, or its size is not that of its shape {list(shape)}.")
        variable = Variable(dtype, shape, cursor.place)
        cursor.skip(length)
        return name, variable
