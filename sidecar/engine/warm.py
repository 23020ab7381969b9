"""What a graph is warmed with before its first real run: zeros, and small sizes where axes are free.

The names of axes are the project's own (docs/models.md): `batch`, `sequence`, `past` and `total` (positions that are
cached, and all of them), `height`, `width`. Any other free axis gets a few.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .manifest import TensorSpec

SIZES = {"batch": 1, "sequence": 1, "past": 0, "total": 1, "height": 64, "width": 64}
OTHER = 8


def feeds(inputs: Iterable[TensorSpec]) -> dict[str, NDArray[Any]]:
    """Arrays for one run. Numbers of whole kind are ones: ids, lengths, masks, rates are then what a graph expects."""
    found = {}
    for spec in inputs:
        shape = [axis if isinstance(axis, int) else size(axis) for axis in spec.shape]
        fill = np.zeros if spec.dtype in ("float32", "float16", "uint8") else np.ones
        found[spec.name] = fill(shape, np.dtype(spec.dtype))
    return found


def size(axis: str) -> int:
    """The size that a free axis is warmed with."""
    return SIZES.get(axis, SIZES.get(axis.split("_")[0], OTHER))
