"""A decoder-only language model of the Llama family (RMS norm, rotary positions, grouped queries, gated MLP) as ONNX.

Inputs and outputs are those of `runner_specs.TextGeneration`. Logits are of the last position alone: nothing else is
asked for when text is generated, and the rest would be hundreds of megabytes for a long prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .blocks import Blocks
from .writer import GraphWriter

Floats = NDArray[np.float32]
HIDDEN = -1e30  # instead of minus infinity, so that a row that may see nothing stays a number


@dataclass(frozen=True)
class DecoderShape:
    """The numbers of one model. `context` is how many positions its cache may reach."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    context: int
    epsilon: float
    rotary_base: float


@dataclass(frozen=True)
class DecoderLayer:
    """One layer: queries, keys and values in one matrix in this order, gate and up in one; rotary halves apart."""

    attention_norm: Floats
    qkv: Blocks
    qkv_bias: Floats | None
    attention_out: Blocks
    mlp_norm: Floats
    gate_up: Blocks
    down: Blocks


class DecoderWeights(Protocol):
    """Where the weights come from, a part at a time, so that a large model never lies in memory whole."""

    def embedding(self) -> Blocks:
        """Rows by token id."""

    def layer(self, number: int) -> DecoderLayer:
        """One layer."""

    def norm(self) -> Floats:
        """The last norm."""

    def head(self) -> Blocks | None:
        """The matrix to logits, None where it is the embedding."""


def write_decoder(shape: DecoderShape, weights: DecoderWeights, file: Path) -> Path:
    """Writes `file` and, beside it, the constants as a file of the same stem ending in `.bin`."""
    with GraphWriter(file.stem, data=file.with_suffix(".bin")) as writer:
        ids = writer.input("input_ids", "int64", ("batch", "sequence"))
        mask = writer.input("attention_mask", "int64", ("batch", "total"))
        builder = _Builder(shape, writer, ids, mask)
        table = weights.embedding()
        x = writer.rows("embedding", ids, table)
        for number in range(shape.layers):
            x = builder.layer(number, weights.layer(number), x)
        last = writer.node("Slice", x, writer.integers(-1), writer.integers(2**62), writer.integers(1))
        head = weights.head()
        name, matrix = ("embedding", table) if head is None else ("head", head)
        logits = writer.linear(name, builder.norm("norm", weights.norm(), last), matrix)
        writer.output(logits, "logits", "float32", ("batch", 1, shape.vocabulary))
        builder.outputs()
        return writer.write(file)


