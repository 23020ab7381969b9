"""Prepares products from their outline: a picture from the front on a plain background, or cut out already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from . import cutout
from .assets import GlassesAsset, Place, TopAsset
from .cutout import Mask, Rgba
from .landmarks import FRAME, LENS, top_places
from .preparing import Finding

METHOD = "outline-1"
CEILING = 0.9
"""The most that an outline can be trusted: it cannot see a collar that is folded, or a back view."""
_FULL_SYMMETRY, _NO_SYMMETRY = 0.92, 0.6
_WHOLE, _TORN = 0.98, 0.8
_SEEN = 32
_OPAQUE = 200


@dataclass(frozen=True)
class OutlinePreparer:
    """Tops and glasses by outline. `top`, `glasses` find the places in a cut-out picture (H, W, 4), None where its
    outline is not that of one; they may scale the picture."""

    top: Callable[[Rgba], TopAsset | None]
    glasses: Callable[[Rgba], GlassesAsset | None]
    kinds: frozenset[str] = frozenset({"top", "glasses"})

    def __call__(self, picture: Rgba, kind: str) -> Finding | None:
        """See `preparing.Preparer`. None where the background is not plain or the outline is another one."""
        cut = cutout.alpha_of(picture, see_through=kind == "glasses")
        if cut is None:
            return None
        alpha, plain = cut
        x, y, width, height = cutout.box(alpha)
        if width < 48 or height < 24:
            return None
        window = np.s_[y : y + height, x : x + width]
        shown = np.dstack([picture[..., :3], alpha])[window]
        certain = CEILING * min(plain, _between(cutout.symmetry(alpha), _NO_SYMMETRY, _FULL_SYMMETRY))
        if kind == "glasses":
            return self._glasses(shown, alpha, (x, y), certain)
        certain = min(certain, CEILING * _between(cutout.wholeness(alpha), _TORN, _WHOLE))
        return self._top(shown, alpha, (x, y), certain)

    def _glasses(self, shown: Rgba, alpha: Mask, corner: Place, certain: float) -> Finding | None:
        asset = self.glasses(_with_gap(shown))
        if asset is None:
            return None
        names = ("bridge", "lens_left", "lens_right", "hinge_left", "hinge_right")
        places = _back({name: getattr(asset, name) for name in names}, asset.front, shown, corner)
        frame = alpha >= _OPAQUE
        parts = np.where(frame, FRAME, np.where(cutout.filled(alpha) | (alpha > _SEEN), LENS, 0)).astype(np.uint8)
        return Finding(alpha, parts, places, certain, METHOD, side=asset.temple)

    def _top(self, shown: Rgba, alpha: Mask, corner: Place, certain: float) -> Finding | None:
        asset = self.top(_with_gap(shown))
        if asset is None:
            return None
        places = _back(top_places(asset.landmarks), asset.picture, shown, corner)
        height, width = shown.shape[:2]
        own = cv2.resize(asset.parts, (width, height), interpolation=cv2.INTER_NEAREST)
        parts = np.zeros_like(alpha)
        x, y = int(corner[0]), int(corner[1])
        parts[y : y + height, x : x + width] = own
        parts, alpha = _to_the_edge(parts, alpha)
        return Finding(alpha, parts, places, min(certain, CEILING * _proportions(places)), METHOD)


def _with_gap(shown: Rgba) -> Rgba:
    """The finders take a picture for cut out if it is empty somewhere."""
    if int(shown[..., 3].min()) < 128:
        return shown
    gap = shown.copy()
    gap[0, 0, 3] = 0
    return gap


def _back(places: Mapping[str, Place], found: Rgba, shown: Rgba, corner: Place) -> dict[str, Place]:
    """From pixels of what the finder made of the window to pixels of the whole picture."""
    scale = max(shown.shape[:2]) / max(found.shape[:2])
    return {name: (corner[0] + x * scale, corner[1] + y * scale) for name, (x, y) in places.items()}


def _to_the_edge(parts: Mask, alpha: Mask) -> tuple[Mask, Mask]:
    """Parts grown over the soft edge of the outline; what belongs to no part is no garment."""
    kernel = np.ones((5, 5), np.uint8)
    grown = parts.copy()
    for bit in (1, 2, 4):
        wide = cv2.dilate((parts & bit > 0).astype(np.uint8), kernel, iterations=2) > 0
        grown[wide & (parts == 0) & (alpha > 0)] |= bit
    return np.where(alpha > 0, grown, 0).astype(np.uint8), np.where(grown > 0, alpha, 0).astype(np.uint8)


def _proportions(places: Mapping[str, Place]) -> float:
    """1 where the outline is built like a top's, less the further it is from that."""

    def wide(name: str) -> float:
        return places[f"{name}_right"][0] - places[f"{name}_left"][0]

    chest = max(wide("armpit"), 1.0)
    long = places["hem_centre"][1] - places["neck_left"][1]
    checks = (
        _inside(wide("hem") / chest, 0.75, 1.5),
        _inside(wide("shoulder") / chest, 0.7, 1.35),
        _inside(wide("neck") / chest, 0.12, 0.6),
        _inside(long / chest, 0.7, 2.6),
    )
    return min(checks)


def _inside(value: float, low: float, high: float) -> float:
    """1 between the bounds, 0 at half of the lower and at one and a half of the higher."""
    if value < low:
        return max(0.0, (value - low / 2) / (low / 2))
    return 1.0 if value <= high else max(0.0, 1 - (value - high) / (high / 2))


def _between(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


