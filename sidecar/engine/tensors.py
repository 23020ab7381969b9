"""Arrays held against what a manifest says of them: ONNX Runtime itself takes more than it should.

It accepts a vector where a graph has a number, for instance, and answers with something of another shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .manifest import TensorSpec


class Checker:
    """The specs of one graph's inputs or outputs, ready to be held against many runs."""

    def __init__(self, owner: str, specs: Iterable[TensorSpec]) -> None:
        self._owner = owner
        self.specs = {spec.name: spec for spec in specs}
        self._dtypes = {name: np.dtype(spec.dtype) for name, spec in self.specs.items()}
        self._fixed = {name: _fixed_shape(spec) for name, spec in self.specs.items()}

    @property
    def is_fixed(self) -> bool:
        """Whether no axis is free."""
        return all(shape is not None for shape in self._fixed.values())

    def dtype(self, name: str) -> np.dtype[Any]:
        """A tensor's type."""
        return self._dtypes[name]

    def names(self, given: Iterable[str]) -> None:
        """Raises `ValueError` unless exactly these tensors are given."""
        odd = {*given} ^ self.specs.keys()
        if odd:
            raise ValueError(
                f"{self._owner} takes {', '.join(self.specs)[:120]}: {', '.join(sorted(odd)[:4])} is wrong"
            )

    def check(self, name: str, array: NDArray[Any], sizes: dict[str, int]) -> None:
        """Holds an array's type and shape against its spec; free axes are held against `sizes`, and added to it.

        Raises `ValueError`.
        """
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{self._owner}: {name} takes an array")
        if array.dtype != self._dtypes[name]:
            raise ValueError(self._sentence(name, array.dtype, array.shape))
        self.shape(name, array.shape, sizes)

    def shape(self, name: str, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
        """As `check`, of a shape alone."""
        fixed = self._fixed[name]
        if fixed is not None:
            if shape != fixed:
                raise ValueError(self._sentence(name, self._dtypes[name], shape))
            return
        wanted = self.specs[name].shape
        if len(shape) != len(wanted):
            raise ValueError(self._sentence(name, self._dtypes[name], shape))
        for have, want in zip(shape, wanted, strict=True):
            if have != (sizes.setdefault(want, have) if isinstance(want, str) else want):
                raise ValueError(self._sentence(name, self._dtypes[name], shape, sizes))

    def all(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, int]:
        """Holds all of a run's arrays against the specs; returns the sizes of the free axes. Raises `ValueError`."""
        sizes: dict[str, int] = {}
        if arrays.keys() != self.specs.keys():
            self.names(arrays)
        for name, array in arrays.items():
            self.check(name, array, sizes)
        return sizes

    def _sentence(
        self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], sizes: Mapping[str, int] | None = None
    ) -> str:
        spec = self.specs[name]
        known = {axis: size for axis, size in (sizes or {}).items() if axis in spec.shape}
        where = "".join(f", {axis} is {size}" for axis, size in known.items())
        return f"{self._owner}: {name} is {spec.dtype} {list(spec.shape)}{where}; not {dtype} {list(shape)}"


def _fixed_shape(spec: TensorSpec) -> tuple[int, ...] | None:
    fixed = tuple(axis for axis in spec.shape if isinstance(axis, int))
    return fixed if len(fixed) == len(spec.shape) else None
