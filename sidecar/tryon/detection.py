"""Single-shot detectors: anchors, decoding, weighted non-maximum suppression.

Source: MediaPipe's `SsdAnchorsCalculator`, `TensorsToDetectionsCalculator` and `NonMaxSuppressionCalculator` with the
options of its pose and short-range face graphs (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .arrays import Infer, Points, Rgb
from .roi import crop, letterbox, project, tensor

_SCORE_CLIP = 100.0
_MIN_SCORE = 0.5
_MIN_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """A detector as data: input side in pixels, strides with anchors a cell at each, key points a detection."""

    size: int
    strides: tuple[tuple[int, int], ...]
    keypoints: int


POSE = DetectorSpec(size=224, strides=((8, 2), (16, 2), (32, 6)), keypoints=4)
FACE = DetectorSpec(size=128, strides=((8, 2), (16, 6)), keypoints=6)


@dataclass(frozen=True, slots=True)
class Detection:
    """One find in picture pixels: `box` (x0, y0, x1, y1), `keypoints` (K, 2), `score` 0..1."""

    box: Points
    keypoints: Points
    score: float


@lru_cache(maxsize=4)
def anchors(spec: DetectorSpec) -> Points:
    """(N, 2) anchor centres, 0..1 of the detector's input."""
    centres = []
    for stride, count in spec.strides:
        cells = -(-spec.size // stride)
        y, x = np.mgrid[0:cells, 0:cells]
        grid = np.column_stack([x.ravel(), y.ravel()])
        centres.append(np.repeat((grid + 0.5) / cells, count, axis=0))
    return np.concatenate(centres)


def detect(infer: Infer, spec: DetectorSpec, image: Rgb) -> list[Detection]:
    """What the detector finds in a picture (H, W, 3), best first."""
    region = letterbox(image.shape[1], image.shape[0])
    pixels = crop(image, region, spec.size, border=cv2.BORDER_CONSTANT)
    found = infer(tensor(pixels, low=-1.0))
    boxes, scores = decode(found["boxes"][0], found["scores"][0, :, 0], spec)
    merged, best = suppress(boxes, scores)
    detections = []
    for row, score in zip(merged, best, strict=True):
        placed = project(row.reshape(-1, 2) * spec.size, region, spec.size)
        detections.append(Detection(placed[:2].ravel(), placed[2:], float(score)))
    return detections


def decode(raw: Points | np.ndarray, logits: np.ndarray, spec: DetectorSpec) -> tuple[Points, Points]:
    """Corners and key points (n, 4 + 2K), 0..1 of the input, and scores (n,) of what passes the threshold."""
    clipped = np.clip(logits.astype(np.float64), -_SCORE_CLIP, _SCORE_CLIP)
    scores = 1.0 / (1.0 + np.exp(-clipped))
    kept = np.flatnonzero(scores >= _MIN_SCORE)
    values = raw[kept].astype(np.float64).reshape(len(kept), 2 + spec.keypoints, 2) / spec.size
    centre = values[:, 0] + anchors(spec)[kept]
    half = values[:, 1] / 2
    keypoints = values[:, 2:] + anchors(spec)[kept][:, None]
    corners = np.stack([centre - half, centre + half], axis=1)
    return np.concatenate([corners, keypoints], axis=1).reshape(len(kept), 4 + 2 * spec.keypoints), scores[kept]


def suppress(boxes: Points, scores: Points) -> tuple[Points, Points]:
    """Weighted suppression: boxes that overlap the best by more than 0.3 are averaged with it, weighted by score."""
    order = np.argsort(-scores, kind="stable")
    merged: list[Points] = []
    best: list[float] = []
    while len(order):
        overlap = intersection_over_union(boxes[order[0], :4], boxes[order, :4])
        near = overlap > _MIN_OVERLAP
        near[0] = True
        group = order[near]
        merged.append(np.average(boxes[group], axis=0, weights=scores[group]))
        best.append(float(scores[order[0]]))
        order = order[~near]
    return np.array(merged).reshape(-1, boxes.shape[1]), np.array(best)


def intersection_over_union(box: Points, others: Points) -> Points:
    """(N,) overlap of `box` (x0, y0, x1, y1) with each of `others` (N, 4), 0..1."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    area = np.clip(box[2:] - box[:2], 0, None).prod()
    areas = np.clip(others[:, 2:] - others[:, :2], 0, None).prod(axis=1)
    union = area + areas - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0.0)
