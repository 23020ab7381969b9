"""A BERT encoder with mean pooling as ONNX: token ids in, one vector of length 1 a text out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .blocks import Blocks
from .parts import attention, erf_gelu, layer_norm
from .writer import GraphWriter

Floats = NDArray[np.float32]
Norm = tuple[Floats, Floats]
Linear = tuple[Blocks, Floats]


@dataclass(frozen=True)
class EncoderShape:
    """The numbers of one model."""

    layers: int
    hidden: int
    heads: int
    epsilon: float


@dataclass(frozen=True)
class EncoderLayer:
    """One layer (post-norm): queries, keys and values in one matrix in this order."""

    qkv: Linear
    attention_out: Linear
    attention_norm: Norm
    inner: Linear
    outer: Linear
    norm: Norm


class EncoderWeights(Protocol):
    """Where the weights come from."""

    def words(self) -> Blocks:
        """Rows by token id."""

    def positions(self) -> Floats:
        """Rows by position, what every token's type adds included [positions, hidden]."""

    def norm(self) -> Norm:
        """The norm after the embeddings."""

    def layer(self, number: int) -> EncoderLayer:
        """One layer."""


def write_encoder(shape: EncoderShape, weights: EncoderWeights, file: Path) -> Path:
    """Writes `file`: `input_ids`, `attention_mask` [batch, sequence] -> `embedding` [batch, hidden]."""
    with GraphWriter(file.stem) as writer:
        ids = writer.input("input_ids", "int64", ("batch", "sequence"))
        mask = writer.input("attention_mask", "int64", ("batch", "sequence"))
        there = writer.node("Cast", mask, to=TensorProto.FLOAT)
        hidden_from = writer.node("Mul", writer.node("Sub", there, writer.number(1.0)), writer.number(1e9))
        bias = writer.node("Unsqueeze", hidden_from, writer.integers(1, 2))
        x = writer.node("Add", writer.rows("words", ids, weights.words()), _positions(writer, ids, weights.positions()))
        x = layer_norm(writer, "embedding_norm", x, weights.norm(), shape.epsilon)
        for number in range(shape.layers):
            x = _layer(writer, f"layer{number}", shape, weights.layer(number), x, bias)
        writer.output(_pooled(writer, x, there), "embedding", "float32", ("batch", shape.hidden))
        return writer.write(file)


def _positions(writer: GraphWriter, ids: str, table: Floats) -> str:
    length = writer.node("Gather", writer.node("Shape", ids), writer.integers(1))
    return writer.node("Slice", writer.constant("positions", table), writer.integers(0), length, writer.integers(0))


def _layer(writer: GraphWriter, name: str, shape: EncoderShape, layer: EncoderLayer, x: str, bias: str) -> str:
    qkv = writer.linear(f"{name}.qkv", x, *layer.qkv)
    width = shape.hidden
    query, key, value = writer.nodes("Split", qkv, writer.integers(width, width, width), count=3, axis=-1)
    mixed = attention(writer, query, key, value, heads=shape.heads, size=width // shape.heads, bias=bias)
    x = writer.node("Add", x, writer.linear(f"{name}.attention_out", mixed, *layer.attention_out))
    x = layer_norm(writer, f"{name}.attention_norm", x, layer.attention_norm, shape.epsilon)
    inner = erf_gelu(writer, writer.linear(f"{name}.inner", x, *layer.inner))
    x = writer.node("Add", x, writer.linear(f"{name}.outer", inner, *layer.outer))
    return layer_norm(writer, f"{name}.norm", x, layer.norm, shape.epsilon)


def _pooled(writer: GraphWriter, x: str, there: str) -> str:
    """The mean over tokens that are there, brought to length 1."""
    each = writer.node("Unsqueeze", there, writer.integers(2))
    total = writer.node("ReduceSum", writer.node("Mul", x, each), writer.integers(1), keepdims=0)
    mean = writer.node("Div", total, writer.node("ReduceSum", each, writer.integers(1), keepdims=0))
    return writer.node("Div", mean, writer.node("ReduceL2", mean, axes=[-1], keepdims=1))
