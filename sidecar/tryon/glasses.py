"""Glasses drawn on a face: a flat textured front and two temples, the face as their occluder.

The front stands in the plane of the lenses of the canonical head, the temples run back from its hinges to the ears.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..catalog.assets import GlassesAsset
from .arrays import Mask, Points, Rgb, Rgba
from .face import Face
from .head import HeadPose, canonical_face, surface_depth
from .patches import Patch, clipped, level_for, of_rgba, pyramid

# Canonical centimetres in screen axes: the pupils' height, and the plane of the lenses in front of the eyes.
_PUPIL_Y = -2.62
_LENS_DROP = 0.18
_PLANE_Z = -5.35
_EAR = (7.75, -2.5, 3.2)
_TILT_DEG = 7.0
_TEMPLE_HEIGHT_CM = 1.5
_TEMPLE_SAMPLES = 24
# Below this turn (sine of the yaw) the temples are seen end-on and would only flicker.
_MIN_TURN = 0.05


@dataclass(frozen=True, slots=True)
class PreparedGlasses:
    """Glasses with their front at several sizes; made once, drawn every frame."""

    asset: GlassesAsset
    front: tuple[Rgba, ...]


def prepare(asset: GlassesAsset) -> PreparedGlasses:
    """Makes the smaller copies."""
    return PreparedGlasses(asset, pyramid(asset.front))


def draw(
    glasses: PreparedGlasses, face: Face, head: HeadPose, shape: tuple[int, ...], *, cm_scale: float, light: float
) -> list[Patch]:
    """The patches of glasses on a face, back to front.

    `shape` (H, W, ...) of the frame; `cm_scale` is how many true centimetres one canonical centimetre of this head is;
    `light` the brightness of the scene, about 1.
    """
    asset = glasses.asset
    size_cm = asset.width_mm / 10 / cm_scale
    corners = _front_corners(asset, size_cm)
    patches = []
    # The temples run along the head's depth axis: only the one on the side turned to the camera comes out.
    side = 1 if head.rotation[0, 2] > 0 else -1
    if abs(float(head.rotation[0, 2])) > _MIN_TURN:
        temple = _temple(asset, face, head, shape, hinge=_hinge(asset, corners, side), side=side)
        patches.extend([] if temple is None else [temple])
    quad = head.place(corners)[:, :2]
    level = level_for(asset.front.shape[1] / max(float(np.linalg.norm(quad[1] - quad[0])), 1.0))
    front = _warp(glasses.front[level], quad, shape)
    if front is not None:
        patches.extend([_contact_shadow(front, head.scale), front])
    return [_lit(patch, light) for patch in patches]


def _lit(patch: Patch, light: float) -> Patch:
    rgb = cv2.convertScaleAbs(patch.rgb, alpha=light)
    return Patch(patch.x, patch.y, np.asarray(rgb, np.uint8), patch.alpha)


def _front_corners(asset: GlassesAsset, width_cm: float) -> Points:
    """(4, 3) canonical positions of the picture's corners: top left, top right, bottom right, bottom left."""
    height, width = asset.front.shape[:2]
    cm = width_cm / (asset.hinge_right[0] - asset.hinge_left[0])
    centre = np.array([asset.bridge[0], (asset.lens_left[1] + asset.lens_right[1]) / 2])
    corners = (np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64) - centre) * cm
    tilt = np.radians(_TILT_DEG)
    y, z = corners[:, 1] * np.cos(tilt), corners[:, 1] * np.sin(tilt)
    return np.column_stack([corners[:, 0], y + _PUPIL_Y + _LENS_DROP, z + _PLANE_Z])


def _hinge(asset: GlassesAsset, corners: Points, side: int) -> Points:
    height, width = asset.front.shape[:2]
    x, y = asset.hinge_left if side < 0 else asset.hinge_right
    across, down = x / width, y / height
    return np.asarray(corners[0] + across * (corners[1] - corners[0]) + down * (corners[3] - corners[0]))


