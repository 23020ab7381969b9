"""Landmarks of a product from its outline, for pictures that come without a record."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..catalog.assets import SLEEVE_LEFT, SLEEVE_RIGHT, TORSO, GlassesAsset, Pair, Place, TopAsset, TopLandmarks
from .arrays import Mask, Points, Rgba

_WORK_SIZE = 640
_MIN_SIDE = 48
_BACKGROUND_SPREAD = 22.0
_GLASSES_MM = 142.0


def cut_out(image: Rgba) -> Rgba | None:
    """The product with alpha, cropped to it, its longer side 640 pixels; None on a background that is not plain."""
    if min(image.shape[:2]) < _MIN_SIDE:
        return None
    scale = _WORK_SIZE / max(image.shape[:2])
    size = max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale))
    picture = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    alpha = picture[..., 3] if int(picture[..., 3].min()) < 128 else _against_background(picture)
    if alpha is None:
        return None
    x, y, width, height = cv2.boundingRect((alpha > 96).astype(np.uint8))
    if width < 24 or height < 12:
        return None
    window = np.s_[y : y + height, x : x + width]
    return np.dstack([picture[..., :3], alpha])[window]


def _against_background(picture: Rgba) -> Mask | None:
    """Alpha by distance from the colour of the border; None where the border has more than one colour."""
    border = np.concatenate([picture[:4].reshape(-1, 4), picture[-4:].reshape(-1, 4)])
    border = np.concatenate([border, picture[:, :4].reshape(-1, 4), picture[:, -4:].reshape(-1, 4)])
    lab = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2LAB).astype(np.float32)
    edge = cv2.cvtColor(np.ascontiguousarray(border[None, :, :3]), cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    typical = np.median(edge, axis=0)
    if float(np.quantile(np.linalg.norm(edge - typical, axis=1), 0.85)) > _BACKGROUND_SPREAD:
        return None
    distance = np.linalg.norm(lab - typical, axis=2)
    return np.asarray(np.clip((distance - 8) * 20, 0, 255), np.uint8)


def glasses(image: Rgba) -> GlassesAsset | None:
    """Glasses from a front picture, taken as 142 mm wide; None where the outline is not that of glasses."""
    front = cut_out(image)
    if front is None:
        return None
    height, width = front.shape[:2]
    mirrored = cv2.min(front[..., 3], cv2.flip(front[..., 3], 1)).astype(np.float64).sum()
    symmetric = mirrored / max(float(front[..., 3].sum()), 1.0)
    if not 1.7 < width / height < 6.0 or symmetric < 0.6:
        return None
    middle, lens = width / 2, 0.52 * height
    places: list[Place] = [
        (middle, 0.3 * height), (0.255 * width, lens), (0.745 * width, lens),
        (0.0, 0.3 * height), (width, 0.3 * height),
    ]  # fmt: skip
    return GlassesAsset(front, _plain_temple(front), _GLASSES_MM, *places)


def _plain_temple(front: Rgba) -> Rgba:
    """A straight temple in the colour of the frame."""
    solid = front[..., 3] > 200
    tone = np.median(front[..., :3][solid], axis=0) if solid.any() else np.array([30, 30, 30])
    temple = np.zeros((24, 160, 4), np.uint8)
    temple[6:14, :, :3] = tone
    temple[6:14, :, 3] = 255
    return temple


def top(image: Rgba) -> TopAsset | None:
    """A top from a front picture; None where neck, armpits or hem cannot be found in its outline."""
    picture = cut_out(image)
    if picture is None or picture.shape[0] < 64 or picture.shape[1] < 64:
        return None
    solid = _largest(picture[..., 3] > 96)
    found = landmarks(solid)
    if found is None:
        return None
    return TopAsset(picture, _parts(solid, found), found)


def _largest(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
    if count < 2:
        return solid
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def landmarks(solid: NDArray[np.bool_]) -> TopLandmarks | None:
    """The landmarks of a top's outline (H, W); None where it is not the outline of a top."""
    height, width = solid.shape
    upper = np.where(solid.any(axis=0), solid.argmax(axis=0), height)
    hem = _run_around(solid, int(0.94 * height), width // 2)
    neck = _neck(upper, width, height)
    if hem is None or neck is None or not 0.25 * width < hem[1] - hem[0]:
        return None
    armpits = _armpits(solid, hem)
    left_x, right_x, level = armpits
    if not 0.12 * height < level < 0.75 * height or right_x - left_x < 0.2 * width:
        return None
    waist_level = int(0.5 * (level + 0.94 * height))
    waist = _run_around(solid, waist_level, width // 2) or hem
    waist = max(waist[0], left_x - 8), min(waist[1], right_x + 8)
    tips = [(float(x), float(upper[int(np.clip(x, 0, width - 1))])) for x in (left_x, right_x)]
    sleeves = [_sleeve(solid, tips[0], (left_x, level), -1), _sleeve(solid, tips[1], (right_x, level), 1)]
    bottom = float(np.flatnonzero(solid[:, width // 2]).max())
    return TopLandmarks(
        neck_left=neck[0], neck_centre=neck[1], neck_right=neck[2], shoulder_left=tips[0], shoulder_right=tips[1],
        armpit_left=(left_x, level), armpit_right=(right_x, level),
        waist_left=(waist[0], waist_level), waist_right=(waist[1], waist_level),
        hem_left=(hem[0], 0.94 * height), hem_centre=((hem[0] + hem[1]) / 2, bottom), hem_right=(hem[1], 0.94 * height),
        sleeve_left=sleeves[0], sleeve_right=sleeves[1],
    )  # fmt: skip


def _run_around(solid: NDArray[np.bool_], row: int, column: int) -> tuple[float, float] | None:
    """The unbroken stretch of the row around a column."""
    line = solid[row]
    if not line[column]:
        return None
    gaps = np.flatnonzero(~line)
    left, right = gaps[gaps < column], gaps[gaps > column]
    return float(left.max() + 1 if len(left) else 0), float(right.min() - 1 if len(right) else len(line) - 1)


def _neck(upper: NDArray[np.int64], width: int, height: int) -> tuple[Place, Place, Place] | None:
    """The two peaks beside the middle of the upper outline and the dip between them."""
    middle, reach = width // 2, int(0.22 * width)
    dip = middle - width // 12 + int(upper[middle - width // 12 : middle + width // 12].argmax())
    left = dip - 1 - int(upper[dip - reach : dip][::-1].argmin())
    right = dip + 1 + int(upper[dip + 1 : dip + reach].argmin())
    depth = float(upper[dip] - max(upper[left], upper[right]))
    if right - left < 0.06 * width or depth > 0.5 * height or upper[left] > 0.3 * height:
        return None
    lowest = max(float(upper[dip]), float(upper[left]) + 0.01 * height)
    return (float(left), float(upper[left])), (float(dip), lowest), (float(right), float(upper[right]))


def _armpits(solid: NDArray[np.bool_], hem: tuple[float, float]) -> tuple[float, float, float]:
    """Where the torso's own stretch of a row begins, going up from the hem: x of both sides, y."""
    height, width = solid.shape
    left, right = hem
    limit = 0.06 * width
    for row in range(int(0.92 * height), int(0.1 * height), -2):
        run = _run_around(solid, row, width // 2)
        if run is None or run[0] < left - limit or run[1] > right + limit:
            return left, right, float(row)
        # The sides may lean a little from row to row, a sleeve joins at once.
        left, right = 0.8 * left + 0.2 * run[0], 0.8 * right + 0.2 * run[1]
    return left, right, 0.35 * height


def _sleeve(solid: NDArray[np.bool_], tip: Place, armpit: Place, side: int) -> tuple[Pair, ...]:
    """Pairs from the armhole to the cuff; none where nothing stands out beside the torso."""
    rows, columns = np.nonzero(solid)
    beyond = side * (columns - armpit[0]) > 2
    places = np.column_stack([columns[beyond], rows[beyond]]).astype(np.float64)
    if len(places) < 0.01 * solid.size:
        return ()
    start = (np.array(tip) + np.array(armpit)) / 2
    centre = places.mean(axis=0)
    along = (centre - start) / (np.linalg.norm(centre - start) + 1e-6)
    reach = (places - start) @ along
    cuff = _across(places, start, along, reach, float(np.quantile(reach, 0.985)), side)
    if float(reach.max()) < 1.6 * float(np.linalg.norm(np.subtract(tip, armpit))):
        return ((tip, armpit), cuff)
    return ((tip, armpit), _across(places, start, along, reach, 0.5 * float(reach.max()), side), cuff)


def _across(places: Points, start: Points, along: Points, reach: Points, at: float, side: int) -> Pair:
    """Outer and inner edge of a sleeve at a distance along it."""
    near = places[np.abs(reach - at) < 4]
    outward = np.array([along[1], -along[0]]) * side
    offset = (near - start) @ outward
    outer, inner = (start + at * along + value * outward for value in (offset.max(), offset.min()))
    return (float(outer[0]), float(outer[1])), (float(inner[0]), float(inner[1]))


def _parts(solid: NDArray[np.bool_], found: TopLandmarks) -> Mask:
    """Bits of torso and sleeves, which share a strip at the armhole."""
    height, width = solid.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    left, right = float(found.armpit_left[0]), float(found.armpit_right[0])
    level = float(found.armpit_left[1])
    strip = 0.02 * width
    flap = strip * np.clip((level - y) / (0.5 * level + 1), 0, 1)
    torso = (x > left - strip) & (x < right + strip)
    bits = TORSO * torso
    if found.sleeve_left:
        bits = bits + SLEEVE_LEFT * (x < left + flap)
    if found.sleeve_right:
        bits = bits + SLEEVE_RIGHT * (x > right - flap)
    return np.where(solid, bits, 0).astype(np.uint8)
