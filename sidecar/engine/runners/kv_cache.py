"""The keys and values that a decoder has already computed: where they lie between runs, and how far back they go.

A graph either answers with its past and the new positions joined (axes of other names: `past`, `total`), or it adds to
one buffer that is longer than its contents (past and present share the name of their axis, as GroupQueryAttention
has it). Where the graph offers `bind`, both stay where the provider put them; otherwise they pass through host memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ...errors import Unavailable
from ..runner_specs import TextGeneration
from .graph import BindableGraph, Graph

FIRST_CAPACITY = 256  # positions of a shared buffer; it doubles when they are full
_IDS, _MASK, _POSITIONS, _LOGITS = "input_ids", "attention_mask", "position_ids", "logits"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Layout:
    """What the graph's tensors say about its cache."""

    pairs: tuple[tuple[str, str], ...]  # present, past
    heads: int
    size: int
    dtype: DTypeLike
    shared: bool
    positions: bool


class Cache:
    """The cache of one conversation. `length`: positions that are in it."""

    def __init__(self, graph: Graph, spec: TextGeneration, *, bound: bool = True) -> None:
        self._layout = _layout(graph, spec)
        self._context = spec.context
        self.length = 0
        kind = _Bound if bound and hasattr(graph, "bind") else _Plain
        self._store: _Store = kind(graph, self._layout)
        self._capacity = min(FIRST_CAPACITY, spec.context) if self._layout.shared else 0
        self._store.replace({past: self._empty() for _, past in self._layout.pairs})

    def run(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Adds these ids; returns the logits after the last of them, float32 [vocabulary].

        Raises `Terminated` when the call was cancelled; then the cache is as before.
        """
        count = len(ids)
        if self._layout.shared and self.length + count > self._capacity:
            self._grow(self.length + count)
        feeds: Arrays = {
            _IDS: np.array([ids], np.int64),
            _MASK: np.ones((1, self.length + count), np.int64),
        }
        if self._layout.positions:
            feeds[_POSITIONS] = np.arange(self.length, self.length + count, dtype=np.int64)[None]
        logits = self._store.run(feeds)
        self.length += count
        last: NDArray[np.float32] = logits[0, -1].astype(np.float32, copy=False)
        return last

    def crop(self, length: int) -> None:
        """Forgets every position from `length` on."""
        if length >= self.length:
            return
        if not self._layout.shared:
            self._store.replace({past: array[:, :, :length] for past, array in self._store.read().items()})
        self.length = length  # in a shared buffer what lies behind is written over

    def _grow(self, needed: int) -> None:
        while self._capacity < needed:
            self._capacity *= 2
        self._capacity = max(needed, min(self._capacity, self._context))
        larger: Arrays = {}
        for past, array in self._store.read().items():
            larger[past] = self._empty()
            larger[past][:, :, : self.length] = array[:, :, : self.length]
        self._store.replace(larger)

    def _empty(self) -> NDArray[Any]:
        return np.zeros((1, self._layout.heads, self._capacity, self._layout.size), self._layout.dtype)


class _Store(Protocol):
    """Where the arrays lie; `read` and `replace` are by the name of the past's input."""

    def run(self, feeds: Arrays) -> NDArray[Any]:
        """One run; the logits."""

    def read(self) -> Arrays:
        """All arrays, in host memory."""

    def replace(self, arrays: Arrays) -> None:
        """Other arrays from now on."""


class _Plain:
    """In host memory: each run takes all of it and gives all of it back."""

    def __init__(self, graph: Graph, layout: _Layout) -> None:
        self._graph, self._pairs = graph, layout.pairs
        self._arrays: Arrays = {}

    def run(self, feeds: Arrays) -> NDArray[Any]:
        results = self._graph({**feeds, **self._arrays})
        self._arrays = {past: results[present] for present, past in self._pairs}
        return results[_LOGITS]

    def read(self) -> Arrays:
        return self._arrays

    def replace(self, arrays: Arrays) -> None:
        self._arrays = {past: np.ascontiguousarray(array) for past, array in arrays.items()}


class _Bound:
    """On the device, by the graph's binding."""

    def __init__(self, graph: Graph, layout: _Layout) -> None:
        self._binding = cast(BindableGraph, graph).bind()
        self._layout = layout

    def run(self, feeds: Arrays) -> NDArray[Any]:
        return self._binding.run(feeds, (_LOGITS,))[_LOGITS]

    def read(self) -> Arrays:
        return {past: self._binding.read(past) for _, past in self._layout.pairs}

    def replace(self, arrays: Arrays) -> None:
        place = self._binding.share if self._layout.shared else self._binding.carry
        for present, past in self._layout.pairs:
            place(present, past, np.ascontiguousarray(arrays[past]))


def _layout(graph: Graph, spec: TextGeneration) -> _Layout:
    """Raises `Unavailable` when the graph's tensors are not those of such a decoder."""
    inputs = {tensor.name: tensor for tensor in graph.inputs}
    outputs = {tensor.name: tensor for tensor in graph.outputs}
    parts = [f"{layer}.{part}" for layer in range(spec.layers) for part in ("key", "value")]
    pairs = tuple((f"present.{part}", f"past_key_values.{part}") for part in parts)
    wanted = {_IDS, _MASK, *(past for _, past in pairs)}
    if set(inputs) - {_POSITIONS} != wanted or set(outputs) != {_LOGITS, *(present for present, _ in pairs)}:
        raise Unavailable("The model's tensors are not those of a text model with so many layers.")
    present, past = outputs[pairs[0][0]], inputs[pairs[0][1]]
    wanted_shape = (spec.kv_heads, spec.head_size)
    if len(past.shape) != 4 or len(present.shape) != 4 or (past.shape[1], past.shape[3]) != wanted_shape:
        raise Unavailable("The model's cache has another shape than its manifest says.")
    shared = past.shape[2] == present.shape[2]
    return _Layout(pairs, spec.kv_heads, spec.head_size, past.dtype, shared, _POSITIONS in inputs)
