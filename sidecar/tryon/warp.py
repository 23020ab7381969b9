"""Thin-plate splines on a coarse grid, and how healthy a map is.

Source: Bookstein 1989 for the spline; folds and anisotropy from the Jacobian of the sampled map.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .arrays import Points
from .patches import Box

Coordinates = NDArray[np.floating[Any]]
Map = NDArray[np.float32]
"""(h, w, 2): for each pixel drawn, the position (x, y) in the garment's picture."""

_GRID = (25, 33)
_STIFFNESS = 1e-3


def spline(control: Points, values: Points, *, stiffness: float = _STIFFNESS) -> Points:
    """(n + 3, 2) weights of the spline that takes `control` (n, 2) to `values` (n, 2); both of order one in size."""
    count = len(control)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(control, control) + stiffness * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), control])
    system[count:, :count] = system[:count, count:].T
    return np.asarray(np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))])))


def evaluate(points: Coordinates, control: Coordinates, weights: Points) -> Points:
    """(N, 2) values of the spline at `points` (N, 2)."""
    affine = np.column_stack([np.ones(len(points)), points])
    return np.asarray(_kernel(points, control) @ weights[:-3] + affine @ weights[-3:])


def _kernel(first: Coordinates, second: Coordinates) -> Points:
    x = first[:, 0, None] - second[None, :, 0]
    y = first[:, 1, None] - second[None, :, 1]
    squared = x * x + y * y
    return np.asarray(0.5 * squared * np.log(squared + 1e-9))


def spline_map(box: Box, target: Points, source: Points) -> Map:
    """The map of a box of the frame that pulls `source` picture positions to `target` frame positions.

    The spline is solved on a 33 x 25 grid and enlarged with a cubic kernel.
    """
    x, y, width, height = box
    rows, columns = _GRID
    scale = float(np.ptp(target, axis=0).max()) or 1.0
    size = float(np.ptp(source, axis=0).max()) or 1.0
    control, middle = (target - target[0]) / scale, source[0]
    weights = spline(control, (source - middle) / size)
    # The kernel has nothing to go on in the outermost cells, so they lie outside the box.
    edge_x, edge_y = -(-2 * width // columns), -(-2 * height // rows)
    full_x, full_y = width + 2 * edge_x, height + 2 * edge_y
    across = x - edge_x + (np.arange(columns) + 0.5) * full_x / columns - 0.5
    down = y - edge_y + (np.arange(rows) + 0.5) * full_y / rows - 0.5
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    places = ((grid - target[0]) / scale).astype(np.float32)
    values = evaluate(places, control.astype(np.float32), weights) * size + middle
    coarse = values.reshape(rows, columns, 2).astype(np.float32)
    field = cv2.resize(coarse, (full_x, full_y), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field[edge_y : edge_y + height, edge_x : edge_x + width], np.float32)


def folded_share(field: Map, inside: NDArray[np.bool_]) -> float:
    """Share of the pixels in `inside` where the map turns over (det J <= 0)."""
    jacobian = _jacobian(field)
    determinant = jacobian[..., 0] * jacobian[..., 3] - jacobian[..., 1] * jacobian[..., 2]
    return float((determinant[inside] <= 0).mean()) if inside.any() else 0.0


def anisotropy(field: Map, inside: NDArray[np.bool_], *, quantile: float = 0.95) -> float:
    """Quantile of the ratio of the map's two stretches, 1 where it only turns and scales."""
    jacobian = _jacobian(field)[inside]
    determinant = jacobian[..., 0] * jacobian[..., 3] - jacobian[..., 1] * jacobian[..., 2]
    squares = (jacobian**2).sum(axis=-1)
    root = np.sqrt(np.maximum(squares**2 - 4 * determinant**2, 0))
    ratio = np.sqrt((squares + root) / np.maximum(squares - root, 1e-12))
    return float(np.quantile(ratio, quantile))


def _jacobian(field: Map) -> NDArray[np.float32]:
    dx, dy = np.gradient(field, axis=1), np.gradient(field, axis=0)
    return np.stack([dx[..., 0], dy[..., 0], dx[..., 1], dy[..., 1]], axis=-1)
