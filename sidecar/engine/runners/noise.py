"""Noise from a seed: the same numbers on every machine and with every version of numpy.

numpy promises that for its bit generators, not for its normal distribution; so the counter-based generator Philox
(Salmon et al. 2011) gives the bits, and Box and Muller's transform (1958) makes normal numbers of them.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MAX_SEED = 2**64 - 1
_STEP = 2.0**-53


class Noise(Protocol):
    """Where a run's noise comes from: called once for each picture that is encoded, the start, and the steps' noise."""

    def __call__(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The next independent standard normal numbers, float32 of that shape."""


class SeededNoise:
    """Philox's stream of one seed, 0 to 2**64 - 1."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)

    def __call__(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The next independent standard normal numbers, float32 of that shape."""
        count = math.prod(shape)
        pairs = (count + 1) // 2
        uniform = (self._bits.random_raw(2 * pairs) >> np.uint64(11)).astype(np.float64) * _STEP
        radius = np.sqrt(-2.0 * np.log(uniform[:pairs] + _STEP))  # 0 < its argument <= 1
        angle = 2.0 * np.pi * uniform[pairs:]
        normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
        return normal[:count].astype(np.float32).reshape(shape)
