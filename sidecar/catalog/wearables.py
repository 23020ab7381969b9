"""What try-on draws, from the record of a product: its prepared pictures in one of its sizes and colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import NotFound
from . import cutout
from .assets import Ease, GlassesAsset, Picture, TopAsset
from .landmarks import FRAME, top_landmarks
from .records import Prepared, Product
from .samples import recolour
from .store import Catalog

TYPICAL_WIDTH_MM = 142.0
"""Of glasses whose chart does not tell (as `tryon` takes a client's own picture)."""
_SAME, _OTHER = 18.0, 40.0


def wearable(
    catalog: Catalog, product: Product, *, size: str | None = None, rgb: tuple[int, int, int] | None = None
) -> GlassesAsset | TopAsset:
    """A product as try-on wears it; `rgb` in place of its own colour. Raises `NotFound` where it is not prepared or
    has no such size."""
    prepared = next((one for one in product.prepared if one.kind in ("glasses", "top")), None)
    if prepared is None:
        raise NotFound("The product is not prepared for try-on; run: vitrine catalog prepare")
    pixels = np.ascontiguousarray(catalog.files.pixels(prepared.picture))
    parts = catalog.files.pixels(prepared.parts)
    if rgb is not None:
        pixels = _recoloured(product, pixels, parts, rgb)
    zones = _zones(product, size)
    if prepared.kind == "glasses":
        return _glasses(catalog, prepared, pixels, zones.get("frame_width"))
    base = _zones(product, None)
    known = zones.keys() & base.keys()
    factors = (zones[name] / base[name] if name in known else 1.0 for name in ("chest", "length", "sleeve"))
    return TopAsset(pixels, parts, top_landmarks(prepared.landmarks), Ease(*factors))


def _zones(product: Product, size: str | None) -> dict[str, float]:
    chart = product.size_chart
    if chart is None:
        return {}
    zones = chart.sizes.get(chart.base if size is None else size)
    if zones is None:
        raise NotFound(f"The product comes in {', '.join(chart.sizes)}.")
    return zones


def _glasses(catalog: Catalog, prepared: Prepared, pixels: Picture, width_cm: float | None) -> GlassesAsset:
    """Cut to the frame: its width on the picture is the width of the chart."""
    x, y, width, height = cutout.box(np.ascontiguousarray(pixels[..., 3]))
    front = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    names = ("bridge", "lens_left", "lens_right", "hinge_left", "hinge_right")
    places = [(prepared.landmarks[name][0] - x, prepared.landmarks[name][1] - y) for name in names]
    temple = catalog.files.pixels(prepared.side) if prepared.side else _plain_temple(front)
    return GlassesAsset(front, temple, width_cm * 10 if width_cm else TYPICAL_WIDTH_MM, *places)


def _plain_temple(front: Picture) -> Picture:
    solid = front[..., 3] > 200
    temple = np.zeros((24, 160, 4), np.uint8)
    temple[6:14, :, :3] = np.median(front[..., :3][solid], axis=0) if solid.any() else 30
    temple[6:14, :, 3] = 255
    return temple


def _recoloured(product: Product, pixels: Picture, parts: NDArray[np.uint8], rgb: tuple[int, int, int]) -> Picture:
    """What has the hue of the base colour turns, prints and lenses stay."""
    fabric = (parts == FRAME) if product.kind == "glasses" else parts > 0
    own = product.colours[0].rgb if product.colours else None
    if own is None:
        if not fabric.any():
            return pixels
        red, green, blue = np.median(pixels[..., :3][fabric], axis=0)
        own = int(red), int(green), int(blue)
    lab = cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2LAB).astype(np.float32)
    base = cv2.cvtColor(np.array([[own]], np.uint8), cv2.COLOR_RGB2LAB).astype(np.float32)[0, 0]
    far = np.linalg.norm((lab - base) * np.array([0.35, 1, 1], np.float32), axis=2)  # shade counts less than hue
    cover = np.clip((_OTHER - far) / (_OTHER - _SAME), 0, 1) * fabric
    return recolour(pixels, cover.astype(np.float32), own, rgb)
