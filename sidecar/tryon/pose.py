"""Body landmarks the way MediaPipe's own loop gives them: detector, rotated crop, landmarks, next crop.

Source: MediaPipe's `pose_landmark_cpu` graph, BlazePose GHUM 3D model card (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import detection
from .arrays import Infer, Points, Rgb, Tensor
from .roi import Roi, crop, from_alignment, from_box, project, tensor
from .smoothing import OneEuro

NOSE = 0
LEFT_EAR, RIGHT_EAR = 7, 8
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_ELBOW, RIGHT_ELBOW = 13, 14
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_HIP, RIGHT_HIP = 23, 24

INPUT_SIZE = 256
MIN_PRESENCE = 0.5
_BODY_POINTS = 33
_ROI_SCALE = 1.25
_HEATMAP_REACH = 3
_FACE_POINTS = [2, 5, 9, 10]
_FACE_SCALE = 1.5
_MIN_HEAT = 0.5


@dataclass(frozen=True, slots=True)
class Pose:
    """A body in picture pixels. Left and right are the person's own.

    `points` (33, 3): x, y, and z away from the camera relative to the hips; `visibility` (33,) 0..1; `presence` 0..1;
    `mask` (256, 256) float32 logits of the person inside `roi`; `alignment` (2, 2) the middle of the hips and a point
    on the circle around the whole body, from which the next region is taken.
    """

    points: Points
    visibility: Points
    presence: float
    mask: Tensor
    roi: Roi
    alignment: Points


class PoseTracker:
    """Follows one body through a stream; the detector runs only when the body is lost.

    The region is steadied by its own One-Euro filter, as in MediaPipe; the landmarks are not filtered here.
    """

    def __init__(self, *, detector: Infer, landmarks: Infer) -> None:
        self._detector = detector
        self._landmarks = landmarks
        self._steady = OneEuro(min_cutoff_hz=0.01, beta=10.0, eager=False)
        self._roi: Roi | None = None

    def reset(self) -> None:
        """Forgets the body: the next frame starts with the detector."""
        self._roi = None
        self._steady.reset()

    def update(self, image: Rgb, t_us: int) -> Pose | None:
        """The body in a picture (H, W, 3) taken at `t_us` microseconds, None where none is sure enough."""
        roi = self._roi or self._detect(image)
        pose = landmarks_in(self._landmarks, image, roi) if roi else None
        self._expect(pose, t_us)
        return pose

    def settle(self, image: Rgb, t_us: int, *, rounds: int) -> Pose | None:
        """As `update`, but a new body is looked at `rounds` times more in the same picture.

        The detector's region is rough where hips are out of sight. Unfiltered, a stream that stood still would find its
        way to a better one in ten frames or so; going twice as far as each round says takes a third of them.
        """
        if self._roi is not None:
            return self.update(image, t_us)
        roi = self._detect(image)
        pose = landmarks_in(self._landmarks, image, roi) if roi else None
        for _ in range(rounds):
            if pose is None:
                break
            pose = landmarks_in(self._landmarks, image, pose.roi.towards(region_of(pose.alignment), 2.0))
        self._expect(pose, t_us)
        return pose

    def _expect(self, pose: Pose | None, t_us: int) -> None:
        """Sets where the next frame looks."""
        if pose is None:
            self.reset()
            return
        reach = 2 * float(np.linalg.norm(pose.alignment[1] - pose.alignment[0])) + 1e-6
        self._roi = region_of(self._steady(pose.alignment, t_us, object_size=reach))

    def _detect(self, image: Rgb) -> Roi | None:
        found = detection.detect(self._detector, detection.POSE, image)
        if not found:
            return None
        return region_of(found[0].keypoints)


def region_of(alignment: Points) -> Roi:
    """The region of a body: upright along its alignment points, a quarter larger than the circle around it."""
    return from_alignment(alignment[0], alignment[1], scale=_ROI_SCALE)


def face_region(pose: Pose) -> Roi | None:
    """Where the face of a body is, for a face mesh: None where eyes and mouth are not seen.

    Source: MediaPipe Holistic finds faces this way; a detector for faces near by misses small ones.
    """
    if float(pose.visibility[_FACE_POINTS].min()) < 0.5:
        return None
    eyes, mouth = pose.points[[2, 5], :2], pose.points[[9, 10], :2]
    height = float(np.linalg.norm(mouth.mean(axis=0) - eyes.mean(axis=0)))
    width = float(np.linalg.norm(pose.points[LEFT_EAR, :2] - pose.points[RIGHT_EAR, :2]))
    middle = 0.55 * eyes.mean(axis=0) + 0.45 * mouth.mean(axis=0)
    half = 0.5 * max(width, 2.6 * height)
    box = np.concatenate([middle - half, middle + half])
    return from_box(box, eyes[1], eyes[0], scale=_FACE_SCALE)


def landmarks_in(infer: Infer, image: Rgb, roi: Roi) -> Pose | None:
    """The body in one region of a picture, None where its presence is under 0.5."""
    out = infer(tensor(crop(image, roi, INPUT_SIZE)))
    presence = float(out["presence"].ravel()[0])
    if presence < MIN_PRESENCE:
        return None
    raw = out["landmarks"].reshape(-1, 5).astype(np.float64)
    local = raw[:, :3].copy()
    local[:, :2] = refine(local[:, :2], out["heatmap"][0])
    placed = project(local, roi, INPUT_SIZE)
    visibility = 1.0 / (1.0 + np.exp(-raw[:_BODY_POINTS, 3]))
    alignment = placed[_BODY_POINTS : _BODY_POINTS + 2, :2]
    return Pose(placed[:_BODY_POINTS], visibility, presence, out["mask"][0, :, :, 0], roi, alignment)


def refine(points: Points, heatmap: Tensor) -> Points:
    """(N, 2) crop positions moved to the centre of mass of the heat around them (7x7 cells) where it exceeds 0.5.

    `heatmap` (h, w, N) logits. Source: `RefineLandmarksFromHeatmapCalculator`.
    """
    height, width, count = heatmap.shape
    cell = INPUT_SIZE / width
    column, row = np.trunc(points[:, 0] / cell).astype(int), np.trunc(points[:, 1] / cell).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    offset = np.arange(-_HEATMAP_REACH, _HEATMAP_REACH + 1)
    rows, columns = row[:, None] + offset, column[:, None] + offset
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    index = (np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None, :])
    heat = 1.0 / (1.0 + np.exp(-heatmap[index[0], index[1], np.arange(count)[:, None, None]].astype(np.float64)))
    heat *= in_rows[:, :, None] & in_columns[:, None, :]
    total = heat.sum(axis=(1, 2))
    sure = inside & (heat.max(axis=(1, 2)) >= _MIN_HEAT) & (total > 0)
    safe = np.where(total > 0, total, 1.0)
    x = (heat.sum(axis=1) * columns).sum(axis=1) / safe
    y = (heat.sum(axis=2) * rows).sum(axis=1) / safe
    return np.where(sure[:, None], np.column_stack([x, y]) * cell, points)
