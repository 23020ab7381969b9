"""The two sample tops: a striped tee with short sleeves and a printed sweatshirt with long ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .fabric import OVERSAMPLING, Plane, Point, curve, displace, fill, fold, light, reduce, shrink, stroke

SIZE = 640
TORSO, SLEEVE_LEFT, SLEEVE_RIGHT = 1, 2, 4

Image = NDArray[np.uint8]
Colour = tuple[float, float, float]

NECK: list[Point] = [(258, 58), (272, 88), (295, 108), (320, 114), (345, 108), (368, 88), (382, 58)]
_SHOULDER: list[Point] = [(258, 58), (205, 76), (150, 100)]
_SIDE: list[Point] = [(160, 236), (165, 330), (166, 430), (163, 530), (160, 606)]
_HEM: list[Point] = [(160, 606), (240, 614), (320, 616)]
_SHORT_SLEEVE: list[Point] = [(150, 100), (112, 150), (74, 212), (48, 264)]
_SHORT_CUFF: list[Point] = [(48, 264), (84, 286), (124, 300)]
_SHORT_UNDER: list[Point] = [(124, 300), (142, 268), (160, 236)]
_LONG_SLEEVE: list[Point] = [(150, 100), (104, 190), (68, 320), (46, 450), (32, 572)]
_LONG_CUFF: list[Point] = [(32, 572), (60, 582), (88, 584)]
_LONG_UNDER: list[Point] = [(88, 584), (106, 470), (124, 360), (142, 290), (160, 236)]


def draw_tee() -> tuple[Image, Image]:
    """RGBA picture and RGB part map of a cream tee with navy stripes."""
    inside = _silhouette(_SHORT_SLEEVE, _SHORT_CUFF, _SHORT_UNDER)
    height = _torso_folds() + _mirrored([((140, 130), (78, 270), 12, 2.6), ((168, 160), (112, 290), 9, -2.4)])
    stripes = _stripes(height) * (1 - _collar(13))
    stripes *= 1 - _near_edge(_pair(_SHORT_CUFF), 8)
    colour = _mix((240, 234, 220), (34, 48, 82), stripes)
    shade = light(height, inside, relief=0.13, rim=0.20, rim_width=11)
    shade *= 1 - 0.16 * _seams(_SHORT_CUFF, offset=(5, -11))
    picture = reduce(np.asarray(_ribbed(colour, 13) * shade[..., None], np.float32), inside)
    return picture, _parts(inside, base=1 - stripes)


def draw_sweatshirt() -> tuple[Image, Image]:
    """RGBA picture and RGB part map of a sage sweatshirt with a sunrise print."""
    inside = _silhouette(_LONG_SLEEVE, _LONG_CUFF, _LONG_UNDER)
    sleeve_folds = [
        ((126, 190), (92, 330), 13, 3.0),
        ((66, 330), (128, 380), 12, -3.2),
        ((62, 366), (112, 430), 11, 2.6),
        ((52, 430), (104, 470), 10, -2.6),
        ((46, 500), (92, 530), 9, 2.4),
    ]
    height = 1.25 * _torso_folds() + _mirrored(sleeve_folds)
    print_colour, print_cover = _sunrise(height)
    base = np.broadcast_to(np.array((146, 163, 138), np.float32), (*inside.shape, 3))
    colour = np.asarray(base * (1 - print_cover[..., None]) + print_colour * print_cover[..., None], np.float32)
    shade = light(height, inside, relief=0.13, rim=0.24, rim_width=13)
    shade *= 1 - 0.20 * _seams(_LONG_CUFF, offset=(4, -40))
    shade *= _rib_bands()
    picture = reduce(np.asarray(_ribbed(colour, 18) * shade[..., None], np.float32), inside)
    return picture, _parts(inside, base=1 - print_cover)


def _flip(points: Sequence[Point]) -> list[Point]:
    return [(SIZE - x, y) for x, y in points]


def _pair(points: Sequence[Point]) -> list[list[Point]]:
    return [list(points), _flip(points)]


def _silhouette(sleeve: list[Point], cuff: list[Point], under: list[Point]) -> Plane:
    """Coverage 0..1 of the whole garment; the right half mirrors the left."""
    left = [curve(part) for part in (_SHOULDER, sleeve, cuff, under, _SIDE, _HEM)]
    side = np.vstack(left)
    other = side[::-1] * (-1, 1) + (SIZE, 0)
    outline = np.vstack([side, other, curve(NECK)[::-1]])
    return fill(outline, SIZE)


def _torso_folds() -> Plane:
    folds = [
        ((176, 250), (262, 330), 15, -3.0),
        ((172, 262), (236, 420), 17, 3.2),
        ((190, 400), (176, 600), 13, 2.6),
        ((224, 380), (214, 606), 12, -2.4),
        ((268, 430), (282, 612), 15, 1.8),
        ((206, 110), (262, 200), 16, 1.6),
    ]
    height = _mirrored(folds)
    height += fold((350, 330), (300, 560), 16, -2.0, SIZE)
    return height


def _mirrored(folds: Sequence[tuple[Point, Point, float, float]]) -> Plane:
    total = np.zeros((SIZE * OVERSAMPLING, SIZE * OVERSAMPLING), np.float32)
    for start, end, width, depth in folds:
        total += fold(start, end, width, depth, SIZE)
        # The other side hangs a little differently, or the cloth looks stamped.
        total += 0.85 * fold((SIZE - start[0] - 4, start[1] + 7), (SIZE - end[0] + 5, end[1] - 6), width, depth, SIZE)
    return total


def _stripes(height: Plane) -> Plane:
    x, y = displace(height, 7.0)
    sag = 0.00018 * (x - SIZE / 2) ** 2
    outer = np.clip(np.abs(x - SIZE / 2) - 170, 0, None)
    phase = ((y + sag + 0.42 * outer - 128) / 33) % 1.0
    edge = 33 * OVERSAMPLING / 2
    stripe = np.clip((0.19 - np.abs(phase - 0.5)) * edge + 0.5, 0, 1)
    return np.asarray(stripe * np.clip((y - 128) * 4, 0, 1), np.float32)


def _sunrise(height: Plane) -> tuple[Plane, Plane]:
    """A sun over two ridges in a round badge on the chest."""
    x, y = displace(height, 5.0)
    cx, cy, radius = 320.0, 262.0, 74.0
    distance = np.hypot(x - cx, y - cy)
    badge = _step(radius - distance)
    sun = _step(30 - np.hypot(x - cx, y - cy + 10))
    far = _step(y - cy - 16 - 15 * np.sin((x - cx) / 21) - 5 * np.sin((x - cx) / 8))
    near = _step(y - cy - 34 - 10 * np.sin((x - cx + 25) / 17))
    sky = np.array((246, 226, 190), np.float32)
    colour = np.broadcast_to(sky, (*distance.shape, 3))
    for cover, tone in ((sun, (226, 104, 68)), (far, (94, 122, 132)), (near, (43, 66, 84))):
        colour = colour * (1 - cover[..., None]) + np.array(tone, np.float32) * cover[..., None]
    ring = _step(2.2 - np.abs(distance - radius - 6))
    colour = colour * (1 - ring[..., None]) + np.array((246, 226, 190), np.float32) * ring[..., None]
    return np.asarray(colour, np.float32), np.asarray(np.maximum(badge, ring), np.float32)


def _step(distance: Plane) -> Plane:
    return np.asarray(np.clip(distance * OVERSAMPLING + 0.5, 0, 1), np.float32)


def _mix(base: Colour, accent: Colour, cover: Plane) -> Plane:
    first, second = np.array(base, np.float32), np.array(accent, np.float32)
    return np.asarray(first * (1 - cover[..., None]) + second * cover[..., None], np.float32)


def _collar(width: float) -> Plane:
    return stroke(curve(NECK), 2 * width, SIZE)


def _ribbed(colour: Plane, width: float) -> Plane:
    """A knitted band around the neck with a seam under it."""
    band = _collar(width)
    seam = np.clip(stroke(curve(NECK), 2 * width + 4, SIZE) - band, 0, 1)
    y, x = np.mgrid[0 : band.shape[0], 0 : band.shape[1]].astype(np.float32) / OVERSAMPLING
    angle = np.arctan2(y - 40, x - SIZE / 2)
    ribs = 1 - band * (0.05 + 0.05 * np.sin(angle * 120))
    return np.asarray(colour * (ribs * (1 - 0.22 * seam))[..., None], np.float32)


def _seams(cuff: Sequence[Point], *, offset: Point) -> Plane:
    lines = np.zeros((SIZE * OVERSAMPLING, SIZE * OVERSAMPLING), np.float32)
    armhole: list[Point] = [(152, 100), (166, 150), (170, 195), (161, 236)]
    raised: list[Point] = [(x + offset[0], y + offset[1]) for x, y in cuff]
    hem: list[Point] = [(161, 592), (240, 600), (320, 602)]
    for points, width in ((armhole, 2.0), (raised, 1.6), (hem, 1.6)):
        for line in _pair(points):
            lines = np.maximum(lines, stroke(curve(line), width, SIZE))
    return cv2.GaussianBlur(lines, (0, 0), 0.8)  # type: ignore[return-value]


def _near_edge(lines: Sequence[Sequence[Point]], width: float) -> Plane:
    cover = np.zeros((SIZE * OVERSAMPLING, SIZE * OVERSAMPLING), np.float32)
    for line in lines:
        cover = np.maximum(cover, stroke(curve(line), 2 * width, SIZE))
    return cover


def _rib_bands() -> Plane:
    """Knitted cuffs and hem: fine vertical ribs."""
    y, x = np.mgrid[0 : SIZE * OVERSAMPLING, 0 : SIZE * OVERSAMPLING].astype(np.float32) / OVERSAMPLING
    torso = (np.abs(x - SIZE / 2) < 165) & (y > 584)
    cuffs = (np.abs(x - SIZE / 2) > 215) & (y > 542)
    ribs = 0.93 + 0.06 * np.sin(x * 1.5)
    return np.asarray(np.where(torso | cuffs, ribs, 1.0), np.float32)


def _parts(inside: Plane, *, base: Plane) -> Image:
    """Red: bits of torso and sleeves (they overlap at the armhole); green: how much is base fabric; blue: coverage."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    # The armhole, as x of the seam at a height; sleeves and torso share a strip so that no gap can open.
    seam = np.interp(y, [0, 100, 150, 195, 236, SIZE], [152, 152, 166, 170, 161, 150]).astype(np.float32)
    below = y > 250
    overlap = 12
    torso = (x > seam - overlap) & (x < SIZE - seam + overlap)
    torso &= ~below | ((x > 150) & (x < SIZE - 150))
    # The sleeve's share of the strip runs out at the armpit, where it would show as a flap.
    flap = overlap * np.clip((228 - y) / 90, 0, 1)
    left, right = x < seam + flap, x > SIZE - seam - flap
    left &= ~below | (x < 150)
    right &= ~below | (x > SIZE - 150)
    bits = TORSO * torso + SLEEVE_LEFT * left + SLEEVE_RIGHT * right
    cover = shrink(inside)
    bits = np.where(cover > 0, bits, 0)
    return np.dstack([bits, shrink(np.asarray(base * inside, np.float32)), cover]).astype(np.uint8)
