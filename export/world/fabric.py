"""Cloth on a flat canvas: smooth outlines, soft folds, and the light that they catch."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Point = tuple[float, float]

OVERSAMPLING = 2


def curve(points: Sequence[Point], *, closed: bool = False, steps: int = 24) -> NDArray[np.float64]:
    """(N, 2) centripetal-like Catmull-Rom curve through the points."""
    control = np.array(points, np.float64)
    padded = (
        np.vstack([control[-1:], control, control[:2]])
        if closed
        else np.vstack([2 * control[0] - control[1], control, 2 * control[-1] - control[-2]])
    )
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*pieces, padded[-2:-1]])


def fill(outline: NDArray[np.float64], size: int) -> Plane:
    """(size, size) coverage 0..1 of a closed outline on the oversampled canvas."""
    plane = np.zeros((size * OVERSAMPLING, size * OVERSAMPLING), np.uint8)
    scaled = np.round(outline * OVERSAMPLING * 16).astype(np.int32)
    cv2.fillPoly(plane, [scaled], 255, cv2.LINE_AA, 4)
    return np.asarray(plane / np.float32(255), np.float32)


def stroke(points: NDArray[np.float64], width: float, size: int, *, closed: bool = False) -> Plane:
    """Coverage 0..1 of a line of `width` pixels along the points."""
    plane = np.zeros((size * OVERSAMPLING, size * OVERSAMPLING), np.uint8)
    scaled = np.round(points * OVERSAMPLING * 16).astype(np.int32)
    cv2.polylines(plane, [scaled], closed, 255, max(1, round(width * OVERSAMPLING)), cv2.LINE_AA, 4)
    return np.asarray(plane / np.float32(255), np.float32)


def fold(start: Point, end: Point, width: float, depth: float, size: int) -> Plane:
    """Height of one soft fold that fades out at both ends; `depth` < 0 is a valley."""
    y, x = np.mgrid[0 : size * OVERSAMPLING, 0 : size * OVERSAMPLING].astype(np.float32) / OVERSAMPLING
    direction = np.array(end, np.float32) - np.array(start, np.float32)
    length = float(np.linalg.norm(direction))
    ux, uy = direction / length
    along = ((x - start[0]) * ux + (y - start[1]) * uy) / length
    bend = 0.06 * length * np.sin(np.pi * np.clip(along, 0, 1))
    across = -(x - start[0]) * uy + (y - start[1]) * ux - bend
    taper = np.clip(1 - (2 * along - 1) ** 2, 0, 1)
    return np.asarray(depth * taper * np.exp(-((across / width) ** 2)), np.float32)


def light(height: Plane, inside: Plane, *, relief: float, rim: float, rim_width: float) -> Plane:
    """Brightness around 1 of a cloth lit from the upper left; edges turn away from the viewer and darken by `rim`."""
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) / 8 * OVERSAMPLING
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8 * OVERSAMPLING
    slope = -(0.75 * dx + 0.65 * dy)
    distance = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / OVERSAMPLING
    edge = np.exp(-np.asarray(distance, np.float32) / rim_width)
    shade = 1 + relief * slope - rim * edge
    return np.asarray(np.clip(shade, 0.45, 1.14), np.float32)


def displace(height: Plane, amount: float) -> tuple[Plane, Plane]:
    """Where a print lies on folded cloth: the canvas coordinates (x, y), in pixels, shifted by the slopes."""
    y, x = np.mgrid[0 : height.shape[0], 0 : height.shape[1]].astype(np.float32) / OVERSAMPLING
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=5) / 32
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=5) / 32
    return x + amount * dx, y + amount * dy


def reduce(colour: Plane, coverage: Plane) -> NDArray[np.uint8]:
    """(size, size, 4) RGBA of a float RGB canvas; colours bleed under the edge so that it can be resampled."""
    size = coverage.shape[0] // OVERSAMPLING
    weights = cv2.resize(coverage, (size, size), interpolation=cv2.INTER_AREA)
    premultiplied = cv2.resize(colour * coverage[..., None], (size, size), interpolation=cv2.INTER_AREA)
    spread, total = premultiplied.copy(), weights.copy()
    for radius in (3, 9, 27):
        soft = cv2.blur(premultiplied, (radius, radius))
        soft_weight = cv2.blur(weights, (radius, radius))
        empty = total < 0.02
        spread[empty], total[empty] = soft[empty], soft_weight[empty]
    rgb = spread / np.maximum(total, 1e-3)[..., None]
    rgb[total < 1e-3] = 0
    return np.dstack([np.clip(np.rint(rgb), 0, 255), np.rint(weights * 255)]).astype(np.uint8)


def shrink(plane: Plane) -> NDArray[np.uint8]:
    """(size, size) uint8 0..255 of an oversampled coverage."""
    size = plane.shape[0] // OVERSAMPLING
    return np.asarray(np.rint(cv2.resize(plane, (size, size), interpolation=cv2.INTER_AREA) * 255), np.uint8)
