"""Rotated regions of interest and the crops that MediaPipe's models are fed.

Source: MediaPipe's `ImageToTensorCalculator`, `AlignmentPointsRectsCalculator`, `DetectionsToRectsCalculator` and
`RectTransformationCalculator` (Apache-2.0). Its crop maps corner to corner without a half-pixel shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .arrays import Matrix, Points, Rgb, Tensor


@dataclass(frozen=True, slots=True)
class Roi:
    """A rotated square: centre and side in pixels, `angle` in radians, clockwise on the screen."""

    x: float
    y: float
    side: float
    angle: float

    def matrix(self, size: int) -> Matrix:
        """(2, 3): a position in the crop of `size` x `size` to its position in the picture."""
        scale = self.side / size
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        half = size / 2
        return np.array([[cos, -sin, self.x - half * (cos - sin)], [sin, cos, self.y - half * (sin + cos)]])

    def towards(self, other: Roi, share: float) -> Roi:
        """The region that lies `share` of the way to another, its side changed by at most a third."""
        side = min(max(self.side + share * (other.side - self.side), 0.7 * self.side), 1.35 * self.side)
        return Roi(self.x + share * (other.x - self.x), self.y + share * (other.y - self.y), side, other.angle)


def letterbox(width: int, height: int) -> Roi:
    """The square around a whole picture, its short side padded evenly."""
    return Roi(width / 2, height / 2, float(max(width, height)), 0.0)


def crop(image: Rgb, roi: Roi, size: int, *, border: int = cv2.BORDER_REPLICATE) -> Rgb:
    """(size, size, 3) uint8: the region, bilinear; `border` is what lies outside the picture (zeros for detectors)."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, roi.matrix(size), (size, size), flags=flags, borderMode=border), np.uint8)


def tensor(pixels: Rgb, *, low: float = 0.0) -> Tensor:
    """(1, H, W, 3) float32: 0..255 mapped to `low`..1."""
    scaled = pixels.astype(np.float32)
    scaled *= (1.0 - low) / 255.0
    if low:
        scaled += low
    return scaled[None]


def wrap(angle: float) -> float:
    """The same angle in -pi..pi."""
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def from_alignment(start: Points, end: Points, *, scale: float) -> Roi:
    """The square of a body: centred on `start` (mid hip), reaching twice the way to `end`, upright along it."""
    dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
    angle = wrap(math.pi / 2 - math.atan2(-dy, dx))
    return Roi(float(start[0]), float(start[1]), 2 * scale * math.hypot(dx, dy), angle)


def from_box(box: Points, start: Points, end: Points, *, scale: float) -> Roi:
    """The square around `box` (x0, y0, x1, y1), turned so that `start` to `end` is level."""
    x0, y0, x1, y1 = (float(value) for value in box)
    angle = wrap(-math.atan2(-float(end[1] - start[1]), float(end[0] - start[0])))
    return Roi((x0 + x1) / 2, (y0 + y1) / 2, scale * max(x1 - x0, y1 - y0), angle)


def project(points: Points, roi: Roi, size: int) -> Points:
    """Points of a crop of `size` in picture pixels; a third column (depth) is scaled alike."""
    matrix = roi.matrix(size)
    flat = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    if points.shape[1] == 2:
        return flat
    return np.column_stack([flat, points[:, 2] * (roi.side / size)])
