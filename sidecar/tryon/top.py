"""A top drawn on a body: torso by a spline, sleeves by quadrilaterals along the arms, light of the old garment."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..catalog.assets import SLEEVE_LEFT, SLEEVE_RIGHT, TORSO, TopAsset
from . import fill, matte, shading, top_fit
from .arrays import Mask, Points, Rgb, Rgba
from .body import MASK_STEP, Body
from .face import Face
from .patches import Box, Patch, blend, clipped, level_for, of_rgba, pyramid
from .top_fit import Sleeve, TopFit
from .warp import Map, spline_map


@dataclass(frozen=True, slots=True)
class PreparedTop:
    """A top's parts as RGBA pictures at full, half and quarter size; made once, drawn every frame."""

    asset: TopAsset
    torso: tuple[Rgba, ...]
    left: tuple[Rgba, ...]
    right: tuple[Rgba, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The patches of a top, back to front.

    `field` is the torso's map, into a copy of the picture reduced by a power of two, and `warped` the unshaded garment,
    both of one box.
    """

    patches: list[Patch]
    field: Map
    warped: Patch
    fit: TopFit


def prepare(asset: TopAsset) -> PreparedTop:
    """Cuts a top into its parts."""
    parts = []
    for bit in (TORSO, SLEEVE_LEFT, SLEEVE_RIGHT):
        belongs = cv2.GaussianBlur(np.where(asset.parts & bit, 255, 0).astype(np.uint8), (0, 0), 1.2)
        alpha = cv2.min(asset.picture[..., 3], cv2.convertScaleAbs(belongs, alpha=1.6))
        parts.append(pyramid(np.dstack([asset.picture[..., :3], alpha])))
    return PreparedTop(asset, parts[0], parts[1], parts[2])


def draw(
    top: PreparedTop, small: Rgb, person: Mask, body: Body, face: Face | None, shape: tuple[int, ...], *, light: float
) -> Drawn | None:
    """The patches of a top on a body, None where none of it is in the frame.

    `small` is the frame, `person` the person's mask, both at half resolution; `shape` (H, W, ...) of the frame;
    `light` the brightness of the scene, about 1.
    """
    fit = top_fit.fit(body, top.asset.landmarks, top.asset.ease)
    box = _box(fit, shape)
    if box is None:
        return None
    level = _level(fit)
    # Pixel centres: position p of the full picture is (p + 0.5) / 2^level - 0.5 of a reduced one.
    field = spline_map(box, fit.target, (fit.source + 0.5) * 0.5**level - 0.5)
    cover = matte.build(person, body, face, fit)
    warped = _torso(top.torso[level], field, box)
    np.copyto(warped.alpha, cv2.multiply(warped.alpha, cv2.bitwise_not(_sample(cover.arms, warped)), scale=1 / 255))
    for sleeve, pictures in ((fit.left, top.left), (fit.right, top.right)):
        if sleeve is not None:
            _lay_sleeve(warped, pictures[level], sleeve, level)
    shaded = _finish(warped, small, cover, light)
    patches = [shaded]
    covered = _half(shaded, person.shape)
    behind = None
    if face is not None:
        region = fill.collar_region(person, covered, cover.head, body, fit)
        behind = fill.patch(small, person, region, shape)
    return Drawn([shaded] if behind is None else [behind, *patches], field, warped, fit)


def _box(fit: TopFit, shape: tuple[int, ...]) -> Box | None:
    points = [fit.target] + [sleeve.target.reshape(-1, 2) for sleeve in (fit.left, fit.right) if sleeve is not None]
    # The spline swings out a little between its control points.
    margin = 4 + round(0.06 * float(np.linalg.norm(fit.target[4] - fit.target[3])))
    return clipped(np.concatenate(points), shape[1], shape[0], margin=margin)


def _level(fit: TopFit) -> int:
    """Which copy of the picture to sample: bilinear sampling must not skip pixels."""
    drawn = float(np.linalg.norm(fit.target[4] - fit.target[3]))
    return level_for(float(np.linalg.norm(fit.source[4] - fit.source[3])) / max(drawn, 1.0))


def _torso(picture: Rgba, field: Map, box: Box) -> Patch:
    warped = cv2.remap(picture, field, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)  # type: ignore[call-overload]
    return of_rgba(box[0], box[1], warped)


def _lay_sleeve(onto: Patch, picture: Rgba, sleeve: Sleeve, level: int) -> None:
    """Lays a sleeve over the torso in place, segment by segment along the arm."""
    for index in range(len(sleeve.target) - 1):
        source = _quad(sleeve.source, index)
        target = _quad(sleeve.target, index)
        piece = _segment(picture, (source + 0.5) * (0.5**level) - 0.5, target - (onto.x, onto.y), onto.alpha.shape)
        if piece is not None:
            _over(onto, piece)


def _quad(pairs: Points, index: int) -> Points:
    """Outer and inner corners of one segment, in order around it."""
    return np.array([pairs[index, 0], pairs[index + 1, 0], pairs[index + 1, 1], pairs[index, 1]])


def _segment(picture: Rgba, source: Points, target: Points, shape: tuple[int, ...]) -> Patch | None:
    """One quadrilateral of a sleeve in the coordinates of the top's box; it reaches a little past both its ends."""
    longer = _stretched(target, 0.04)
    box = clipped(longer, shape[1], shape[0])
    if box is None:
        return None
    x, y, width, height = box
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), (target - (x, y)).astype(np.float32))
    warped = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    window = np.zeros((height, width), np.uint8)
    wide = _widened(longer)
    cv2.fillConvexPoly(window, np.rint((wide - (x, y)) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    piece = of_rgba(x, y, np.asarray(warped, np.uint8))
    return Patch(x, y, piece.rgb, np.asarray(cv2.min(piece.alpha, window), np.uint8))


def _stretched(quad: Points, share: float) -> Points:
    """The quad made longer along the arm."""
    outer, inner = quad[1] - quad[0], quad[2] - quad[3]
    return quad + share * np.array([-outer, outer, inner, -inner])


def _widened(quad: Points) -> Points:
    """The quad made wider across the arm: the cloth's own outline is the edge there, not this window."""
    start, end = quad[0] - quad[3], quad[1] - quad[2]
    return quad + 0.4 * np.array([start, end, -end, -start])


def _over(onto: Patch, piece: Patch) -> None:
    """Straight alpha over straight alpha, in place."""
    rgb, alpha = onto.rgb[piece.region], onto.alpha[piece.region]
    bare = np.asarray(alpha == 0, np.uint8)
    cv2.copyTo(piece.rgb, bare, rgb)
    blend(onto.rgb, piece)
    left = cv2.multiply(cv2.bitwise_not(alpha), cv2.bitwise_not(piece.alpha), scale=1 / 255)
    np.copyto(alpha, cv2.bitwise_not(left))


def _finish(warped: Patch, small: Rgb, cover: matte.Matte, light: float) -> Patch:
    """The garment under the scene's light, cut to where it may show."""
    rows, columns = warped.region
    height, width = warped.alpha.shape
    allowed = _sample(cover.garment, warped)
    alpha = cv2.multiply(warped.alpha, allowed, scale=1 / 255)
    shade = _shade(small, cover, (columns, rows))
    # 128 stands for 1: bytes multiply several times faster than floats.
    factor = cv2.resize(cv2.convertScaleAbs(shade, alpha=128 * light), (width, height), interpolation=cv2.INTER_LINEAR)
    rgb = cv2.multiply(warped.rgb, cv2.merge((factor, factor, factor)), scale=1 / 128)
    return Patch(warped.x, warped.y, np.asarray(rgb, np.uint8), np.asarray(alpha, np.uint8))


def _sample(mask: Mask, patch: Patch) -> Mask:
    """A half-resolution mask at the patch's own pixels."""
    height, width = patch.alpha.shape
    matrix = np.array([[1 / MASK_STEP, 0, patch.x / MASK_STEP - 0.25], [0, 1 / MASK_STEP, patch.y / MASK_STEP - 0.25]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpAffine(mask, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.uint8)


def _shade(small: Rgb, cover: matte.Matte, region: tuple[slice, slice]) -> np.ndarray:
    """Brightness factors of the region at about quarter resolution."""
    columns, rows = region
    top, bottom = rows.start // MASK_STEP, -(-rows.stop // MASK_STEP)
    left, right = columns.start // MASK_STEP, -(-columns.stop // MASK_STEP)
    picture, cloth = small[top:bottom, left:right], cover.garment[top:bottom, left:right]
    size = max(2, picture.shape[1] // 2), max(2, picture.shape[0] // 2)
    quarter = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(cloth, size, interpolation=cv2.INTER_AREA)
    return shading.ratio(np.asarray(quarter, np.uint8), np.asarray(inside, np.uint8))


def _half(patch: Patch, shape: tuple[int, ...]) -> Mask:
    """The patch's alpha at half resolution, on a plane of `shape`."""
    height, width = shape[:2]
    matrix = np.array([[MASK_STEP, 0, 0.5 - patch.x], [0, MASK_STEP, 0.5 - patch.y]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(patch.alpha, matrix, (width, height), flags=flags)  # type: ignore[return-value]
