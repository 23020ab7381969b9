"""Light on the new garment, read off the old one: a clipped luminance ratio at quarter resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .arrays import Mask, Rgb

Plane = NDArray[np.float32]

_GAIN = 0.9
_LOW, _HIGH = 0.74, 1.14
_WIDE, _NARROW = 9.0, 1.6
# How far from the old garment's typical colour a pixel may be and still tell light from pattern (Lab units of 8 bits).
_CHROMA_RANGE = 14.0
_TONE_RANGE = 45.0


def ratio(small: Rgb, cloth: Mask) -> Plane:
    """(h, w) brightness factor around 1 at the resolution given; `cloth` says where the old garment is.

    Prints, straps and badges of the old garment differ in colour from the rest of it and are left out, so that they do
    not come through as shadows.
    """
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    weight = _trust(lab, cloth)
    light = lab[..., 0].astype(np.float32)
    wide = _average(light, weight, _WIDE)
    narrow = _average(light, weight, _NARROW)
    known = np.clip(cv2.GaussianBlur(weight, (0, 0), _NARROW) * 2, 0, 1)
    shade = 1 + _GAIN * known * (narrow / (wide + 8) - wide / (wide + 8))
    return np.asarray(np.clip(shade, _LOW, _HIGH), np.float32)


def _trust(lab: NDArray[np.uint8], cloth: Mask) -> Plane:
    inside = cloth > 128
    if int(inside.sum()) < 32:
        return np.zeros(cloth.shape, np.float32)
    typical = np.median(lab[inside], axis=0).astype(np.float32)
    away = lab.astype(np.float32) - typical
    distance = (away[..., 1] ** 2 + away[..., 2] ** 2) / _CHROMA_RANGE**2 + (away[..., 0] / _TONE_RANGE) ** 2
    return np.asarray(np.exp(-distance) * inside, np.float32)


def _average(values: Plane, weight: Plane, sigma: float) -> Plane:
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(values * weight, (0, 0), sigma) / (total + 1e-3), np.float32)


def exposure(small: Rgb) -> float:
    """How bright the scene is taken, 0.25..1.05: its bright parts against those of a well exposed picture."""
    bright = float(np.percentile(small[::4, ::4].max(axis=2), 95))
    return float(np.clip(bright / 225, 0.25, 1.05))
