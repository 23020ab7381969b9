"""What a garment may cover: the person, less face, hair, hands and bare forearms. All masks at half resolution."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from .arrays import Mask, Points
from .body import MASK_STEP, Arm, Body
from .face import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK, Face
from .top_fit import Sleeve, TopFit

# The outline of the face mesh, as MediaPipe lists it (FACEMESH_FACE_OVAL).
_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_FIRM = np.clip((np.arange(256) - 64) * (255 / 90), 0, 255).astype(np.uint8)
_MIN_ELBOW, _MIN_WRIST = 0.4, 0.25


@dataclass(frozen=True, slots=True)
class Matte:
    """(H/2, W/2) uint8: `garment` where a top may show at all, `head` face and hair, `arms` where bare arms hide its
    torso (a sleeve lies over them)."""

    garment: Mask
    head: Mask
    arms: Mask


def build(person: Mask, body: Body, face: Face | None, fit: TopFit) -> Matte:
    """The matte of one frame."""
    soft = _firm(person)
    head = head_mask(person, body, face)
    arms = np.zeros_like(person)
    for arm, sleeve in ((body.left, fit.left), (body.right, fit.right)):
        _draw_arm(arms, arm, sleeve)
    garment = cv2.subtract(soft, head)
    return Matte(np.asarray(garment, np.uint8), head, arms)


def _firm(person: Mask) -> Mask:
    """The person with a smooth, slightly generous edge."""
    blurred = cv2.GaussianBlur(person, (0, 0), 1.5)
    # Saturates at both ends: nothing below a quarter, all above three fifths.
    return np.asarray(cv2.LUT(blurred, _FIRM), np.uint8)


def head_mask(person: Mask, body: Body, face: Face | None) -> Mask:
    """Face and hair: the outline of the mesh and all of the person above the mouth."""
    head = np.zeros_like(person)
    if face is None:
        centre = (body.chin - 0.6 * body.face_width * body.down) / MASK_STEP
        radius = 0.62 * body.face_width / MASK_STEP
        cv2.circle(head, _pixel(centre), max(1, round(radius)), 255, -1)
        return head
    oval = face.points[list(_OVAL), :2]
    cv2.fillConvexPoly(head, np.rint(cv2.convexHull(oval.astype(np.float32))[:, 0] / MASK_STEP).astype(np.int32), 255)
    grown = cv2.dilate(head, np.ones((3, 3), np.uint8))
    upper = cv2.bitwise_and(_crown(face, person.shape), person)
    return np.asarray(cv2.max(grown, upper), np.uint8)


def _crown(face: Face, shape: tuple[int, ...]) -> Mask:
    """A generous region around the upper head: from the cheeks over the hair."""
    up = face.points[FOREHEAD, :2] - face.points[CHIN, :2]
    across = face.points[LEFT_CHEEK, :2] - face.points[RIGHT_CHEEK, :2]
    middle = (face.points[LEFT_CHEEK, :2] + face.points[RIGHT_CHEEK, :2]) / 2
    low, side = middle - 0.10 * up, 1.0 * across
    corners = np.array([low - side, low + side, low + 1.3 * up + side, low + 1.3 * up - side]) / MASK_STEP
    crown = np.zeros(shape[:2], np.uint8)
    cv2.fillConvexPoly(crown, np.rint(corners).astype(np.int32), 255)
    return crown


def _draw_arm(arms: Mask, arm: Arm, sleeve: Sleeve | None) -> None:
    """The bare arm from the cuff to the finger tips, as far as it is seen."""
    points = [arm.shoulder + 0.6 * (arm.elbow - arm.shoulder) if sleeve is None else sleeve.cuff]
    long_sleeve = sleeve is not None and sleeve.reaches_wrist
    if not long_sleeve and arm.sure[0] > _MIN_ELBOW:
        points.append(arm.elbow)
    if arm.sure[1] > _MIN_WRIST:
        # The knuckles lie between wrist and finger tips; the tips are as far again.
        points.extend([arm.wrist, arm.fingers + 0.5 * (arm.fingers - arm.wrist)])
    bone = arm.elbow - arm.shoulder
    length = float(np.linalg.norm(bone)) + 1e-6
    outward = arm.side * np.array([bone[1], -bone[0]]) / length
    for index, (first, second) in enumerate(pairwise(points)):
        # A forearm hangs in its sleeve: the bone lies nearer to the inner edge of the cloth than to the outer.
        shift = 0.25 * arm.radius * outward if index == 1 else 0.0
        width = 0.65 if index == 2 or long_sleeve else 0.95 - 0.2 * index
        _capsule(arms, first + shift, second + shift, width * arm.radius)


def _capsule(mask: Mask, start: Points, end: Points, radius: float) -> None:
    cv2.line(mask, _pixel(start / MASK_STEP), _pixel(end / MASK_STEP), 255, max(1, round(2 * radius / MASK_STEP)))


def _pixel(point: Points) -> tuple[int, int]:
    # Landmarks may lie far outside the frame; OpenCV wants ints of 16 bits or so.
    x, y = np.clip(np.rint(point), -8000, 8000)
    return int(x), int(y)
