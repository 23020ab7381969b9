"""Makes what try-on needs of products: where the places are, which pixel is of which part, how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from .assets import Place
from .errors import Outdated
from .kinds import KINDS
from .records import Prepared, Product
from .store import Catalog

WORK_SIDE = 640
"""The longer side of a prepared picture, pixels: what try-on draws from."""
MODEL = "garment-landmarks"
MODEL_GROUP = "garments"

Mask = NDArray[np.uint8]
Rgba = NDArray[np.uint8]
State = Literal["prepared", "unprepared", "kept", "reviewed", "no_picture"]


@dataclass(frozen=True)
class Finding:
    """What a preparer found on a picture (H, W, 4): `alpha` (H, W), `parts` (H, W) with the bits of the kind's layout,
    `landmarks` in pixels, `confidence` 0..1, the `method`'s name; `side` RGBA, where the method can tell."""

    alpha: Mask
    parts: Mask
    landmarks: dict[str, Place]
    confidence: float
    method: str
    side: Rgba | None = field(default=None, compare=False)


class Preparer(Protocol):
    """A way to prepare products: an outline today, a net where one is installed."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of asset that it can prepare."""

    def __call__(self, picture: Rgba, kind: str) -> Finding | None:
        """What it finds on a picture (H, W, 4) RGBA of a kind of asset; None where it cannot tell."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one product, and why it was left unprepared."""

    product: str
    state: State
    confidence: float = 0.0
    why: str = ""


def prepare(
    catalog: Catalog, ids: Sequence[str], preparers: Sequence[Preparer], *, again: bool = False
) -> Iterator[Outcome]:
    """Prepares the products that can be worn, one transaction each; what a person reviewed is never touched.

    `again`: also those that are prepared already. Raises `CatalogError`.
    """
    for name in ids:
        product = catalog.get(name)
        kind = KINDS[product.kind].asset
        if kind:
            yield _one(catalog, product, kind, preparers, again=again)


def _one(catalog: Catalog, product: Product, kind: str, preparers: Sequence[Preparer], *, again: bool) -> Outcome:
    there = next((one for one in product.prepared if one.kind == kind), None)
    if there is not None and there.reviewed:
        return Outcome(product.id, "reviewed", there.confidence)
    if there is not None and not again:
        return Outcome(product.id, "kept", there.confidence)
    if not product.pictures:
        return Outcome(product.id, "no_picture", why="it has no picture")
    able = [one for one in preparers if kind in one.kinds]
    picture = work_picture(catalog.files.pixels(product.pictures[0]))
    found = next((finding for one in able if (finding := one(picture, kind)) is not None), None)
    if found is None:
        if there is not None:
            return Outcome(product.id, "kept", there.confidence)
        why = "its outline cannot be told from the background" if able else "no outline tells the places of this kind"
        return Outcome(product.id, "unprepared", why=why)
    save(catalog, product.id, kept(catalog, product.pictures[0], kind, picture, found))
    return Outcome(product.id, "prepared", found.confidence)


def kept(catalog: Catalog, source: str, kind: str, picture: Rgba, found: Finding) -> Prepared:
    """The record of a finding, its pictures put into the store."""
    return Prepared(
        kind=kind,
        source=source,
        picture=catalog.files.add_pixels(np.dstack([picture[..., :3], found.alpha])),
        parts=catalog.files.add_pixels(found.parts),
        side=catalog.files.add_pixels(found.side) if found.side is not None else None,
        landmarks={name: (round(x, 2), round(y, 2)) for name, (x, y) in found.landmarks.items()},
        method=found.method,
        confidence=round(float(found.confidence), 3),
    )


def save(
    catalog: Catalog, product: str, made: Prepared, *, allowed: Callable[[Product], bool] = lambda product: True
) -> None:
    """Puts a prepared asset in the place of an older one of its kind. Raises `Outdated` where the product changed so
    that `allowed` says no, or has another picture by now."""
    with catalog.changing(product) as change:
        now = change.product
        if made.source not in now.pictures or not allowed(now):
            raise Outdated(f"{product} was changed meanwhile; load it again. Your work on it is not saved.")
        others = tuple(one for one in now.prepared if one.kind != made.kind)
        change.product = msgspec.structs.replace(now, prepared=(*others, made))


def rgba(pixels: NDArray[np.uint8]) -> Rgba:
    """(H, W, 4) of a stored picture, grey or not."""
    return pixels if pixels.ndim == 3 else np.dstack([pixels] * 3 + [np.full_like(pixels, 255)])


def work_picture(pixels: NDArray[np.uint8]) -> Rgba:
    """A product's picture (H, W) or (H, W, 4) at the size that is prepared, RGBA."""
    full = rgba(pixels)
    scale = WORK_SIDE / max(full.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(full)
    size = max(1, round(full.shape[1] * scale)), max(1, round(full.shape[0] * scale))
    return np.asarray(cv2.resize(full, size, interpolation=cv2.INTER_AREA), np.uint8)
