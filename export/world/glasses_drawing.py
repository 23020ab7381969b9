"""The two sample glasses: clear lenses in a dark tortoise frame, and sunglasses with graded lenses."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .fabric import OVERSAMPLING, Plane, Point, curve, fill, stroke

SIZE = 640
HEIGHT = 256
# Centre of the right-hand lens and of the bridge; the left half is its mirror image.
_MIDDLE = SIZE / 2

Image = NDArray[np.uint8]

# Half outlines around the lens centre, for the lens on the right of the picture.
_ROUND_LENS: list[Point] = [
    (-98, -22), (-78, -62), (-20, -82), (44, -80), (88, -54), (100, -8), (86, 44), (42, 80), (-16, 84), (-70, 56),
]  # fmt: skip
_WAYFARER_LENS: list[Point] = [
    (-104, -48), (-52, -66), (30, -72), (98, -66), (112, -40), (102, 18), (74, 60), (22, 78), (-42, 70), (-86, 26),
]  # fmt: skip
_CENTRE: Point = (478, 126)
# Where the end piece leaves the rim and where its hinge is.
_ROUND_WING: list[Point] = [(552, 58), (600, 62), (627, 69), (633, 80), (626, 92), (598, 93), (578, 104)]
_WAYFARER_WING: list[Point] = [(556, 37), (602, 42), (629, 54), (634, 70), (626, 86), (600, 92), (580, 104)]


def draw_clear_glasses() -> tuple[Image, Image]:
    """RGBA front (640 x 256) and RGBA temple (320 x 48) of tortoise-shell glasses with clear lenses."""
    lens = _lenses(_ROUND_LENS)
    bridge: list[Point] = [(262, 112), (290, 88), (320, 80), (350, 88), (378, 112)]
    frame = _front(_ROUND_LENS, _ROUND_WING, rim=(12.0, 17.0), bridge=bridge, thick=14)
    tone = _tortoise()
    lens_alpha = 0.05 * lens + 0.16 * _gloss(lens, slant=0.5)
    lens_tone = np.broadcast_to(np.array((235, 243, 248), np.float32), (*lens.shape, 3))
    return _assemble(frame, tone, lens_tone, lens_alpha), _temple((58, 36, 24))


def draw_sunglasses() -> tuple[Image, Image]:
    """RGBA front (640 x 256) and RGBA temple (320 x 48) of black sunglasses with graded grey lenses."""
    lens = _lenses(_WAYFARER_LENS)
    bridge: list[Point] = [(264, 102), (292, 84), (320, 78), (348, 84), (376, 102)]
    frame = _front(_WAYFARER_LENS, _WAYFARER_WING, rim=(15.0, 24.0), bridge=bridge, thick=20)
    y = np.mgrid[0 : lens.shape[0], 0 : lens.shape[1]][0].astype(np.float32) / OVERSAMPLING
    gradient = np.clip((y - 50) / 150, 0, 1)
    gloss = _gloss(lens, slant=0.42)
    alpha = lens * (0.90 - 0.22 * gradient)
    tone = np.array((30, 34, 40), np.float32) + gradient[..., None] * np.array((26, 22, 14), np.float32)
    tone = tone + gloss[..., None] * np.array((44, 48, 54), np.float32)
    black = np.broadcast_to(np.array((24, 24, 27), np.float32), (*lens.shape, 3))
    return _assemble(frame, black, np.asarray(tone, np.float32), np.asarray(alpha, np.float32)), _temple((24, 24, 27))


def _lens_curve(half: list[Point], *, right: bool) -> NDArray[np.float64]:
    points: list[Point] = [(_CENTRE[0] + x, _CENTRE[1] + y) for x, y in half]
    closed = curve(points, closed=True)
    return closed if right else closed * (-1, 1) + (SIZE, 0)


def _lenses(half: list[Point]) -> Plane:
    return _cropped(np.maximum(*(fill(_lens_curve(half, right=right), SIZE) for right in (False, True))))


def _front(
    half: list[Point], wing: list[Point], *, rim: tuple[float, float], bridge: list[Point], thick: float
) -> Plane:
    """Rims, bridge and end pieces; `rim` is the width below and at the brow, which is heavier, as acetate is cut."""
    lens = _lenses(half)
    away = cv2.distanceTransform((lens < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / OVERSAMPLING
    y = np.mgrid[0 : lens.shape[0], 0 : lens.shape[1]][0].astype(np.float32) / OVERSAMPLING
    width = rim[0] + (rim[1] - rim[0]) * np.clip((_CENTRE[1] - y) / 70, 0, 1)
    cover = np.asarray(np.clip((width - away) * OVERSAMPLING + 0.5, 0, 1), np.float32)
    extra = stroke(curve(bridge), thick, SIZE)
    for right in (False, True):
        outline = curve(wing, closed=True)
        extra = np.maximum(extra, fill(outline if right else outline * (-1, 1) + (SIZE, 0), SIZE))
    return np.asarray(np.clip(np.maximum(cover, _cropped(extra)) - lens, 0, 1), np.float32)


def _cropped(plane: Plane) -> Plane:
    return plane[: HEIGHT * OVERSAMPLING]


def _gloss(lens: Plane, *, slant: float) -> Plane:
    """Two soft slanted reflections in each lens."""
    y, x = np.mgrid[0 : lens.shape[0], 0 : lens.shape[1]].astype(np.float32) / OVERSAMPLING
    total = np.zeros_like(lens)
    for centre in (SIZE - _CENTRE[0], _CENTRE[0]):
        for shift, width, strength in ((-38.0, 17.0, 1.0), (-2.0, 7.0, 0.6)):
            across = (x - centre - shift) + slant * (y - _CENTRE[1])
            fade = np.clip(1.1 - (y - 52) / 120, 0, 1)
            total += strength * fade * np.exp(-((across / width) ** 4))
    return np.asarray(total * lens, np.float32)


def _tortoise() -> Plane:
    """Amber spots in dark brown acetate."""
    rng = np.random.default_rng(7)
    shape = (HEIGHT * OVERSAMPLING, SIZE * OVERSAMPLING)
    noise = np.zeros(shape, np.float32)
    for sigma, weight in ((9, 1.0), (22, 1.4)):
        layer = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigma)
        noise += weight * layer / float(layer.std())
    spots = np.clip((noise - 0.3) / 1.8, 0, 1)[..., None]
    return np.asarray(np.array((44, 27, 19), np.float32) + spots * np.array((112, 62, 24), np.float32), np.float32)


def _assemble(frame: Plane, tone: Plane, lens_tone: Plane, lens_alpha: Plane) -> Image:
    """Frame over lenses with a bevel of light along the frame's upper edges."""
    soft = cv2.GaussianBlur(frame, (0, 0), 3.0)
    bevel = np.asarray(cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3) + 0.5 * cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3))
    shine = np.clip(bevel, 0, 1.2)[..., None] * 74 - np.clip(-bevel, 0, 1.2)[..., None] * 26
    lit = np.clip(tone + shine, 0, 255)
    alpha = frame + lens_alpha * (1 - frame)
    premultiplied = lit * frame[..., None] + lens_tone * (lens_alpha * (1 - frame))[..., None]
    size = (SIZE, HEIGHT)
    alpha_small = cv2.resize(np.asarray(alpha, np.float32), size, interpolation=cv2.INTER_AREA)
    rgb = cv2.resize(np.asarray(premultiplied, np.float32), size, interpolation=cv2.INTER_AREA)
    rgb = rgb / np.maximum(alpha_small, 1e-3)[..., None]
    rgb[alpha_small < 0.004] = 0
    return np.dstack([np.clip(np.rint(rgb), 0, 255), np.rint(alpha_small * 255)]).astype(np.uint8)


def _temple(tone: tuple[int, int, int]) -> Image:
    """An arm seen from the side: the hinge at the left, the bend over the ear at the right."""
    width, height = 320, 48
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = 17 + 22 * np.clip((x - 215) / 105, 0, 1) ** 1.6
    half = 9 - 3.5 * np.clip(x / 215, 0, 1) + 2.5 * np.clip((x - 215) / 105, 0, 1)
    alpha = np.clip(half - np.abs(y - centre) + 0.5, 0, 1)
    sheen = np.exp(-(((y - centre + half * 0.45) / 2.2) ** 2)) * 46
    rgb = np.array(tone, np.float32) + sheen[..., None]
    return np.dstack([np.clip(np.rint(rgb), 0, 255), np.rint(alpha * 255)]).astype(np.uint8)
