"""Background where the old garment would stick out from the new one.

Source: push-pull interpolation (Gortler et al. 1996): averages of what is known, coarse to fine. It is smooth, so it
does not flicker, and costs well under a millisecond on the strips that need it.
"""

from __future__ import annotations

import cv2
import numpy as np

from .arrays import Mask, Points, Rgb
from .body import MASK_STEP, Body
from .patches import Patch, clipped
from .top_fit import TopFit

_MIN_AREA = 12
_SATURATION = 6.0


def collar_region(person: Mask, covered: Mask, head: Mask, body: Body, fit: TopFit) -> Mask:
    """What of the old garment shows above the new one's shoulders: half resolution, 0..255.

    Between the shoulder tips and the level of the mouth, outside head and neck.
    """
    zone = np.zeros_like(person)
    tip_left, tip_right = fit.target[3], fit.target[4]
    chin = float((body.chin - body.middle) @ body.down) / body.width
    top = body.down * body.width * (chin - 0.34 * body.face_width / body.width)
    corners = np.array([
        tip_left - 0.12 * body.width * body.across, tip_right + 0.12 * body.width * body.across,
        tip_right + top, tip_left + top,
    ])  # fmt: skip
    corners[2:] = [_at_level(body, corner, top) for corner in corners[2:]]
    cv2.fillConvexPoly(zone, np.rint(corners / MASK_STEP).astype(np.int32), 255)
    neck = _neck(person.shape, body, fit)
    # The garment lies over the fill, so its soft edge is filled as well.
    hidden = cv2.erode(covered, np.ones((5, 5), np.uint8))
    sticking_out = cv2.subtract(cv2.subtract(cv2.subtract(cv2.min(zone, _wide(person)), hidden), head), neck)
    return np.asarray(cv2.GaussianBlur(sticking_out, (0, 0), 0.8), np.uint8)


def _at_level(body: Body, corner: Points, top: Points) -> Points:
    """The corner moved along the body's axis to the level of `top`."""
    across = float((corner - body.middle) @ body.across)
    return np.asarray(body.middle + across * body.across + top)


def _wide(person: Mask) -> Mask:
    """The person with the soft rim that a mask leaves outside."""
    grown = cv2.dilate(person, np.ones((7, 7), np.uint8))
    return cv2.threshold(grown, 60, 255, cv2.THRESH_BINARY)[1]  # type: ignore[return-value]


def _neck(shape: tuple[int, ...], body: Body, fit: TopFit) -> Mask:
    """The neck between jaw and collar, a little narrower than the collar."""
    left, _, right = fit.neckline
    half = 0.40 * body.face_width * body.across
    inner = 0.03 * body.width * body.across
    chin = body.chin - 0.25 * body.face_width * body.down
    below = 0.25 * body.width * body.down
    outline = np.array([chin - half, chin + half, right - inner, right + below, left + below, left + inner])
    neck = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(neck, [np.rint(outline / MASK_STEP).astype(np.int32)], 255)
    return neck


def patch(small: Rgb, person: Mask, region: Mask, shape: tuple[int, ...]) -> Patch | None:
    """The region painted with the background around it, None where there is nothing to hide.

    `small` and the masks at half resolution; the patch is in frame pixels.
    """
    if cv2.countNonZero(region) < _MIN_AREA:
        return None
    x, y, width, height = cv2.boundingRect(region)
    corners = np.array([[x, y], [x + width, y + height]], np.float64)
    box = clipped(corners, region.shape[1], region.shape[0], margin=24)
    if box is None:
        return None
    left, top, width, height = box
    window = np.s_[top : top + height, left : left + width]
    fringe = cv2.dilate(_wide(person)[window], np.ones((7, 7), np.uint8))
    known = (fringe == 0).astype(np.float32)
    size = max(2, width // 2), max(2, height // 2)
    # Only cells without a trace of the person are known.
    clear = (cv2.resize(known, size, interpolation=cv2.INTER_AREA) > 0.999).astype(np.float32)
    painted = push_pull(np.asarray(cv2.resize(small[window], size, interpolation=cv2.INTER_AREA), np.uint8), clear)
    size = (min(shape[1] - left * MASK_STEP, width * MASK_STEP), min(shape[0] - top * MASK_STEP, height * MASK_STEP))
    rgb = cv2.resize(painted, size, interpolation=cv2.INTER_LINEAR)
    alpha = cv2.resize(region[window], size, interpolation=cv2.INTER_LINEAR)
    return Patch(left * MASK_STEP, top * MASK_STEP, np.asarray(rgb, np.uint8), np.asarray(alpha, np.uint8))


def push_pull(pixels: Rgb, known: np.ndarray) -> Rgb:
    """The picture with its unknown pixels (`known` 0) interpolated from the known ones (1), float32 weights.

    A cell with any known pixels counts as known, so that colour comes from near by.
    """
    colours = [pixels.astype(np.float32) * known[..., None]]
    weights = [known]
    # Down to a single cell: a cell that nothing is known of would stay black.
    while max(weights[-1].shape) > 1:
        height, width = weights[-1].shape
        size = ((width + 1) // 2, (height + 1) // 2)
        colour = cv2.resize(colours[-1], size, interpolation=cv2.INTER_AREA)
        weight = cv2.resize(weights[-1], size, interpolation=cv2.INTER_AREA)
        gain = np.minimum(1, _SATURATION * weight) / np.maximum(weight, 1e-6)
        colours.append(colour * gain[..., None])
        weights.append(weight * gain)
    estimate = colours[-1] / np.maximum(weights[-1], 1e-4)[..., None]
    for colour, weight in zip(colours[-2::-1], weights[-2::-1], strict=True):
        enlarged = cv2.resize(estimate, (weight.shape[1], weight.shape[0]), interpolation=cv2.INTER_LINEAR)
        sure = np.minimum(weight, 1)[..., None]
        estimate = colour + (1 - sure) * enlarged
    return np.asarray(np.clip(np.rint(estimate), 0, 255), np.uint8)
