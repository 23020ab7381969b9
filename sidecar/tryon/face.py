"""Face landmarks and irises the way MediaPipe's own loop gives them.

Source: MediaPipe's `face_landmark_front_cpu` and `iris_landmark` graphs, Face Mesh and Iris model cards (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import detection
from .arrays import Infer, Points, Rgb
from .roi import Roi, crop, from_box, project, tensor

MESH_SIZE = 192
IRIS_SIZE = 64
MIN_PRESENCE = 0.5
# Corners of the person's right eye (outer, inner) and left eye (inner, outer).
RIGHT_OUTER, RIGHT_INNER, LEFT_INNER, LEFT_OUTER = 33, 133, 362, 263
CHIN, FOREHEAD, RIGHT_CHEEK, LEFT_CHEEK = 152, 10, 234, 454
_FACE_SCALE = 1.5
_EYE_SCALE = 2.3


@dataclass(frozen=True, slots=True)
class Face:
    """A face in picture pixels: `points` (468, 3), z away from the camera; `presence` 0..1."""

    points: Points
    presence: float
    next_roi: Roi

    @property
    def eye_distance(self) -> float:
        """Pixels between the outer corners of the eyes, in three dimensions."""
        return float(np.linalg.norm(self.points[LEFT_OUTER] - self.points[RIGHT_OUTER]))


class FaceTracker:
    """Follows one face through a stream; the detector runs only when the face is lost."""

    def __init__(self, *, detector: Infer, mesh: Infer) -> None:
        self._detector = detector
        self._mesh = mesh
        self._roi: Roi | None = None

    def reset(self) -> None:
        """Forgets the face: the next frame starts with the detector."""
        self._roi = None

    def update(self, image: Rgb, *, hint: Roi | None = None) -> Face | None:
        """The face in a picture (H, W, 3), None where none is sure enough.

        `hint` is where the body says that the face is, for faces too small for the detector.
        """
        roi = self._roi or self._detect(image) or hint
        face = mesh_in(self._mesh, image, roi) if roi else None
        self._roi = face.next_roi if face else None
        return face

    def _detect(self, image: Rgb) -> Roi | None:
        found = detection.detect(self._detector, detection.FACE, image)
        return roi_of(found[0]) if found else None


def roi_of(found: detection.Detection) -> Roi:
    """The region of a detected face: 1.5 times its box, the eyes level."""
    return from_box(found.box, found.keypoints[0], found.keypoints[1], scale=_FACE_SCALE)


def mesh_in(infer: Infer, image: Rgb, roi: Roi) -> Face | None:
    """The face in one region of a picture, None where its presence is under 0.5."""
    out = infer(tensor(crop(image, roi, MESH_SIZE)))
    presence = 1.0 / (1.0 + float(np.exp(-out["presence"].ravel()[0].astype(np.float64))))
    if presence < MIN_PRESENCE:
        return None
    points = project(out["landmarks"].reshape(-1, 3).astype(np.float64), roi, MESH_SIZE)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    box = np.concatenate([low, high])
    following = from_box(box, points[RIGHT_OUTER], points[LEFT_OUTER], scale=_FACE_SCALE)
    return Face(points, presence, following)


def iris_diameter(infer: Infer, image: Rgb, face: Face, *, left: bool) -> float:
    """Pixels across one iris; `left` is the person's left eye, which the model sees mirrored."""
    outer, inner = (LEFT_INNER, LEFT_OUTER) if left else (RIGHT_OUTER, RIGHT_INNER)
    start, end = face.points[outer, :2], face.points[inner, :2]
    corners = np.stack([start, end])
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    roi = from_box(box, start, end, scale=_EYE_SCALE)
    pixels = crop(image, roi, IRIS_SIZE)
    out = infer(tensor(np.ascontiguousarray(pixels[:, ::-1]) if left else pixels))
    rim = out["iris"].reshape(5, 3)[1:, :2].astype(np.float64)
    across = (np.linalg.norm(rim[0] - rim[2]) + np.linalg.norm(rim[1] - rim[3])) / 2
    return float(across * roi.side / IRIS_SIZE)
