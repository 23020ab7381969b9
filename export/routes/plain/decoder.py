"""GGUF decoders (Llama, Qwen2) in numpy: logits of whole sequences at once, without a cache.

Llama: https://arxiv.org/abs/2302.13971, Qwen2: https://arxiv.org/abs/2407.10671. Rotary positions turn neighbouring
values in Llama files (llama.cpp stores them so) and values half a head apart in Qwen2 files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..weights.gguf_file import GgufFile
from .arithmetic import Floats, attention, causal, heads, joined

_ROWS = 8192


def logits_of(file: GgufFile, ids: NDArray[np.int64]) -> Floats:
    """Logits [batch, sequence, vocabulary] for token ids [batch, sequence]; one layer at a time is in memory."""
    family = file.fields["general.architecture"]
    count, shared = (file.integer(f"{family}.attention.{key}") for key in ("head_count", "head_count_kv"))
    epsilon = file.real(f"{family}.attention.layer_norm_rms_epsilon")
    angles = _angles(file, family, ids.shape[1])
    x = _embedded(file, ids)
    mask = causal(ids.shape[1])
    for number in range(file.integer(f"{family}.block_count")):
        name = f"blk.{number}"
        normed = _norm(x, _read(file, f"{name}.attn_norm.weight"), epsilon)
        query, key, value = (
            heads(_linear(file, f"{name}.attn_{part}", normed), n)
            for part, n in (("q", count), ("k", shared), ("v", shared))
        )
        query, key = (_turned(part, angles, interleaved=family == "llama") for part in (query, key))
        key, value = (np.repeat(part, count // shared, axis=1) for part in (key, value))
        x = x + _linear(file, f"{name}.attn_output", joined(attention(query, key, value, mask)))
        normed = _norm(x, _read(file, f"{name}.ffn_norm.weight"), epsilon)
        gated = _silu(_linear(file, f"{name}.ffn_gate", normed)) * _linear(file, f"{name}.ffn_up", normed)
        x = x + _linear(file, f"{name}.ffn_down", gated)
    x = _norm(x, _read(file, "output_norm.weight"), epsilon)
    return _linear(file, "output" if "output.weight" in file.tensors else "token_embd", x)


def _angles(file: GgufFile, family: str, length: int) -> Floats:
    """[length, head size / 2]"""
    size = file.integer(f"{family}.embedding_length") // file.integer(f"{family}.attention.head_count")
    base = file.real(f"{family}.rope.freq_base", 10000.0)
    frequencies = base ** (-np.arange(0, size, 2, dtype=np.float64) / size)
    return (np.arange(length)[:, None] * frequencies).astype(np.float32)


def _turned(x: Floats, angles: Floats, *, interleaved: bool) -> Floats:
    half = x.shape[-1] // 2
    left, right = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    cosine, sine = np.cos(angles), np.sin(angles)
    turned = left * cosine - right * sine, right * cosine + left * sine
    # The order within a head is the same for queries and keys, so their products do not depend on it.
    return np.concatenate(turned, axis=-1)


def _silu(x: Floats) -> Floats:
    with np.errstate(over="ignore"):  # exp of a large number is infinity, and one over it 0, as it should be
        result: Floats = (x / (1.0 + np.exp(-x))).astype(np.float32)
    return result


def _norm(x: Floats, scale: Floats, epsilon: float) -> Floats:
    length = np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(epsilon))
    normed: Floats = (x / length * scale).astype(np.float32)
    return normed


def _embedded(file: GgufFile, ids: NDArray[np.int64]) -> Floats:
    shape = file.tensors["token_embd.weight"].shape
    used, places = np.unique(ids, return_inverse=True)
    rows = [file.read("token_embd.weight", shape=shape, rows=slice(number, number + 1)) for number in used.tolist()]
    return np.concatenate(rows)[places.reshape(ids.shape)]


def _linear(file: GgufFile, name: str, x: Floats) -> Floats:
    shape = file.tensors[f"{name}.weight"].shape
    parts = []
    for begin in range(0, shape[0], _ROWS):
        rows = slice(begin, min(shape[0], begin + _ROWS))
        parts.append(x @ file.read(f"{name}.weight", shape=shape, rows=rows).T)
    y: Floats = np.concatenate(parts, axis=-1)
    bias = f"{name}.bias"
    return y + _read(file, bias) if bias in file.tensors else y


def _read(file: GgufFile, name: str) -> Floats:
    return file.read(name, shape=file.tensors[name].shape)
