"""Whisper from a CTranslate2 file in numpy, after https://github.com/openai/whisper/blob/main/whisper/model.py"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..weights.ctranslate2_file import CTranslate2File
from .arithmetic import Floats, attention, causal, gelu, heads, joined, layer_norm

_EPSILON = 1e-5


class PlainSpeech:
    """One file's model."""

    def __init__(self, file: CTranslate2File) -> None:
        self._file = file
        self._heads = file.integer("encoder/num_heads")
        names = file.variables
        self._layers = sum(f"encoder/layer_{i}/ffn/linear_0/weight" in names for i in range(256))

    def encoded(self, features: Floats) -> Floats:
        """Log-mel [batch, mels, frames] -> [batch, positions, hidden]."""
        x = gelu(self._convolved("encoder/conv1", features, stride=1))
        x = gelu(self._convolved("encoder/conv2", x, stride=2)).swapaxes(1, 2)
        x = x + self._read("encoder/position_encodings/encodings")
        for number in range(self._layers):
            name = f"encoder/layer_{number}"
            x = x + self._self_attention(f"{name}/self_attention", x, 0.0)
            x = x + self._mlp(f"{name}/ffn", x)
        return self._norm("encoder/layer_norm", x)

    def cross(self, encoded: Floats, layer: int) -> tuple[Floats, Floats]:
        """Keys and values [batch, heads, positions, size] that a decoder layer looks at."""
        both = self._linear(f"decoder/layer_{layer}/attention/linear_1", encoded)
        key, value = np.split(both, 2, axis=-1)
        return heads(key, self._heads), heads(value, self._heads)

    def logits(self, ids: NDArray[np.int64], encoded: Floats) -> Floats:
        """Logits [batch, sequence, vocabulary] of whole transcripts, without a cache."""
        table = self._read("decoder/embeddings/weight")
        x = table[ids] + self._read("decoder/position_encodings/encodings")[: ids.shape[1]]
        mask = causal(ids.shape[1])
        for number in range(self._layers):
            name = f"decoder/layer_{number}"
            x = x + self._self_attention(f"{name}/self_attention", x, mask)
            query = self._linear(f"{name}/attention/linear_0", self._norm(f"{name}/attention/layer_norm", x))
            mixed = joined(attention(heads(query, self._heads), *self.cross(encoded, number)))
            x = x + self._linear(f"{name}/attention/linear_2", mixed)
            x = x + self._mlp(f"{name}/ffn", x)
        logits: Floats = self._norm("decoder/layer_norm", x) @ table.T
        return logits

    def _self_attention(self, name: str, x: Floats, mask: Floats | float) -> Floats:
        qkv = self._linear(f"{name}/linear_0", self._norm(f"{name}/layer_norm", x))
        query, key, value = (heads(part, self._heads) for part in np.split(qkv, 3, axis=-1))
        return self._linear(f"{name}/linear_1", joined(attention(query, key, value, mask)))

    def _mlp(self, name: str, x: Floats) -> Floats:
        return self._linear(
            f"{name}/linear_1", gelu(self._linear(f"{name}/linear_0", self._norm(f"{name}/layer_norm", x)))
        )

    def _convolved(self, name: str, x: Floats, *, stride: int) -> Floats:
        """A window of three over the last axis, zeros outside."""
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=2)[:, :, ::stride]
        result: Floats = np.einsum("oik,bitk->bot", self._read(f"{name}/weight"), windows, optimize=True)
        return result + self._read(f"{name}/bias")[:, None]

    def _linear(self, name: str, x: Floats) -> Floats:
        return x @ self._read(f"{name}/weight").T + self._read(f"{name}/bias")

    def _norm(self, name: str, x: Floats) -> Floats:
        return layer_norm(x, self._read(f"{name}/gamma"), self._read(f"{name}/beta"), _EPSILON)

    def _read(self, name: str) -> Floats:
        return self._file.read(name, *self._file.shape(name))
