"""Whisper as two ONNX graphs: the encoder, which also makes the keys and values that every decoder step looks at, and
the decoder with its cache, which may be empty. https://arxiv.org/abs/2212.04356

The encoder multiplies in float32: eight bits for each output and a scale for each input saved a sixth of its time on
two AVX2 cores, and turned its answers by up to 16 degrees. The decoder, which reads all of its weights for each token,
has them in blocks of eight bits.

Tensors are those of `runner_specs.SpeechRecognition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from .blocks import rounded
from .parts import Floats, attend, erf_gelu, layer_norm, linear, split_heads
from .writer import GraphWriter

Linear = tuple[Floats, Floats]
Norm = tuple[Floats, Floats]
EPSILON = 1e-5
HIDDEN = -1e30


@dataclass(frozen=True)
class SpeechShape:
    """The numbers of one model: `frames` of log-mel become `positions`, `context` is the longest transcript."""

    mels: int
    positions: int
    layers: int
    hidden: int
    heads: int
    feed_forward: int
    vocabulary: int
    context: int

    @property
    def size(self) -> int:
        """Of one head."""
        return self.hidden // self.heads

    @property
    def frames(self) -> int:
        """Of log-mel; the second convolution halves them."""
        return 2 * self.positions


@dataclass(frozen=True)
class Block:
    """Self-attention and MLP of one layer (pre-norm); queries, keys and values in one matrix in this order."""

    norm: Norm
    qkv: Linear
    out: Linear
    mlp_norm: Norm
    inner: Linear
    outer: Linear


@dataclass(frozen=True)
class Cross:
    """Attention of a decoder layer to the encoder; keys and values in one matrix in this order."""

    norm: Norm
    query: Linear
    kv: Linear
    out: Linear


class SpeechWeights(Protocol):
    """Where the weights come from."""

    def convolution(self, number: int) -> tuple[Floats, Floats]:
        """Weights [outputs, inputs, 3] and bias of convolution 1 or 2."""

    def positions(self, part: str) -> Floats:
        """Rows by position of `encoder` or `decoder`."""

    def block(self, part: str, number: int) -> Block:
        """A layer of `encoder` or `decoder`."""

    def cross(self, number: int) -> Cross:
        """A decoder layer's look at the encoder."""

    def norm(self, part: str) -> Norm:
        """The last norm of `encoder` or `decoder`."""

    def words(self) -> Floats:
        """Rows by token id; also the matrix to logits."""


def write_speech_encoder(shape: SpeechShape, weights: SpeechWeights, file: Path) -> Path:
    """Writes the encoder: log-mel [batch, mels, frames] -> a cache of keys and values for each decoder layer."""
    with GraphWriter(file.stem) as writer:
        x = writer.input("input_features", "float32", ("batch", shape.mels, shape.frames))
        for number, stride in ((1, 1), (2, 2)):
            names = (f"convolution{number}.{part}" for part in ("weights", "bias"))
            constants = [writer.halved(n, v) for n, v in zip(names, weights.convolution(number), strict=True)]
            x = erf_gelu(writer, writer.node("Conv", x, *constants, kernel_shape=[3], pads=[1, 1], strides=[stride]))
        x = writer.node(
            "Add", writer.node("Transpose", x, perm=[0, 2, 1]), writer.halved("positions", weights.positions("encoder"))
        )
        for number in range(shape.layers):
            x = _encoder_layer(writer, f"layer{number}", shape, weights.block("encoder", number), x)
        x = layer_norm(writer, "norm", x, weights.norm("encoder"), EPSILON)
        for number in range(shape.layers):
            both = linear(writer, f"cross{number}.kv", x, *weights.cross(number).kv)
            parts = writer.nodes("Split", both, writer.integers(shape.hidden, shape.hidden), count=2, axis=-1)
            for name, part in zip(("key", "value"), parts, strict=True):
                heads = split_heads(writer, part, heads=shape.heads, size=shape.size)
                writer.output(heads, f"present.{number}.encoder.{name}", "float32", _cache(shape, shape.positions))
        return writer.write(file)


def write_speech_decoder(shape: SpeechShape, weights: SpeechWeights, file: Path) -> Path:
    """Writes the decoder: ids [batch, sequence] and both caches -> logits of every id, and the grown cache."""
    with GraphWriter(file.stem) as writer:
        ids = writer.input("input_ids", "int64", ("batch", "sequence"))
        caches = [_caches(writer, shape, number) for number in range(shape.layers)]
        table = rounded(weights.words())
        places, bias = _places(writer, ids, caches[0][0], weights.positions("decoder"))
        x = writer.node("Add", writer.rows("words", ids, table), places)
        grown: list[tuple[str, str]] = []
        for number, cache in enumerate(caches):
            block, cross = weights.block("decoder", number), weights.cross(number)
            x, key, value = _decoder_attention(writer, f"layer{number}", shape, block, x, cache, bias)
            x = _look(writer, f"cross{number}", shape, cross, x, cache)
            x = _blocks_mlp(writer, f"layer{number}", block, x)
            grown += [(key, f"present.{number}.decoder.key"), (value, f"present.{number}.decoder.value")]
        x = layer_norm(writer, "norm", x, weights.norm("decoder"), EPSILON)
        writer.output(writer.linear("words", x, table), "logits", "float32", ("batch", "sequence", shape.vocabulary))
        for value, name in grown:
            writer.output(value, name, "float32", _cache(shape, "total"))
        return writer.write(file)