class _Builder:
    """What the layers of one graph share: positions, which keys each query may see, the caches."""

    def __init__(self, shape: DecoderShape, writer: GraphWriter, ids: str, mask: str) -> None:
        self._shape, self._writer = shape, writer
        self._presents: list[tuple[str, str]] = []
        begin = writer.node("Neg", writer.node("Gather", writer.node("Shape", ids), writer.integers(1)))
        self._newest = (begin, writer.integers(2**62))
        self._cosine, self._sine = self._rotation(mask)
        self._bias = self._visible(mask)

    def layer(self, number: int, layer: DecoderLayer, x: str) -> str:
        """x [batch, sequence, hidden] through one layer."""
        writer, name = self._writer, f"layer{number}"
        normed = self.norm(f"{name}.attention_norm", layer.attention_norm, x)
        mixed = self._attention(number, writer.linear(f"{name}.qkv", normed, layer.qkv, layer.qkv_bias))
        x = writer.node("Add", x, writer.linear(f"{name}.attention_out", mixed, layer.attention_out))
        normed = self.norm(f"{name}.mlp_norm", layer.mlp_norm, x)
        both = writer.linear(f"{name}.gate_up", normed, layer.gate_up)
        gate, up = self._split(both, self._shape.feed_forward, self._shape.feed_forward, axis=-1)
        gated = writer.node("Mul", writer.node("Mul", gate, writer.node("Sigmoid", gate)), up)
        return writer.node("Add", x, writer.linear(f"{name}.down", gated, layer.down))

    def norm(self, name: str, scale: Floats, x: str) -> str:
        """x / sqrt(mean(x^2) + epsilon) * scale, over the last axis."""
        writer = self._writer
        mean = writer.node("ReduceMean", writer.node("Pow", x, writer.number(2.0)), axes=[-1])
        length = writer.node("Sqrt", writer.node("Add", mean, writer.number(self._shape.epsilon)))
        return writer.node("Mul", writer.node("Div", x, length), writer.constant(name, scale))

    def outputs(self) -> None:
        """The caches after this run, as outputs."""
        shape = self._shape
        for value, name in self._presents:
            self._writer.output(value, name, "float32", ("batch", shape.kv_heads, "total", shape.head_size))

    def _rotation(self, mask: str) -> tuple[str, str]:
        """Cosine and sine [batch, 1, sequence, head_size / 2]; a position is the count of tokens before it."""
        writer, shape = self._writer, self._shape
        axis = writer.constant("axis1", np.array(1, np.int64))
        counted = writer.node("Sub", writer.node("CumSum", mask, axis), writer.integers(1))
        newest = writer.node("Slice", counted, *self._newest, writer.integers(1))
        positions = writer.node("Cast", writer.node("Max", newest, writer.integers(0)), to=TensorProto.FLOAT)
        unfolded = writer.node("Unsqueeze", positions, writer.integers(1, 3))
        angles = writer.node("Mul", unfolded, writer.constant("rotary.frequencies", _frequencies(shape)))
        return writer.node("Cos", angles), writer.node("Sin", angles)

    def _visible(self, mask: str) -> str:
        """[batch, 1, 1, sequence, total]: 0 where a query may see a key (not later, not padding), else far below 0."""
        writer = self._writer
        total = writer.node("Squeeze", writer.node("Gather", writer.node("Shape", mask), writer.integers(1)))
        numbers = (writer.constant(f"scalar{value}", np.array(value, np.int64)) for value in (0, 1))
        first, step = numbers
        keys = writer.node("Range", first, total, step)
        queries = writer.node("Slice", keys, *self._newest, writer.integers(0))
        causal = writer.node("LessOrEqual", keys, writer.node("Unsqueeze", queries, writer.integers(1)))
        there = writer.node("Unsqueeze", writer.node("Cast", mask, to=TensorProto.BOOL), writer.integers(1, 2, 3))
        return writer.node("Where", writer.node("And", causal, there), writer.number(0.0), writer.number(HIDDEN))

    def _attention(self, number: int, qkv: str) -> str:
        """Causal attention over the cache; heads that share keys are an axis of their own, so no key is copied."""
        writer, shape = self._writer, self._shape
        queries, shared, size = shape.heads, shape.kv_heads, shape.head_size
        heads = writer.node("Reshape", qkv, writer.integers(0, 0, queries + 2 * shared, size))
        heads = writer.node("Transpose", heads, perm=[0, 2, 1, 3])
        turning, value = self._split(heads, queries + shared, shared, axis=1)
        query, key = self._split(self._turned(turning), queries, shared, axis=1)
        key, value = (self._cached(number, name, new) for name, new in (("key", key), ("value", value)))
        query = writer.node("Mul", query, writer.number(size**-0.5))
        query = writer.node("Reshape", query, writer.integers(0, shared, queries // shared, -1, size))
        axis = writer.integers(2)
        across = writer.node("Transpose", writer.node("Unsqueeze", key, axis), perm=[0, 1, 2, 4, 3])
        scores = writer.node("Add", writer.node("MatMul", query, across), self._bias)
        mixed = writer.node("MatMul", writer.node("Softmax", scores, axis=-1), writer.node("Unsqueeze", value, axis))
        mixed = writer.node("Reshape", mixed, writer.integers(0, queries, -1, size))
        mixed = writer.node("Transpose", mixed, perm=[0, 2, 1, 3])
        return writer.node("Reshape", mixed, writer.integers(0, 0, queries * size))

    def _turned(self, x: str) -> str:
        """Rotary positions: each pair (first half, second half) of a head turned by its angle."""
        writer, half = self._writer, self._shape.head_size // 2
        left, right = self._split(x, half, half, axis=3)
        new_left = writer.node("Sub", self._times(left, self._cosine), self._times(right, self._sine))
        new_right = writer.node("Add", self._times(right, self._cosine), self._times(left, self._sine))
        return writer.node("Concat", new_left, new_right, axis=3)

    def _cached(self, number: int, part: str, new: str) -> str:
        shape = self._shape
        axes = ("batch", shape.kv_heads, "past", shape.head_size)
        past = self._writer.input(f"past_key_values.{number}.{part}", "float32", axes)
        present = self._writer.node("Concat", past, new, axis=2)
        self._presents.append((present, f"present.{number}.{part}"))
        return present

    def _times(self, left: str, right: str) -> str:
        return self._writer.node("Mul", left, right)

    def _split(self, x: str, first: int, second: int, *, axis: int) -> tuple[str, str]:
        left, right = self._writer.nodes("Split", x, self._writer.integers(first, second), count=2, axis=axis)
        return left, right


def _frequencies(shape: DecoderShape) -> Floats:
    """Of each pair of a head. By Python's numbers: numpy's powers of float32 are not the same on every processor."""
    return np.array(
        [shape.rotary_base ** (-pair / shape.head_size) for pair in range(0, shape.head_size, 2)], np.float32
    )
