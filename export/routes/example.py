"""Inputs that a graph is traced and tried with: random, from a seed, and of a form that the model may meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..recipe import GraphSpec, Tensor

_TRAIN_STEPS = 1000


def feeds(graph: GraphSpec, sizes: Mapping[str, int], vary: Mapping[str, int], *, seed: int) -> dict[str, NDArray[Any]]:
    """One input set of a resolved graph; `vary` gives the free axes. Equal arguments give equal arrays."""
    rng = np.random.default_rng(seed)
    return {tensor.name: _values(tensor, sizes, vary, rng) for tensor in graph.inputs}


def _values(
    tensor: Tensor, sizes: Mapping[str, int], vary: Mapping[str, int], rng: np.random.Generator
) -> NDArray[Any]:
    shape = tuple(axis if isinstance(axis, int) else vary[axis] for axis in tensor.shape)
    kind = tensor.values or ("normal" if tensor.dtype.startswith("float") else "ids")
    made: NDArray[Any]
    if kind == "normal":
        made = rng.standard_normal(shape)
    elif kind == "unit":
        made = rng.random(shape)
    elif kind == "ids":
        made = rng.integers(0, tensor.below or sizes["vocabulary"], shape)
    elif kind == "mask":
        made = np.ones(shape)
        for row in range(1, shape[0]):
            made[row, max(1, shape[1] - row) :] = 0
    elif kind == "positions":
        made = np.broadcast_to(vary.get("past", 0) + np.arange(shape[-1]), shape)
    elif kind == "timestep":
        made = rng.integers(0, _TRAIN_STEPS, shape)
    else:
        made = np.full(shape, 1 if kind == "ones" else 0)
    return np.ascontiguousarray(np.asarray(made, dtype=np.dtype(tensor.dtype))).reshape(shape)
