"""Sound as models take it: one channel, float32 in -1..1, 16 kHz."""

from __future__ import annotations

import wave
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest
from .mel import RATE

MAX_SECONDS = 3600
_RATES = range(4_000, 384_001)
_MAX_CHANNELS = 32
_HALF_TAPS = 24  # zero crossings on each side: passband ripple below 0.1 %, images below -70 dB
_KAISER = 8.0


def checked(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound itself; raises `BadRequest` unless it is one row of at most an hour of finite float32 numbers."""
    if sound.ndim != 1 or sound.dtype != np.float32 or len(sound) > MAX_SECONDS * RATE:
        raise BadRequest(f"Sound is one row of float32 at {RATE} Hz, at most {MAX_SECONDS // 60} minutes.")
    if not np.isfinite(sound).all():
        raise BadRequest("The sound has values that are not numbers.")
    return sound


def read_wav(path: Path) -> NDArray[np.float32]:
    """A WAV file (whole numbers of 8, 16, 24 or 32 bits) as models take it. Raises `BadRequest`."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width, count = (
                file.getframerate(),
                file.getnchannels(),
                file.getsampwidth(),
                file.getnframes(),
            )
            if rate not in _RATES or not 1 <= channels <= _MAX_CHANNELS or count > MAX_SECONDS * rate:
                raise BadRequest(f"{path.name}: at most {MAX_SECONDS // 60} minutes of 4 to 384 kHz are read.")
            data = file.readframes(count)
    except (OSError, EOFError, wave.Error) as error:
        raise BadRequest(f"{path.name} is not a WAV file of whole numbers: {error}. ffmpeg can make one.") from error
    samples = _numbers(data[: len(data) // (width * channels) * width * channels], width)
    return resampled(samples.reshape(-1, channels).mean(axis=1, dtype=np.float32), rate)


def resampled(sound: NDArray[np.float32], rate: int, to: int = RATE) -> NDArray[np.float32]:
    """The same sound at another rate, by a windowed sinc filter that lets pass what both rates can hold."""
    if rate == to or not len(sound):
        return sound
    up, down = to // gcd(rate, to), rate // gcd(rate, to)
    reach = _HALF_TAPS * max(1, -(-down // up))
    count = -(-len(sound) * up // down)
    padded = np.pad(sound, (reach, reach + down))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach)
    result = np.empty(count, np.float32)
    for phase in range(min(up, count)):
        place = phase * down
        taps = _taps(place % up / up, reach, min(1.0, up / down))
        result[phase::up] = windows[place // up + 1 :: down][: len(result[phase::up])] @ taps
    return result


def _taps(fraction: float, reach: int, cutoff: float) -> NDArray[np.float32]:
    """Weights of the samples around a place that lies `fraction` of a sample behind one of them."""
    distance = np.arange(-reach + 1, reach + 1) - fraction
    window = np.i0(_KAISER * np.sqrt(np.maximum(0.0, 1.0 - (distance / reach) ** 2))) / np.i0(_KAISER)
    weights = np.sinc(distance * cutoff) * window
    taps: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return taps


def _numbers(data: bytes, width: int) -> NDArray[np.float32]:
    if width == 1:  # the only one without a sign
        return np.frombuffer(data, np.uint8).astype(np.float32) / 128.0 - 1.0
    if width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        whole = np.zeros((len(parts), 4), np.uint8)
        whole[:, 1:] = parts
        return whole.view("<i4").reshape(-1).astype(np.float32) / np.float32(2**31)
    return np.frombuffer(data, f"<i{width}").astype(np.float32) / np.float32(2 ** (8 * width - 1))
