"""What transformer graphs have in common."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .writer import GraphWriter

Floats = NDArray[np.float32]


def layer_norm(writer: GraphWriter, name: str, x: str, weights: tuple[Floats, Floats], epsilon: float) -> str:
    """Over the last axis, with scale and bias."""
    constants = (
        writer.constant(f"{name}.{part}", values) for part, values in zip(("scale", "bias"), weights, strict=True)
    )
    return writer.node("LayerNormalization", x, *constants, axis=-1, epsilon=epsilon)


def linear(writer: GraphWriter, name: str, x: str, weights: Floats, bias: Floats) -> str:
    """x [..., inputs] times weights [outputs, inputs], plus bias, all in float32."""
    matrix = writer.halved(f"{name}.weights", np.ascontiguousarray(weights.T))
    return writer.node("Add", writer.node("MatMul", x, matrix), writer.constant(f"{name}.bias", bias))


def erf_gelu(writer: GraphWriter, x: str) -> str:
    """0.5 x (1 + erf(x / sqrt 2)); ONNX Runtime makes one operator of it."""
    erf = writer.node("Erf", writer.node("Div", x, writer.number(math.sqrt(2.0))))
    return writer.node("Mul", writer.node("Mul", x, writer.node("Add", erf, writer.number(1.0))), writer.number(0.5))


def split_heads(writer: GraphWriter, x: str, *, heads: int, size: int) -> str:
    """[batch, sequence, heads * size] -> [batch, heads, sequence, size]"""
    return writer.node("Transpose", writer.node("Reshape", x, writer.integers(0, 0, heads, size)), perm=[0, 2, 1, 3])


def attend(
    writer: GraphWriter, query: str, key: str, value: str, *, heads: int, size: int, bias: str | None = None
) -> str:
    """Attention over heads [batch, heads, sequence, size], with `bias` added to the scores -> [batch, sequence, all]"""
    scaled = writer.node("Mul", query, writer.number(size**-0.5))
    scores = writer.node("MatMul", scaled, writer.node("Transpose", key, perm=[0, 1, 3, 2]))
    if bias is not None:
        scores = writer.node("Add", scores, bias)
    mixed = writer.node("MatMul", writer.node("Softmax", scores, axis=-1), value)
    return writer.node(
        "Reshape", writer.node("Transpose", mixed, perm=[0, 2, 1, 3]), writer.integers(0, 0, heads * size)
    )


def attention(writer: GraphWriter, query: str, key: str, value: str, *, heads: int, size: int, bias: str | None) -> str:
    """As `attend`, over [batch, sequence, heads * size]."""
    split = (split_heads(writer, x, heads=heads, size=size) for x in (query, key, value))
    return attend(writer, *split, heads=heads, size=size, bias=bias)
