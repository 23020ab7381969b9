"""The functions that language and speech models share, over float32 arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Abramowitz and Stegun 7.1.26, in float64: off by at most 1.5e-7.
_ERF_P = 0.3275911
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def softmax(x: Floats) -> Floats:
    """Over the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def layer_norm(x: Floats, scale: Floats, bias: Floats, epsilon: float) -> Floats:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(epsilon))
    normed: Floats = (centred / deviation * scale + bias).astype(np.float32)
    return normed


def gelu(x: Floats) -> Floats:
    """x times the normal distribution's cumulative function (the exact form, not the one with tanh)."""
    return (0.5 * x * (1.0 + _erf(x.astype(np.float64) / math.sqrt(2.0)))).astype(np.float32)


def heads(x: Floats, count: int) -> Floats:
    """[batch, sequence, count * size] -> [batch, count, sequence, size]."""
    return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def joined(x: Floats) -> Floats:
    """The inverse of `heads`."""
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


def attention(query: Floats, key: Floats, value: Floats, bias: Floats | float = 0.0) -> Floats:
    """softmax(query key^T / sqrt(size) + bias) value, all [batch, heads, sequence, size]."""
    scores = query @ key.swapaxes(-1, -2) / np.float32(math.sqrt(query.shape[-1])) + bias
    mixed: Floats = softmax(scores.astype(np.float32)) @ value
    return mixed


def causal(length: int) -> Floats:
    """[length, length]: 0 where a query may see a key, minus infinity where the key comes later."""
    return np.triu(np.full((length, length), -np.inf, np.float32), 1)


def _erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    t = 1.0 / (1.0 + _ERF_P * np.abs(x))
    polynomial = np.zeros_like(t)
    for factor in reversed(_ERF):
        polynomial = (polynomial + factor) * t
    return np.sign(x) * (1.0 - polynomial * np.exp(-x * x))
