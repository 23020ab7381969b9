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
# In dark cloth a badge or a glint is many times brighter than what is around it.
_DARK = 30.0
# How far from the old garment's typical colour a pixel may be and still tell light from pattern (Lab units of 8 bits).
_CHROMA_RANGE = 14.0
_TONE_RANGE = 45.0


def ratio(small: Rgb, cloth: Mask) -> Plane:
    """(h, w) brightness factor around 1 at the resolution given; `cloth` says where the old garment is.

    Prints, straps and badges of the old garment differ in colour from the rest of it and are left out, so that they do
    not come through as shadows.
    """
    lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)
    weight = _trust(lab, cloth)
    pair = cv2.merge((lab[..., 0] * weight, weight))
    near, near_total = cv2.split(cv2.GaussianBlur(pair, (0, 0), _NARROW))
    # The wide average is so smooth that a quarter of the pixels hold all of it.
    size = max(1, small.shape[1] // 2), max(1, small.shape[0] // 2)
    coarse = cv2.GaussianBlur(cv2.resize(pair, size, interpolation=cv2.INTER_AREA), (0, 0), _WIDE / 2)
    far, far_total = cv2.split(cv2.resize(coarse, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_LINEAR))
    narrow, wide = near / (near_total + 1e-3), far / (far_total + 1e-3)
    shade = 1 + _GAIN * np.minimum(near_total * 2, 1) * (narrow - wide) / (wide + _DARK)
    return np.asarray(np.clip(shade, _LOW, _HIGH), np.float32)


def _trust(lab: Plane, cloth: Mask) -> Plane:
    """(h, w) 0..1: how much a pixel looks like the typical old garment."""
    inside = cloth > 128
    sample = lab[::2, ::2][inside[::2, ::2]]
    if len(sample) < 16:
        return np.zeros(cloth.shape, np.float32)
    away = lab - np.median(sample, axis=0).astype(np.float32)
    away *= np.array([1 / _TONE_RANGE, 1 / _CHROMA_RANGE, 1 / _CHROMA_RANGE], np.float32)
    distance = np.einsum("ijk,ijk->ij", away, away)
    return np.asarray(np.exp(-distance) * inside, np.float32)
