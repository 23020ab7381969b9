"""Who is a person in a picture. Source: MediaPipe Selfie Segmentation model card (Apache-2.0)."""

from __future__ import annotations

import cv2
import numpy as np

from .arrays import Infer, Mask, Rgb
from .roi import tensor

SEGMENT_MODELS = ("person-segmentation",)

_SIZE = 256


def person_mask(infer: Infer, rgb: Rgb) -> Mask:
    """(H, W) uint8, 0 background to 255 person, of a picture (H, W, 3) sRGB, top row first.

    The whole picture is stretched to the model's square, as its own graph does.
    """
    pixels = np.asarray(cv2.resize(rgb, (_SIZE, _SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)
    chance = infer(tensor(pixels))["mask"][0, :, :, 0]
    full = cv2.resize(chance, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.rint(full * 255), 0, 255), np.uint8)
