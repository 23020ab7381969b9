"""A series in an HdrHistogram: quantiles of millions of samples in bounded memory, to three significant digits."""

from __future__ import annotations

import numpy as np
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import ArrayLike

from ..stats import Summary

PER_MS = 1000  # ticks of a millisecond; what is counted in whole ones has one tick each
HIGHEST = 3_600_000_000  # an hour
DIGITS = 3


class Histogram:
    """Finite samples in a unit of their own; one below zero (a clock's rounding) is zero."""

    def __init__(self, samples: ArrayLike, *, ticks_per_unit: int = PER_MS) -> None:
        self._per_unit = ticks_per_unit
        values = np.maximum(np.asarray(samples, np.float64).reshape(-1), 0.0)
        if values.size == 0:
            raise ValueError("nothing was measured")
        self._hdr = HdrHistogram(1, HIGHEST, DIGITS)
        self._count, self._mean, self._max = int(values.size), float(values.mean()), float(values.max())
        whole = np.minimum(np.rint(ticks_per_unit * values), HIGHEST).astype(np.int64)
        ticks, counts = np.unique(whole, return_counts=True)
        for tick, count in zip(ticks.tolist(), counts.tolist(), strict=True):
            self._hdr.record_value(tick, count)

    def summary(self) -> Summary:
        """Quantiles from the histogram; `mean` and `max` are exact."""
        p50, p90, p95, p99, p999 = (self._at(percent) for percent in (50.0, 90.0, 95.0, 99.0, 99.9))
        return Summary(self._count, self._mean, p50, p90, p95, p99, self._max, p999)

    def _at(self, percent: float) -> float:
        """The histogram answers with the upper end of a bin; nothing is above the largest sample."""
        return float(min(self._max, self._hdr.get_value_at_percentile(percent) / self._per_unit))

    def encoded(self) -> str:
        """The V2 form, compressed, base64, as other HdrHistogram tools read it."""
        text: bytes = self._hdr.encode()
        return text.decode("ascii")
