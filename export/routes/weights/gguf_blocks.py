"""The block formats of GGUF and the values that their bytes stand for, in exact float32 arithmetic.

A block holds 32 or 256 neighbouring values of a row. Formats and order of operations are those of ggml
(ggml-quants.c, `dequantize_row_*`), so the values are bit for bit the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Records = NDArray[np.void]


@dataclass(frozen=True)
class Steps:
    """Weights as integers [groups, size] int8, with a scale and, in some formats, an offset for each group [groups]."""

    integers: NDArray[np.int8]
    scales: Floats
    offsets: Floats | None = None

    def values(self) -> Floats:
        """integer * scale + offset, flat."""
        values = self.integers.astype(np.float32) * self.scales[:, None]
        if self.offsets is not None:
            values += self.offsets[:, None]
        return values.reshape(-1)


@dataclass(frozen=True)
class Format:
    """One format: ggml's number for it, values a block, the block as a numpy record, the steps in it (None: plain)."""

    kind: int
    size: int
    dtype: np.dtype[np.void]
    decode: Callable[[Records], Steps] | None

    def steps(self, data: Bytes) -> Steps | None:
        """The steps of whole blocks; None for plain numbers."""
        return None if self.decode is None else self.decode(self._blocks(data))

    def values(self, data: Bytes) -> Floats:
        """The values of whole blocks, flat."""
        steps = self.steps(data)
        return self._blocks(data)["v"].astype(np.float32) if steps is None else steps.values()

    def _blocks(self, data: Bytes) -> Records:
        return np.frombuffer(np.ascontiguousarray(data), self.dtype)


def _nibbles(packed: Bytes) -> Bytes:
    """Low halves of all bytes, then their high halves."""
    return np.concatenate([packed & 15, packed >> 4], axis=1)


def _fives(b: Records) -> NDArray[np.int8]:
    fifth = (b["h"][:, None] >> np.arange(32, dtype=np.uint32)) & 1
    return (_nibbles(b["q"]) | (fifth << 4).astype(np.uint8)).astype(np.int8)


def _f32(field: NDArray[np.float16]) -> Floats:
    return field.astype(np.float32)


def _q4_0(b: Records) -> Steps:
    return Steps(_nibbles(b["q"]).astype(np.int8) - np.int8(8), _f32(b["d"]))


def _q4_1(b: Records) -> Steps:
    return Steps(_nibbles(b["q"]).astype(np.int8), _f32(b["d"]), _f32(b["m"]))


def _q5_0(b: Records) -> Steps:
    return Steps(_fives(b) - np.int8(16), _f32(b["d"]))


def _q5_1(b: Records) -> Steps:
    return Steps(_fives(b), _f32(b["d"]), _f32(b["m"]))


def _q8_0(b: Records) -> Steps:
    return Steps(b["q"], _f32(b["d"]))


def _sub_blocks(b: Records, integers: Bytes) -> Steps:
    """Eight sub-blocks of 32: (d * scale) * q - (dmin * minimum); scales and minima have six bits in twelve bytes."""
    low, high, rest = b["s"][:, 0:4], b["s"][:, 4:8], b["s"][:, 8:12]
    scales = np.concatenate([low & 63, (rest & 15) | (low >> 6 << 4)], axis=1).astype(np.float32)
    minima = np.concatenate([high & 63, (rest >> 4) | (high >> 6 << 4)], axis=1).astype(np.float32)
    d, least = _f32(b["d"])[:, None] * scales, _f32(b["m"])[:, None] * minima
    return Steps(integers.reshape(-1, 32).astype(np.int8), d.reshape(-1), -least.reshape(-1))


def _q4_k(b: Records) -> Steps:
    packed = b["q"].reshape(-1, 4, 1, 32)
    return _sub_blocks(b, np.concatenate([packed & 15, packed >> 4], axis=2))


def _q5_k(b: Records) -> Steps:
    packed = b["q"].reshape(-1, 4, 1, 32)
    low = np.concatenate([packed & 15, packed >> 4], axis=2).reshape(-1, 8, 32)
    high = (b["h"][:, None, :] >> np.arange(8, dtype=np.uint8)[None, :, None]) & 1
    return _sub_blocks(b, low | high << 4)


def _q6_k(b: Records) -> Steps:
    """Two halves of 128: four groups of 32 from 64 low-nibble bytes and 32 bytes of upper bits; a scale each 16."""
    low, high = b["l"].reshape(-1, 2, 2, 32), b["h"].reshape(-1, 2, 1, 32)
    nibbles = np.concatenate([low & 15, low >> 4], axis=2)
    upper = (high >> np.array([0, 2, 4, 6], np.uint8)[:, None]) & 3
    integers = (nibbles | upper << 4).astype(np.int8) - np.int8(32)
    scales = _f32(b["d"])[:, None] * b["s"].astype(np.float32)
    return Steps(integers.reshape(-1, 16), scales.reshape(-1))


def _format(kind: int, size: int, decode: Callable[[Records], Steps] | None, *fields: tuple[str, str, int]) -> Format:
    record = [(name, code) if count == 1 else (name, code, (count,)) for name, code, count in fields]
    return Format(kind, size, np.dtype(record), decode)


_D, _M, _H, _Q16 = ("d", "<f2", 1), ("m", "<f2", 1), ("h", "<u4", 1), ("q", "u1", 16)
_S, _Q128 = ("s", "u1", 12), ("q", "u1", 128)
FORMATS: Mapping[str, Format] = {
    "F32": _format(0, 1, None, ("v", "<f4", 1)),
    "F16": _format(1, 1, None, ("v", "<f2", 1)),
    "Q4_0": _format(2, 32, _q4_0, _D, _Q16),
    "Q4_1": _format(3, 32, _q4_1, _D, _M, _Q16),
    "Q5_0": _format(6, 32, _q5_0, _D, _H, _Q16),
    "Q5_1": _format(7, 32, _q5_1, _D, _M, _H, _Q16),
    "Q8_0": _format(8, 32, _q8_0, _D, ("q", "i1", 32)),
    "Q4_K": _format(12, 256, _q4_k, _D, _M, _S, _Q128),
    "Q5_K": _format(13, 256, _q5_k, _D, _M, _S, ("h", "u1", 32), _Q128),
    "Q6_K": _format(14, 256, _q6_k, ("l", "u1", 128), ("h", "u1", 64), ("s", "i1", 16), _D),
}