def _warp(picture: Rgba, quad: Points, shape: tuple[int, ...]) -> Patch | None:
    box = clipped(quad, shape[1], shape[0])
    if box is None:
        return None
    x, y, width, height = box
    rows, columns = picture.shape[:2]
    source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64) - 0.5
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), (quad - (x, y)).astype(np.float32))
    warped = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return of_rgba(x, y, np.asarray(warped, np.uint8))


def _temple(
    asset: GlassesAsset, face: Face, head: HeadPose, shape: tuple[int, ...], *, hinge: Points, side: int
) -> Patch | None:
    """One temple from hinge to ear, faded out where the face is in front of it."""
    ear = np.array([side * _EAR[0], hinge[1] + 0.3, _EAR[2]])
    down = np.array([0.0, _TEMPLE_HEIGHT_CM, 0.0])
    middle = np.array([hinge, ear])
    line = head.place(np.linspace(hinge, ear, _TEMPLE_SAMPLES))
    top, bottom = head.place(middle - 0.35 * down)[:, :2], head.place(middle + 0.65 * down)[:, :2]
    visible = _visibility(face, line, head.scale)
    if visible.max() < 0.05:
        return None
    picture = _faded(asset.temple, visible)
    return _warp(picture, np.array([top[0], top[1], bottom[1], bottom[0]]), shape)


def _visibility(face: Face, line: Points, scale: float) -> Points:
    """(N,) 0..1 along a temple: hidden where the face mesh is in front of it."""
    depth = surface_depth(face, line[:, :2])
    # Half a centimetre of grace: the temple touches the skin.
    behind = line[:, 2] > depth + 0.5 * scale
    outside = ~np.isfinite(depth)
    shown = np.where(outside | ~behind, 1.0, 0.0)
    smooth = np.convolve(np.pad(shown, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    # Hair lies over the last third, above the ear.
    return np.asarray(smooth * np.clip((1 - np.linspace(0, 1, len(shown))) * 4 - 0.9, 0, 1))


def _faded(picture: Rgba, visible: Points) -> Rgba:
    columns = np.linspace(0, len(visible) - 1, picture.shape[1])
    profile = np.interp(columns, np.arange(len(visible)), visible)
    faded = picture.copy()
    faded[..., 3] = np.rint(faded[..., 3] * profile).astype(np.uint8)
    return faded


def _contact_shadow(front: Patch, scale: float) -> Patch:
    """What the frame shades on the skin: its solid parts, lower by two millimetres, soft."""
    solid = cv2.threshold(front.alpha, 127, 255, cv2.THRESH_TOZERO)[1]
    shift = np.array([[1, 0, 0], [0, 1, 0.22 * scale]], np.float64)
    moved = cv2.warpAffine(solid, shift, (solid.shape[1], solid.shape[0]))
    soft = cv2.GaussianBlur(moved, (0, 0), max(0.6, 0.16 * scale))
    alpha: Mask = cv2.convertScaleAbs(soft, alpha=0.30)  # type: ignore[assignment]
    dark: Rgb = np.zeros((*alpha.shape, 3), np.uint8)
    dark[:] = (38, 24, 20)
    return Patch(front.x, front.y, dark, alpha)


def true_scale(iris_px: float, head: HeadPose) -> float:
    """True centimetres in one canonical centimetre of this head, from an iris of 11.7 mm; held to 0.9..1.1.

    Source: MediaPipe Iris model card (human irises are 11.7 +- 0.5 mm across).
    """
    if iris_px <= 0:
        return 1.0
    return float(np.clip(head.scale * 1.17 / iris_px, 0.90, 1.10))


def face_width_cm(cm_scale: float) -> float:
    """True centimetres between the temples of this head."""
    vertices = canonical_face().vertices
    return float((vertices[356, 0] - vertices[127, 0]) * cm_scale)
