"""A body as a garment meets it: its axes, its sizes, and how far its silhouette reaches.

Picture pixels throughout. `left` and `right` here are the viewer's: for a person who faces the camera, the viewer's left
is the person's right side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from . import pose as landmarks
from .arrays import Mask, Points, Rgb
from .face import CHIN, LEFT_CHEEK, RIGHT_CHEEK, Face
from .pose import Pose

MASK_STEP = 2
"""Masks of the body are held at half the frame's resolution."""

_RAY_SAMPLES = 40
_GUIDE_WINDOW = 7
_GUIDE_NOISE = 60.0


@dataclass(frozen=True, slots=True)
class Arm:
    """Shoulder, elbow and wrist; `sure` (2,) 0..1 of elbow and wrist; `radius` of the clothed arm above the elbow,
    `bulge` of the silhouette beyond the bone just under the shoulder."""

    shoulder: Points
    elbow: Points
    wrist: Points
    fingers: Points
    sure: Points
    radius: float
    bulge: float


@dataclass(frozen=True, slots=True)
class Body:
    """`across` and `down` are unit vectors along shoulders and spine, `width` the distance of the shoulder joints,
    `torso` the length that a top covers. `chin` and `face_width` come from the face where there is one."""

    middle: Points
    across: Points
    down: Points
    width: float
    torso: float
    left: Arm
    right: Arm
    chin: Points
    face_width: float
    reach: Points
    """(6,) how far the silhouette goes, in shoulder widths: tips of both shoulders, sides at the armpits and waist."""

    def at(self, across: float, down: float) -> Points:
        """The position that many shoulder widths right of and below the middle of the shoulders."""
        return np.asarray(self.middle + self.width * (across * self.across + down * self.down))


