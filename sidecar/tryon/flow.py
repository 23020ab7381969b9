"""How body and face moved between two frames, from sparse optical flow.

Source: pyramidal Lucas-Kanade (Bouguet 2000); a similarity is fitted robustly to each group of points.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from .arrays import Mask, Matrix, Points

_WINDOW = (13, 13)
_LEVELS = 3
_MIN_POINTS = 6
_MAX_ERROR = 24.0


def motions(before: Mask, after: Mask, groups: list[Points], *, step: int) -> list[Matrix | None]:
    """(2, 3) motion of each group of points (N, 2) in frame pixels; None where it cannot be told.

    `before`, `after`: grey frames reduced by `step`.
    """
    counts = [len(group) for group in groups]
    if not sum(counts):
        return [None for _ in groups]
    points = (np.concatenate(groups) / step).astype(np.float32)[:, None]
    moved, found, error = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points,
        None,
        winSize=_WINDOW,
        maxLevel=_LEVELS,  # type: ignore[call-overload]
    )
    good = (found[:, 0] == 1) & (error[:, 0] < _MAX_ERROR)
    edges = np.cumsum([0, *counts])
    return [_similarity(points[a:b, 0][good[a:b]] * step, moved[a:b, 0][good[a:b]] * step) for a, b in pairwise(edges)]


def _similarity(start: Points, end: Points) -> Matrix | None:
    if len(start) < _MIN_POINTS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=2.0, maxIters=100
    )
    if matrix is None or int(inliers.sum()) < _MIN_POINTS:
        return None
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    return np.asarray(matrix, np.float64) if 0.8 < scale < 1.25 else None


def move(points: Points, matrix: Matrix) -> Points:
    """Points (N, 2 or 3) after a motion; depth scales with it."""
    flat = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    if points.shape[1] == 2:
        return np.asarray(flat)
    return np.column_stack([flat, points[:, 2] * float(np.hypot(matrix[0, 0], matrix[1, 0]))])


def after(second: Matrix, first: Matrix) -> Matrix:
    """(2, 3) the motion `first` and then `second`."""
    joined = np.vstack([second, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]])
    return np.asarray(joined[:2])
