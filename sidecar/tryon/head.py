"""Where a head is and how it is turned: the canonical face laid over the face that is seen.

Source: MediaPipe's canonical face model and face geometry module (Apache-2.0); Kabsch and Umeyama for the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from .arrays import Points
from .face import LEFT_INNER, LEFT_OUTER, RIGHT_INNER, RIGHT_OUTER, Face

# Points that hardly move: those that MediaPipe's face geometry fits, without mouth and jaw, and with the nose's bridge.
_STABLE = [
    6, 10, 33, 54, 67, 117, 119, 121, 127, 129, 133, 143, 147, 168, 195, 197, 198, 263, 284, 297, 346, 348, 350, 356,
    358, 362, 372, 376, 420,
]  # fmt: skip
_EYES = [RIGHT_OUTER, RIGHT_INNER, LEFT_INNER, LEFT_OUTER, 168]
_VIEW_DISTANCE_CM = 60.0


@dataclass(frozen=True, slots=True)
class CanonicalFace:
    """`vertices` (468, 3) cm, x right and y down on the screen, z away from the camera; `triangles` (898, 3)."""

    vertices: Points
    triangles: NDArray[np.int64]


@lru_cache(maxsize=1)
def canonical_face() -> CanonicalFace:
    """The metric model of an average face, in the axes of the screen."""
    source = resources.files(__package__) / "data" / "canonical_face.npz"
    with source.open("rb") as file, np.load(file, allow_pickle=False) as data:
        vertices = data["vertices_cm"].astype(np.float64) * (1, -1, -1)
        return CanonicalFace(vertices, data["triangles"].astype(np.int64))


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Canonical centimetres to picture pixels: `scale` px/cm, `rotation` (3, 3), `origin` (3,) pixels."""

    scale: float
    rotation: Points
    origin: Points

    def place(self, points_cm: Points) -> Points:
        """(N, 3) pixels of canonical points, seen from 60 cm: what lies behind the face's centre draws in."""
        turned = self.scale * points_cm @ self.rotation.T
        distance = _VIEW_DISTANCE_CM * self.scale
        shrink = distance / (distance + turned[:, 2:])
        return np.column_stack([turned[:, :2] * shrink, turned[:, 2:]]) + self.origin

    @property
    def roll_deg(self) -> float:
        """Turn in the picture plane, clockwise."""
        return float(np.degrees(np.arctan2(self.rotation[1, 0], self.rotation[0, 0])))

    @property
    def yaw_deg(self) -> float:
        """Turn to the side, positive towards the right of the picture."""
        return float(np.degrees(np.arcsin(np.clip(-self.rotation[0, 2], -1, 1))))


def fit(face: Face) -> HeadPose:
    """The similarity that lays the stable canonical points over the observed ones, then centres the eyes exactly."""
    model = canonical_face().vertices[_STABLE]
    seen = face.points[_STABLE]
    model_mean, seen_mean = model.mean(axis=0), seen.mean(axis=0)
    centred = model - model_mean
    left, values, right = np.linalg.svd((seen - seen_mean).T @ centred)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * sign) @ right
    scale = float((values * sign).sum() / (centred**2).sum())
    origin = seen_mean - scale * rotation @ model_mean
    pose = HeadPose(scale, rotation, origin)
    residual = (face.points[_EYES] - pose.place(canonical_face().vertices[_EYES])).mean(axis=0)
    return HeadPose(scale, rotation, origin + residual)


def surface_depth(face: Face, at: Points) -> Points:
    """(N,) depth of the face mesh under picture positions `at` (N, 2); infinity where there is no face.

    Every position is tested against every triangle at once; meant for tens of positions, not for pixels.
    """
    corners = face.points[canonical_face().triangles]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    v0, v1 = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    area = v0[:, 0] * v1[:, 1] - v0[:, 1] * v1[:, 0]
    safe = np.where(np.abs(area) < 1e-9, np.inf, area)
    offset = at[:, None, :] - a[None, :, :2]
    u = (offset[..., 0] * v1[:, 1] - offset[..., 1] * v1[:, 0]) / safe
    v = (v0[:, 0] * offset[..., 1] - v0[:, 1] * offset[..., 0]) / safe
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & np.isfinite(safe)
    depth = a[:, 2] + u * (b[:, 2] - a[:, 2]) + v * (c[:, 2] - a[:, 2])
    return np.asarray(np.where(inside, depth, np.inf).min(axis=1), np.float64)
