"""A body as a garment meets it: its axes, its sizes, and how far its silhouette reaches.

Picture pixels throughout. `left` and `right` here are the viewer's: for a person who faces the camera, the viewer's
left is the person's right side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import pose as landmarks
from .arrays import Mask, Matrix, Points, Rgb
from .face import CHIN, LEFT_CHEEK, RIGHT_CHEEK, Face
from .pose import Pose

MASK_STEP = 2
"""Masks of the body are held at half the frame's resolution."""

_RAY_SAMPLES = 32
_ARM_SHARES = np.array([0.3, 0.45, 0.6, 0.75, 0.9])
_LEVELS = (0.42, 1.0)
SHOULDER_MIDDLE = 0.38
_GUIDE_WINDOW = 7
_GUIDE_NOISE = 60.0


@dataclass(frozen=True, slots=True)
class Arm:
    """Shoulder, elbow and wrist, and the middle of the knuckles; `side` -1 on the viewer's left, 1 on the right.

    `sure` (2,) 0..1 of elbow and wrist; `radius` of the clothed arm above the elbow, `bulge` of the silhouette beyond
    the bone just under the shoulder.
    """

    side: int
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
    """(8,) how far the silhouette goes, in shoulder widths: tips of both shoulders, sides at the armpits and at the
    waist, and up from the middle of each shoulder."""

    def moved(self, motion: Matrix) -> Body:
        """The body after a similarity (2, 3) of the picture; arms move with the torso."""
        turn, scale = motion[:, :2], float(np.hypot(motion[0, 0], motion[1, 0]))
        arms = [_moved_arm(arm, motion, scale) for arm in (self.left, self.right)]
        middle, chin = turn @ self.middle + motion[:, 2], turn @ self.chin + motion[:, 2]
        across, down = turn @ self.across / scale, turn @ self.down / scale
        sizes = self.width * scale, self.torso * scale
        return Body(middle, across, down, *sizes, arms[0], arms[1], chin, self.face_width * scale, self.reach)

    def at(self, across: float, down: float) -> Points:
        """The position that many shoulder widths right of and below the middle of the shoulders."""
        return np.asarray(self.middle + self.width * (across * self.across + down * self.down))


def _moved_arm(arm: Arm, motion: Matrix, scale: float) -> Arm:
    joints = np.stack([arm.shoulder, arm.elbow, arm.wrist, arm.fingers]) @ motion[:, :2].T + motion[:, 2]
    shoulder, elbow, wrist, fingers = joints
    return Arm(arm.side, shoulder, elbow, wrist, fingers, arm.sure, arm.radius * scale, arm.bulge * scale)


def person_mask(pose: Pose, small: Rgb, motion: Matrix | None = None) -> Mask:
    """The person at half resolution, 0..255, from the pose model's own mask; `small` is the frame at that resolution.

    `motion` (2, 3) is what has moved since the model saw the person, in frame pixels. The model's cells are several
    pixels wide, so the mask is drawn to the picture's edges with a guided filter.
    """
    size = pose.mask.shape[0]
    matrix = pose.roi.matrix(size)
    full = np.vstack([matrix, [0, 0, 1]])
    if motion is not None:
        full = np.vstack([motion, [0, 0, 1]]) @ full
    half = np.diag([1 / MASK_STEP, 1 / MASK_STEP, 1.0]) @ full
    soft = 255.0 / (1.0 + np.exp(-np.clip(pose.mask, -20, 20)))
    extent = small.shape[1], small.shape[0]
    placed = cv2.warpAffine(soft.astype(np.uint8), half[:2], extent, flags=cv2.INTER_LINEAR)
    return guided(np.asarray(placed, np.uint8), small)


