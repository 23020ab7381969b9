"""One-Euro filter: steady when still, prompt when moving, quick to settle at first.

Source: Casiez, Roussel, Vogel 2012; MediaPipe's `OneEuroFilter` with speed relative to the object's size (Apache-2.0).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class OneEuro:
    """Filters an array of values over time. `min_cutoff_hz` at rest, `beta` opens it with speed.

    Speed is in object sizes a second, so one setting serves near and far. Time is passed in; it never reads a clock. An
    `eager` filter is nearly the mean of its first values, which are the least sure, until there are enough of them.
    """

    def __init__(
        self,
        *,
        min_cutoff_hz: float = 0.05,
        beta: float = 80.0,
        derivative_cutoff_hz: float = 1.0,
        eager: bool = True,
    ) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._derivative_cutoff_hz = derivative_cutoff_hz
        self._eager = eager
        self._raw: Values | None = None
        self._value: Values | None = None
        self._speed: Values | None = None
        self._t_us = 0
        self._count = 0

    def reset(self) -> None:
        """Forgets the past: the next value passes unchanged."""
        self._raw = self._value = self._speed = None
        self._count = 0

    def carry(self, move: Callable[[Values], Values]) -> Values | None:
        """Moves the past with a motion that is known from elsewhere, so that only what differs from it is filtered.

        The moved value, None without a past.
        """
        if self._raw is not None and self._value is not None:
            self._raw, self._value = move(self._raw), move(self._value)
        return self._value

    def __call__(self, values: Values, t_us: int, *, object_size: float, beta: float | Values | None = None) -> Values:
        """The filtered values. `t_us` in microseconds; a time that does not advance returns the input unchanged.

        `object_size` in the unit of the values, > 0; `beta` for this step, one or one a value.
        """
        if self._raw is None or self._value is None or self._speed is None:
            self._raw, self._value, self._speed, self._t_us = values, values, np.zeros_like(values), t_us
            return values
        if t_us <= self._t_us:
            return values
        period = (t_us - self._t_us) * 1e-6
        speed = (values - self._raw) / (object_size * period)
        self._speed = self._speed + _alpha(self._derivative_cutoff_hz, period) * (speed - self._speed)
        cutoff = self._min_cutoff_hz + (self._beta if beta is None else beta) * np.abs(self._speed)
        self._count += 1
        gain = _alpha(cutoff, period)
        if self._eager:
            gain = np.maximum(gain, 1 / (1 + 0.5 * self._count))
        self._value = self._value + gain * (values - self._value)
        self._raw, self._t_us = values, t_us
        return self._value


def _alpha(cutoff_hz: float | Values, period: float) -> Values:
    return np.asarray(1.0 / (1.0 + 1.0 / (2 * math.pi * np.asarray(cutoff_hz) * period)))
