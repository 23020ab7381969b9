"""The outline of a product on a plain background: conservative, so that what it cannot tell it leaves to a person."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE_SPREAD = 16.0
"""How far (CIE Lab) most of the border may lie from its own colour before the background is not plain."""
_NEAR, _FAR = 8.0, 21.0
_SOLID = 96
_BORDER = 4

Mask = NDArray[np.uint8]
Rgba = NDArray[np.uint8]


def alpha_of(picture: Rgba, *, see_through: bool) -> tuple[Mask, float] | None:
    """Alpha (H, W) of a picture (H, W, 4), and how plain its background is (0..1); None where it is not plain.

    A picture that is cut out already keeps its own alpha. Otherwise what has the border's colour and hangs together
    with the border is background; `see_through`: holes of that colour too, as in glasses.
    """
    given = np.ascontiguousarray(picture[..., 3])
    if int(given.min()) < 128:
        return given, 1.0
    lab = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2LAB).astype(np.float32)
    border = np.concatenate([lab[:_BORDER].reshape(-1, 3), lab[-_BORDER:].reshape(-1, 3)])
    border = np.concatenate([border, lab[:, :_BORDER].reshape(-1, 3), lab[:, -_BORDER:].reshape(-1, 3)])
    typical = np.median(border, axis=0)
    spread = float(np.quantile(np.linalg.norm(border - typical, axis=1), 0.9))
    if spread > EDGE_SPREAD:
        return None
    distance = np.linalg.norm(lab - typical, axis=2)
    alpha = np.clip((distance - _NEAR) / (_FAR - _NEAR) * 255, 0, 255).astype(np.uint8)
    if not see_through:
        alpha[~_outside(alpha)] = 255
    return alpha, 1.0 - spread / EDGE_SPREAD / 2


def _outside(alpha: Mask) -> NDArray[np.bool_]:
    """Background that hangs together with the border, and its soft edge."""
    empty = (alpha < 255).astype(np.uint8)
    count, labels = cv2.connectedComponents(empty, connectivity=4)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    chosen = np.zeros(count, np.bool_)
    chosen[edge[edge > 0]] = True
    return np.asarray(chosen[labels])


def box(alpha: Mask) -> tuple[int, int, int, int]:
    """x, y, width, height of what is solid; width 0 where nothing is."""
    x, y, width, height = cv2.boundingRect((alpha > _SOLID).astype(np.uint8))
    return int(x), int(y), int(width), int(height)


def filled(alpha: Mask) -> NDArray[np.bool_]:
    """The solid part with its holes filled (H, W)."""
    padded = np.pad((alpha <= _SOLID).astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def symmetry(alpha: Mask) -> float:
    """Overlap of the solid part with its mirror image about the middle of its box (intersection over union)."""
    x, y, width, height = box(alpha)
    solid = alpha[y : y + height, x : x + width] > _SOLID
    union = (solid | solid[:, ::-1]).sum()
    return float((solid & solid[:, ::-1]).sum() / union) if union else 0.0


def wholeness(alpha: Mask) -> float:
    """The share of the largest piece in all that is solid."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((alpha > _SOLID).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    return float(areas.max() / areas.sum()) if len(areas) else 0.0