def guided(mask: Mask, picture: Rgb) -> Mask:
    """The mask with its edges moved to the picture's, both of one size.

    Source: He, Sun 2015, the fast guided filter: coefficients at half the resolution, applied at the full one.
    """
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    size = max(1, picture.shape[1] // 2), max(1, picture.shape[0] // 2)
    guide = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    value = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    window = (_GUIDE_WINDOW, _GUIDE_WINDOW)
    means = cv2.blur(cv2.merge((guide, value, guide * guide, guide * value)), window)
    mean_guide, mean_value, square, product = cv2.split(means)
    slope = (product - mean_guide * mean_value) / (square - mean_guide * mean_guide + _GUIDE_NOISE)
    offset = mean_value - slope * mean_guide
    smooth = cv2.blur(cv2.merge((slope, offset)), window)
    full = mask.shape[1], mask.shape[0]
    planes = cv2.split(cv2.resize(smooth, full, interpolation=cv2.INTER_LINEAR))
    return np.asarray(cv2.convertScaleAbs(np.maximum(planes[0] * grey + planes[1], 0)), np.uint8)


def measure(pose: Pose, face: Face | None, person: Mask, *, smooth: Callable[[Points], Points]) -> Body:
    """The body of a person who faces the camera.

    `smooth` steadies the 12 sizes read off the silhouette, in shoulder widths, from frame to frame.
    """
    points = pose.points[:, :2]
    left_shoulder, right_shoulder = points[landmarks.RIGHT_SHOULDER], points[landmarks.LEFT_SHOULDER]
    middle = (left_shoulder + right_shoulder) / 2
    width = float(np.linalg.norm(right_shoulder - left_shoulder)) + 1e-6
    across = (right_shoulder - left_shoulder) / width
    down, torso = _spine(pose, middle, across, width)
    arms = [_arm(pose, person, side, across, down, width) for side in (-1, 1)]
    chin, face_width = _head(pose, face, middle, down, width)
    rough = Body(middle, across, down, width, torso, arms[0], arms[1], chin, face_width, np.zeros(8))
    cloth = [arms[0].radius, arms[1].radius, arms[0].bulge, arms[1].bulge]
    sizes = smooth(np.concatenate([silhouette(rough, person), np.array(cloth) / width]))
    radius_left, radius_right, bulge_left, bulge_right = sizes[8:] * width
    left = replace(arms[0], radius=float(radius_left), bulge=float(bulge_left))
    right = replace(arms[1], radius=float(radius_right), bulge=float(bulge_right))
    return replace(rough, left=left, right=right, reach=sizes[:8])


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
    starts = shoulder + _ARM_SHARES[:, None] * bone
    seen = rays(person, starts, np.tile(outward, (len(starts), 1)), np.full(len(starts), 0.5 * width))
    radius = float(np.clip(np.median(seen[2:]), 0.11 * width, 0.26 * width))
    bulge = float(np.clip(np.mean(seen[:2]), 0.11 * width, 0.32 * width))
    return Arm(side, shoulder, elbow, wrist, fingers, sure, radius, bulge)


def _head(pose: Pose, face: Face | None, middle: Points, down: Points, width: float) -> tuple[Points, float]:
    if face is not None:
        across = float(np.linalg.norm(face.points[LEFT_CHEEK] - face.points[RIGHT_CHEEK]))
        return face.points[CHIN, :2], across
    ears = pose.points[[landmarks.LEFT_EAR, landmarks.RIGHT_EAR], :2]
    across = max(float(np.linalg.norm(ears[0] - ears[1])), 0.35 * width)
    return np.asarray(pose.points[landmarks.NOSE, :2] + 0.62 * across * down), across


def silhouette(body: Body, person: Mask) -> Points:
    """(8,) what `Body.reach` holds."""
    sides = (-1, 1, -1, 1)
    levels = np.repeat(_LEVELS, 2)
    tips = [0.62 * side * body.across - 0.78 * body.down for side in (-1, 1)]
    edges = [side * body.across for side in sides]
    starts = [body.left.shoulder, body.right.shoulder, *(body.at(0, level) for level in levels)]
    starts += [body.at(side * SHOULDER_MIDDLE, 0) for side in (-1, 1)]
    limits = body.width * np.array([0.34, 0.34, 0.95, 0.95, 0.95, 0.95, 0.5, 0.5])
    reached = rays(person, np.array(starts), np.array([*tips, *edges, -body.down, -body.down]), limits)
    in_the_way = [_arm_at(body, side, level) for side, level in zip(sides, levels, strict=True)]
    reached[2:6] = np.minimum(reached[2:6], in_the_way)
    return reached / body.width


def _arm_at(body: Body, side: int, level: float) -> float:
    """How far out the torso can be at a level, an arm in the way: a little into it, so that no gap opens."""
    arm = body.left if side < 0 else body.right
    along = float((arm.elbow - arm.shoulder) @ body.down)
    depth = level * body.width - float((arm.shoulder - body.middle) @ body.down)
    share = np.clip(depth / along, 0.0, 1.3) if along > 0.2 * body.width else 0.0
    middle = arm.shoulder + share * (arm.elbow - arm.shoulder)
    in_the_way = side * float((middle - body.at(0, level)) @ body.across)
    return max(in_the_way - 0.7 * arm.radius, 0.5 * body.width)


def rays(person: Mask, starts: Points, directions: Points, limits: Points) -> Points:
    """(N,) pixels from each start (N, 2) along its direction (N, 2) to where the mask falls under a half.

    A ray that never comes out, or leaves the frame inside the mask, answers its limit.
    """
    steps = np.linspace(0, 1, _RAY_SAMPLES)[None] * np.asarray(limits)[:, None]
    places = np.rint((starts[:, None] + steps[..., None] * directions[:, None]) / MASK_STEP).astype(int)
    height, width = person.shape
    columns, rows = places[..., 0], places[..., 1]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    values = person[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)].astype(np.float64)
    values[~inside] = 255
    out = values < 128
    index = np.arange(len(starts))
    first = np.where(out.any(axis=1), out.argmax(axis=1), _RAY_SAMPLES - 1)
    last = np.maximum(first - 1, 0)
    before, after = values[index, last], values[index, first]
    share = np.clip((before - 128) / np.maximum(before - after, 1e-6), 0, 1)
    reached = steps[index, last] + share * (steps[index, first] - steps[index, last])
    return np.asarray(np.where(out.any(axis=1), reached, limits))
