"""Sparse TFLite constants made dense.

Source of the format: `SparsityParameters` in the TFLite schema, after Chou et al., "Format abstraction for sparse
tensor algebra compilers", 2018. Values are stored in the order of a traversal over the dimensions and then over the
blocks inside them; each traversed dimension is either dense or compressed (segments and indices).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DENSE = 0


def densify(values: NDArray[Any], shape: tuple[int, ...], sparsity: Any) -> NDArray[Any]:
    """The dense tensor of `shape` that the stored `values` stand for; what is not stored is zero.

    Raises `ValueError` if the index tables do not fit the shape or the values.
    """
    order = [int(dim) for dim in sparsity.traversalOrder]
    block_map = [] if sparsity.blockMap is None else [int(dim) for dim in sparsity.blockMap]
    coordinates = _stored_coordinates(sparsity.dimMetadata)
    if len(coordinates) != len(order) or any(len(axis) != len(values) for axis in coordinates):
        raise ValueError("the sparsity tables do not fit the stored values")
    blocks = [int(sparsity.dimMetadata[len(shape) + place].denseSize) for place in range(len(block_map))]
    index = [np.zeros(len(values), np.int64) for _ in shape]
    for dim, axis in zip(order, coordinates, strict=True):
        if dim < len(shape):
            index[dim] += axis * (blocks[block_map.index(dim)] if dim in block_map else 1)
        else:
            index[block_map[dim - len(shape)]] += axis
    dense = np.zeros(shape, values.dtype)
    dense[tuple(index)] = values
    return dense


def _stored_coordinates(dimensions: list[Any]) -> list[NDArray[np.int64]]:
    """For each traversed dimension, the coordinate of every stored value."""
    coordinates: list[NDArray[np.int64]] = []
    count = 1
    for dimension in dimensions:
        if dimension.format == DENSE:
            size = int(dimension.denseSize)
            repeats = np.full(count, size, np.int64)
            axis = np.tile(np.arange(size, dtype=np.int64), count)
        else:
            segments = _table(dimension.arraySegments)
            if len(segments) != count + 1:
                raise ValueError("the sparsity segments do not fit the dimensions before them")
            repeats = np.diff(segments)
            axis = _table(dimension.arrayIndices)
        coordinates = [np.repeat(known, repeats) for known in coordinates]
        coordinates.append(axis)
        count = len(axis)
    return coordinates


def _table(vector: Any) -> NDArray[np.int64]:
    return np.asarray(vector.values, np.int64)