def person_mask(pose: Pose, small: Rgb) -> Mask:
    """The person at half resolution, 0..255, from the pose model's own mask; `small` is the frame at that resolution.

    The model's cells are several pixels wide, so the mask is drawn to the picture's edges with a guided filter.
    """
    size = pose.mask.shape[0]
    matrix = pose.roi.matrix(size)
    full = np.vstack([matrix, [0, 0, 1]])
    half = np.diag([1 / MASK_STEP, 1 / MASK_STEP, 1.0]) @ full
    soft = 255.0 / (1.0 + np.exp(-np.clip(pose.mask, -20, 20)))
    size = small.shape[1], small.shape[0]
    placed = cv2.warpAffine(soft.astype(np.uint8), half[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return guided(np.asarray(placed, np.uint8), small)


def guided(mask: Mask, picture: Rgb) -> Mask:
    """The mask with its edges moved to the picture's, both of one size.

    Source: He, Sun 2015, the fast guided filter: coefficients at half the resolution, applied at the full one.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = max(1, picture.shape[1] // 2), max(1, picture.shape[0] // 2)
    guide = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    value = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    window = (_GUIDE_WINDOW, _GUIDE_WINDOW)
    mean_guide, mean_value = cv2.blur(guide, window), cv2.blur(value, window)
    variance = cv2.blur(guide * guide, window) - mean_guide * mean_guide
    slope = (cv2.blur(guide * value, window) - mean_guide * mean_value) / (variance + _GUIDE_NOISE)
    offset = mean_value - slope * mean_guide
    full = mask.shape[1], mask.shape[0]
    slope = cv2.resize(cv2.blur(slope, window), full, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(cv2.blur(offset, window), full, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(slope * grey + offset, 0, 255), np.uint8)


def measure(pose: Pose, face: Face | None, person: Mask) -> Body:
    """The body of a person who faces the camera."""
    points = pose.points[:, :2]
    left_shoulder, right_shoulder = points[landmarks.RIGHT_SHOULDER], points[landmarks.LEFT_SHOULDER]
    middle = (left_shoulder + right_shoulder) / 2
    width = float(np.linalg.norm(right_shoulder - left_shoulder)) + 1e-6
    across = (right_shoulder - left_shoulder) / width
    down, torso = _spine(pose, middle, across, width)
    arms = [_arm(pose, person, side, across, down, width) for side in (-1, 1)]
    chin, face_width = _head(pose, face, middle, down, width)
    rough = Body(middle, across, down, width, torso, arms[0], arms[1], chin, face_width, np.zeros(6))
    return Body(middle, across, down, width, torso, arms[0], arms[1], chin, face_width, silhouette(rough, person))


def _spine(pose: Pose, middle: Points, across: Points, width: float) -> tuple[Points, float]:
    """The direction down the body and the length from shoulders to hips, held to human proportions."""
    hips = (pose.points[landmarks.LEFT_HIP, :2] + pose.points[landmarks.RIGHT_HIP, :2]) / 2
    trust = float(min(pose.visibility[landmarks.LEFT_HIP], pose.visibility[landmarks.RIGHT_HIP]))
    upright = np.array([-across[1], across[0]])
    way = hips - middle
    length = float(np.linalg.norm(way))
    direction = way / length if length > 1e-6 else upright
    down = (1 - 0.7 * trust) * upright + 0.7 * trust * direction
    return down / np.linalg.norm(down), float(np.clip(length, 1.2 * width, 1.65 * width))


def _arm(pose: Pose, person: Mask, side: int, across: Points, down: Points, width: float) -> Arm:
    """The arm on the viewer's left (-1) or right (1); an unseen elbow hangs where it would hang."""
    first = landmarks.RIGHT_SHOULDER if side < 0 else landmarks.LEFT_SHOULDER
    shoulder, elbow, wrist = (pose.points[first + step, :2] for step in (0, 2, 4))
    fingers = pose.points[[first + 6, first + 8], :2].mean(axis=0)
    sure = np.array([pose.visibility[first + 2], pose.visibility[first + 4]])
    hanging = shoulder + width * (0.80 * down + 0.14 * side * across)
    trust = float(np.clip((sure[0] - 0.15) / 0.35, 0, 1))
    elbow = trust * elbow + (1 - trust) * hanging
    bone = elbow - shoulder
    length = float(np.linalg.norm(bone)) + 1e-6
    outward = side * np.array([bone[1], -bone[0]]) / length
    if float(outward @ across) * side < 0 and abs(float(outward @ across)) > 0.05:
        outward = -outward
    seen = [ray(person, shoulder + share * bone, outward, 0.5 * width) for share in (0.3, 0.45, 0.6, 0.75, 0.9)]
    radius = float(np.clip(np.median(seen[2:]), 0.11 * width, 0.26 * width))
    bulge = float(np.clip(np.mean(seen[:2]), 0.11 * width, 0.32 * width))
    return Arm(shoulder, elbow, wrist, fingers, sure, radius, bulge)


def _head(
    pose: Pose, face: Face | None, middle: Points, down: Points, width: float
) -> tuple[Points, float]:
    if face is not None:
        across = float(np.linalg.norm(face.points[LEFT_CHEEK] - face.points[RIGHT_CHEEK]))
        return face.points[CHIN, :2], across
    ears = pose.points[[landmarks.LEFT_EAR, landmarks.RIGHT_EAR], :2]
    across = float(max(np.linalg.norm(ears[0] - ears[1]), 0.35 * width))
    return np.asarray(pose.points[landmarks.NOSE, :2] + 0.62 * across * down), across


def silhouette(body: Body, person: Mask) -> Points:
    """(6,) what `Body.reach` holds."""
    found = []
    for side in (-1, 1):
        arm = body.left if side < 0 else body.right
        direction = 0.62 * side * body.across - 0.78 * body.down
        found.append(ray(person, arm.shoulder, direction, 0.34 * body.width))
    for level in (0.42, 1.0):
        found.extend(_side(body, person, side, level) for side in (-1, 1))
    return np.array(found) / body.width


def _side(body: Body, person: Mask, side: int, level: float) -> float:
    """Half the torso's width at a level: to the edge of the silhouette, or a little into an arm in the way."""
    start = body.at(0, level)
    edge = ray(person, start, side * body.across, 0.95 * body.width)
    arm = body.left if side < 0 else body.right
    along = float((arm.elbow - arm.shoulder) @ body.down)
    depth = level * body.width - float((arm.shoulder - body.middle) @ body.down)
    share = np.clip(depth / along, 0.0, 1.3) if along > 0.2 * body.width else 0.0
    middle = arm.shoulder + share * (arm.elbow - arm.shoulder)
    in_the_way = side * float((middle - start) @ body.across)
    return min(edge, max(in_the_way - 0.8 * arm.radius, 0.46 * body.width))


def ray(person: Mask, start: Points, direction: Points, limit: float) -> float:
    """Pixels from `start` to where the mask falls under a half; `limit` where it never does or leaves the frame."""
    steps = np.linspace(0, limit, _RAY_SAMPLES)
    places = (start + steps[:, None] * direction) / MASK_STEP
    columns, rows = np.rint(places[:, 0]).astype(int), np.rint(places[:, 1]).astype(int)
    height, width = person.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    values = np.where(inside, person[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)], 255)
    out = values < 128
    if not out.any():
        return limit
    first = int(out.argmax())
    if first == 0:
        return 0.0
    before, after = float(values[first - 1]), float(values[first])
    return float(steps[first - 1] + (steps[first] - steps[first - 1]) * (before - 128) / max(before - after, 1e-6))
