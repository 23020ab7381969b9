"""Weights in small blocks of integers, as ONNX Runtime's MatMulNBits reads them, made in numpy by exact steps.

A block is 16 or 32 neighbouring weights of one output; weight = (code - zero) * scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CODES = 255


@dataclass(frozen=True)
class Blocks:
    """A matrix [outputs, inputs] as codes [outputs, blocks, size] uint8, scales [outputs, blocks] float32 and zeros
    [outputs, blocks] uint8, or None where all of them are in the middle (128; 8 for four bits)."""

    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    zeros: NDArray[np.uint8] | None
    bits: int = 8

    @property
    def outputs(self) -> int:
        """Rows of the matrix."""
        return int(self.codes.shape[0])

    @property
    def inputs(self) -> int:
        """Columns of the matrix."""
        return int(self.codes.shape[1] * self.codes.shape[2])

    @property
    def middle(self) -> int:
        """The zero point that MatMulNBits takes where none is given."""
        return 1 << (self.bits - 1)

    def packed(self) -> NDArray[np.uint8]:
        """The codes as MatMulNBits wants them: two of four bits in a byte, the first in its low half."""
        if self.bits == 8:
            return self.codes
        return (self.codes[..., 0::2] | (self.codes[..., 1::2] << 4)).astype(np.uint8)

    def values(self) -> NDArray[np.float32]:
        """The matrix [outputs, inputs] that the codes stand for."""
        zeros = np.float32(self.middle) if self.zeros is None else self.zeros[..., None].astype(np.float32)
        spread = (self.codes.astype(np.float32) - zeros) * self.scales[..., None]
        return spread.reshape(self.outputs, self.inputs)


def exact(integers: NDArray[np.int8], scales: NDArray[np.float32], *, bits: int = 8) -> Blocks:
    """Weights that are integers [outputs, blocks, size] times a scale a block already: nothing is lost."""
    return Blocks((integers.astype(np.int16) + (1 << (bits - 1))).astype(np.uint8), scales, None, bits)


def stepped(steps: NDArray[np.int8], scales: NDArray[np.float32], offsets: NDArray[np.float32]) -> Blocks:
    """Weights that are step * scale + offset, for steps [outputs, blocks, size] of 0 or more, almost without loss.

    A code has more room than a step, so the scale is divided by a whole number: the one for which the offset is nearest
    to a multiple of the finer scale. What is left of the offset is the error, the same for all weights of a block.
    """
    top = int(steps.max(initial=1))
    best = np.full(scales.shape, np.inf)
    factors, zeros = np.zeros(scales.shape), np.zeros(scales.shape)
    width = np.abs(np.where(scales == 0, 1, scales)).astype(np.float64)
    shift = offsets.astype(np.float64) / np.where(scales == 0, 1, scales)  # in steps
    for factor in range(1, CODES // top + 1):
        whole = np.rint(shift * factor)
        error = np.abs(shift - whole / factor) * width
        fits = (scales != 0) & (whole >= -CODES) & (whole + top * factor <= CODES)
        better = fits & (error < best)
        best, factors, zeros = (
            np.where(better, new, old) for new, old in ((error, best), (factor, factors), (whole, zeros))
        )
    return _put_together(steps, scales, offsets, factors, zeros)


def rounded(values: NDArray[np.float32], size: int = 32) -> Blocks:
    """Any weights [outputs, inputs], rounded to 255 steps between the smallest and largest of each block and zero."""
    grouped = values.reshape(len(values), -1, size)
    low, high = np.minimum(grouped.min(axis=2), 0), np.maximum(grouped.max(axis=2), 0)
    scales = ((high - low) / np.float32(CODES)).astype(np.float32)
    steps = np.where(scales > 0, scales, np.float32(1))
    zeros = np.rint(-low / steps)
    codes = np.clip(np.rint(grouped / steps[..., None]) + zeros[..., None], 0, CODES)
    return Blocks(codes.astype(np.uint8), scales, zeros.astype(np.uint8))


def _put_together(
    steps: NDArray[np.int8],
    scales: NDArray[np.float32],
    offsets: NDArray[np.float32],
    factors: NDArray[np.float64],
    zeros: NDArray[np.float64],
) -> Blocks:
    """The codes for the chosen factors; a block that none fits is rounded like any other weights."""
    fits = factors > 0
    codes = steps * np.where(fits, factors, 1)[..., None] + np.maximum(zeros, 0)[..., None]
    fine = (scales / np.where(fits, factors, 1)).astype(np.float32)
    values = steps.astype(np.float32) * scales[..., None] + offsets[..., None]
    other = rounded(values.reshape(len(values), -1), steps.shape[2])
    assert other.zeros is not None
    return Blocks(
        np.where(fits[..., None], codes, other.codes).astype(np.uint8),
        np.where(fits, fine, other.scales).astype(np.float32),
        np.where(fits, np.maximum(-zeros, 0), other.zeros).astype(np.uint8),
    )


def stacked(parts: list[Blocks]) -> Blocks:
    """Matrices over the same inputs as one with all their outputs, in order."""
    zeros = None
    if any(part.zeros is not None for part in parts):
        zeros = np.concatenate(
            [np.full_like(part.scales, part.middle, np.uint8) if part.zeros is None else part.zeros for part in parts]
        )
    codes = np.concatenate([part.codes for part in parts])
    return Blocks(codes, np.concatenate([part.scales for part in parts]), zeros, parts[0].bits)