def _cache(shape: SpeechShape, length: int | str) -> tuple[int | str, ...]:
    return ("batch", shape.heads, length, shape.size)


def _caches(writer: GraphWriter, shape: SpeechShape, number: int) -> tuple[str, str, str, str]:
    """Inputs of one layer: own key and value so far, the encoder's key and value."""
    names = [
        f"past_key_values.{number}.{part}" for part in ("decoder.key", "decoder.value", "encoder.key", "encoder.value")
    ]
    own = [writer.input(name, "float32", _cache(shape, "past")) for name in names[:2]]
    cross = [writer.input(name, "float32", _cache(shape, shape.positions)) for name in names[2:]]
    return own[0], own[1], cross[0], cross[1]


def _encoder_layer(writer: GraphWriter, name: str, shape: SpeechShape, block: Block, x: str) -> str:
    normed = layer_norm(writer, f"{name}.norm", x, block.norm, EPSILON)
    qkv = linear(writer, f"{name}.qkv", normed, *block.qkv)
    parts = writer.nodes("Split", qkv, writer.integers(*[shape.hidden] * 3), count=3, axis=-1)
    heads = [split_heads(writer, part, heads=shape.heads, size=shape.size) for part in parts]
    mixed = attend(writer, *heads, heads=shape.heads, size=shape.size)
    x = writer.node("Add", x, linear(writer, f"{name}.out", mixed, *block.out))
    inner = linear(
        writer, f"{name}.inner", layer_norm(writer, f"{name}.mlp_norm", x, block.mlp_norm, EPSILON), *block.inner
    )
    return writer.node("Add", x, linear(writer, f"{name}.outer", erf_gelu(writer, inner), *block.outer))


def _places(writer: GraphWriter, ids: str, past: str, table: Floats) -> tuple[str, str]:
    """Rows of the positions of these ids; [sequence, total]: 0 where an id may see another, far below 0 if later."""
    one = writer.integers(1)
    begin = writer.node("Gather", writer.node("Shape", past), writer.integers(2))
    end = writer.node("Add", begin, writer.node("Gather", writer.node("Shape", ids), one))
    rows = writer.node("Slice", writer.halved("positions", table), begin, end, writer.integers(0))
    scalars = [writer.constant(f"scalar{value}", np.array(value, np.int64)) for value in (0, 1)]
    keys = writer.node("Range", scalars[0], writer.node("Squeeze", end), scalars[1])
    queries = writer.node("Unsqueeze", writer.node("Slice", keys, begin, end, writer.integers(0)), one)
    seen = writer.node("LessOrEqual", keys, queries)
    return rows, writer.node("Where", seen, writer.number(0.0), writer.number(HIDDEN))


def _blocks_linear(writer: GraphWriter, name: str, x: str, matrix: Linear) -> str:
    weights, bias = matrix
    return writer.linear(name, x, rounded(weights), bias)


def _decoder_attention(
    writer: GraphWriter, name: str, shape: SpeechShape, block: Block, x: str, cache: tuple[str, ...], bias: str
) -> tuple[str, str, str]:
    normed = layer_norm(writer, f"{name}.norm", x, block.norm, EPSILON)
    qkv = _blocks_linear(writer, f"{name}.qkv", normed, block.qkv)
    parts = writer.nodes("Split", qkv, writer.integers(*[shape.hidden] * 3), count=3, axis=-1)
    query, key, value = (split_heads(writer, part, heads=shape.heads, size=shape.size) for part in parts)
    key, value = (writer.node("Concat", old, new, axis=2) for old, new in zip(cache[:2], (key, value), strict=True))
    mixed = attend(writer, query, key, value, heads=shape.heads, size=shape.size, bias=bias)
    return writer.node("Add", x, _blocks_linear(writer, f"{name}.out", mixed, block.out)), key, value


def _look(writer: GraphWriter, name: str, shape: SpeechShape, cross: Cross, x: str, cache: tuple[str, ...]) -> str:
    normed = layer_norm(writer, f"{name}.norm", x, cross.norm, EPSILON)
    query = split_heads(
        writer, _blocks_linear(writer, f"{name}.query", normed, cross.query), heads=shape.heads, size=shape.size
    )
    mixed = attend(writer, query, cache[2], cache[3], heads=shape.heads, size=shape.size)
    return writer.node("Add", x, _blocks_linear(writer, f"{name}.out", mixed, cross.out))


def _blocks_mlp(writer: GraphWriter, name: str, block: Block, x: str) -> str:
    normed = layer_norm(writer, f"{name}.mlp_norm", x, block.mlp_norm, EPSILON)
    inner = erf_gelu(writer, _blocks_linear(writer, f"{name}.inner", normed, block.inner))
    return writer.node("Add", x, _blocks_linear(writer, f"{name}.outer", inner, block.outer))
