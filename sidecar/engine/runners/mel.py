"""The log-mel spectrum that Whisper models hear: 80 or 128 bands of 30 s of sound, a column each 10 ms.

As in transformers' `WhisperFeatureExtractor`; mel bands after Slaney's Auditory Toolbox (1998).
"""

from __future__ import annotations

from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
SECONDS = 30
SAMPLES = RATE * SECONDS
HOP = 160
WINDOW = 400
FRAMES = SAMPLES // HOP
_FLOOR, _RANGE = 1e-10, 8.0
_LINEAR_HZ, _LINEAR_MELS, _OCTAVE = 1000.0, 15.0, log(6.4) / 27.0


def log_mel(sound: NDArray[np.float32], bands: int) -> NDArray[np.float32]:
    """float32 [1, bands, 3000], about -1..2, of up to 30 s of 16 kHz sound in -1..1; what is longer is cut off.

    Only frames that hear something of the sound are computed; silence is the same for every frame of it.
    """
    sound = sound[:SAMPLES].astype(np.float64)
    half = WINDOW // 2
    heard = min(FRAMES, (len(sound) + half) // HOP + 1)
    if heard == FRAMES:  # the last frames hear the mirror image behind the end
        whole = np.pad(sound, (0, SAMPLES - len(sound)))
        padded = np.pad(whole, (half, half), mode="reflect")
    else:
        begin = sound[1 : half + 1][::-1]
        padded = np.concatenate([np.zeros(half - len(begin)), begin, sound, np.zeros(WINDOW + HOP)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:heard] * _hann()
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    logs = np.full((bands, FRAMES), np.log10(_FLOOR))
    logs[:, :heard] = np.log10(np.maximum(_filters(bands) @ power.T, _FLOOR))
    logs = np.maximum(logs, logs.max() - _RANGE)
    spectrum: NDArray[np.float32] = ((logs + 4.0) / 4.0).astype(np.float32)[None]
    return spectrum


@lru_cache(maxsize=1)
def _hann() -> NDArray[np.float64]:
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
    return window


@lru_cache(maxsize=4)
def _filters(bands: int) -> NDArray[np.float64]:
    """Triangles [bands, 201] over the spectrum, each of area 1."""
    frequencies = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)
    edges = _hertz(np.linspace(0.0, _mels(RATE / 2), bands + 2))
    slopes = (edges[:, None] - frequencies) / np.concatenate([np.diff(edges), [1.0]])[:, None]
    rising, falling = -slopes[:-2], (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _mels(hertz: float) -> float:
    if hertz < _LINEAR_HZ:
        return hertz * _LINEAR_MELS / _LINEAR_HZ
    return _LINEAR_MELS + log(hertz / _LINEAR_HZ) / _OCTAVE


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LINEAR_HZ * np.exp((mels - _LINEAR_MELS) * _OCTAVE)
    return np.where(mels < _LINEAR_MELS, mels * _LINEAR_HZ / _LINEAR_MELS, above)
