"""Boxes of text from a map of probabilities: the differentiable-binarisation detector's own last step.

Liao et al. 2020, "Real-time Scene Text Detection with Differentiable Binarization", as PaddleOCR's `quad` boxes do it.
There the box is shrunk text; growing it back by area * ratio / perimeter with rounded corners and taking the smallest
rectangle around that gives the same rectangle moved outwards by that distance, which needs no polygon clipper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_CONTOURS = 1000
MIN_SIDE = 3.0
MIN_GROWN_SIDE = 5.0
SAME_LINE = 0.5  # of a box's height, by which two of one line may lie apart


@dataclass(frozen=True)
class Box:
    """A rectangle of text: corners [4, 2], x and y in pixels, clockwise from where its text begins; `score` 0..1."""

    corners: NDArray[np.float32]
    score: float


def find(probability: NDArray[np.float32], *, threshold: float, box_threshold: float, unclip: float) -> list[Box]:
    """Boxes in a map [height, width] of the probability of text, in its pixels."""
    mask = (probability > threshold).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found: list[Box] = []
    for contour in contours[:MAX_CONTOURS]:
        centre, sides, angle = cv2.minAreaRect(contour)
        if min(sides) < MIN_SIDE:
            continue
        core = np.asarray(cv2.boxPoints((centre, sides, angle)), np.float32)
        score = _mean_inside(probability, core)
        if score < box_threshold:
            continue
        grow = 2.0 * sides[0] * sides[1] * unclip / (2.0 * (sides[0] + sides[1]))
        grown = (sides[0] + grow, sides[1] + grow)
        if min(grown) >= MIN_GROWN_SIDE:
            corners = np.asarray(cv2.boxPoints((centre, grown, angle)), np.float32)
            found.append(Box(clockwise(corners), score))
    return found


def clockwise(corners: NDArray[np.floating]) -> NDArray[np.float32]:
    """Corners of a rectangle from the top left on: the two leftmost make the left side, the upper of them is first.

    One that stands upright (1.5 times as high as wide) begins at its lower left instead: its text runs upwards.
    """
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    ordered = np.array([left[0], right[0], right[1], left[1]], np.float32)
    return np.roll(ordered, 1, axis=0) if _length(ordered, 0, 3) >= 1.5 * _length(ordered, 0, 1) else ordered


def reading_order(corners: Sequence[NDArray[np.float32]]) -> list[int]:
    """Indices of the rectangles from the first line to the last, each line from its beginning on.

    Lines run as the rectangles do on the whole, so a picture that lies on its side or its head is read as it was
    written. Rectangles are of one line if their middles are about as far down.
    """
    if not len(corners):
        return []
    along = np.sum([(box[1] - box[0]) * np.linalg.norm(box[1] - box[0]) for box in corners], axis=0)
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    down = np.array([-along[1], along[0]])
    middles = np.array([box.mean(axis=0) for box in corners])
    depth, start = middles @ down, middles @ along
    heights = [_length(box, 0, 3) for box in corners]
    lines: list[list[int]] = []
    for index in np.argsort(depth, kind="stable").tolist():
        if lines:
            last = lines[-1][-1]
            if depth[index] - depth[last] < SAME_LINE * min(heights[index], heights[last]):
                lines[-1].append(index)
                continue
        lines.append([index])
    return [index for line in lines for index in sorted(line, key=lambda index: float(start[index]))]


def cut_out(picture: NDArray[np.uint8], corners: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The rectangle of the picture, laid straight: its first corner is top left."""
    width = max(1, round(float(max(_length(corners, 0, 1), _length(corners, 3, 2)))))
    height = max(1, round(float(max(_length(corners, 0, 3), _length(corners, 1, 2)))))
    straight = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(corners, straight)
    cut = cv2.warpPerspective(
        picture, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _mean_inside(probability: NDArray[np.float32], corners: NDArray[np.floating]) -> float:
    """The mean of the map inside a polygon."""
    height, width = probability.shape
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width - 1, height - 1])
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, [width - 1, height - 1])
    inside = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(inside, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(probability[low[1] : high[1] + 1, low[0] : high[0] + 1], inside)[0])


def _length(corners: NDArray[np.float32], start: int, end: int) -> float:
    return float(np.linalg.norm(corners[start] - corners[end]))
