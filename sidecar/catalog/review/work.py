"""What the review page shows and saves, without HTTP: the queue of products, one product to correct, its pictures."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Any

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from sqlalchemy import and_, exists, func, select

from .. import picture_files
from ..assets import SLEEVE_LEFT, SLEEVE_RIGHT, TORSO
from ..errors import CatalogError, Outdated
from ..kinds import KINDS
from ..landmarks import LAYOUTS, LENS, Layout
from ..picture_files import BadPicture
from ..preparing import rgba, save, work_picture
from ..records import Name, Pixel, Prepared, Product
from ..schema import pictures, prepared, products
from ..store import Catalog

METHOD = "hand"
QUEUE = 500
"""So many products are listed at once; what is reviewed makes room for the next."""
_SHARED_STRIP = 0.02  # of the width: torso and sleeves overlap at the armhole, or a gap opens when an arm is raised
_CLEAR_ALPHA = 64

Mask = NDArray[np.uint8]
Rgba = NDArray[np.uint8]


class Correction(Struct, frozen=True, forbid_unknown_fields=True):
    """What the page sends: `revision` of what it began with, places in pixels, the part map as a PNG in base64."""

    revision: Annotated[str, Meta(max_length=64)]
    landmarks: Annotated[dict[Name, tuple[Pixel, Pixel]], Meta(max_length=200)]
    parts: Annotated[str, Meta(max_length=3 * 2**20)]


class Review:
    """The work of one page on one catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def queue(self) -> dict[str, Any]:
        """What can be worn and has a picture: what nobody reviewed first, the least certain on top; `items` are the
        first of `total`."""
        made = and_(prepared.c.product == products.c.id, prepared.c.kind.in_(LAYOUTS))
        joined = products.outerjoin(prepared, made)
        worn = products.c.kind.in_(_WORN) & exists().where(pictures.c.product == products.c.id)
        reviewed, certain = func.coalesce(prepared.c.reviewed, 0), func.coalesce(prepared.c.confidence, 0.0)
        shown = [products.c.id, products.c.kind, products.c.title_zh, products.c.title_en]
        rows = select(*shown, prepared.c.method, reviewed.label("reviewed"), certain.label("confidence"))
        rows = rows.select_from(joined).where(worn).order_by(reviewed, certain, products.c.id).limit(QUEUE)
        with self._catalog.reading() as connection:
            items = [_queued(dict(row)) for row in connection.execute(rows).mappings()]
            counts = select(func.count(), func.sum(reviewed)).select_from(joined).where(worn)
            total, done = connection.execute(counts).one()
        return {"items": items, "total": total, "reviewed": done or 0}

    def item(self, name: str) -> dict[str, Any]:
        """One product to correct. Raises `NotFound`, `CatalogError`."""
        product, layout = self._product(name)
        made = _prepared(product)
        height, width = self._picture(product).shape[:2]
        places = made.landmarks if made else {
            name: (round(x * width, 1), round(y * height, 1)) for name, (x, y) in layout.template.items()
        }
        return {
            **_row(product),
            "brand": product.brand,
            "asset": KINDS[product.kind].asset,
            "method": made.method if made else "",
            "revision": _revision(product),
            "width": width,
            "height": height,
            "landmarks": places,
            "has_source": self._source(product).shape[:2] == (height, width),
            **_layout(layout, width, height),
        }

    def picture(self, name: str) -> bytes:
        """PNG of the product cut out, or as it is where nobody prepared it. Raises `NotFound`, `CatalogError`."""
        product, _ = self._product(name)
        return picture_files.png(self._picture(product))

    def source(self, name: str) -> bytes:
        """PNG of the product's picture with its background. Raises `NotFound`, `CatalogError`."""
        product, _ = self._product(name)
        opaque = self._source(product).copy()
        opaque[..., 3] = 255
        return picture_files.png(opaque)

    def parts(self, name: str) -> bytes:
        """Grey PNG of the part map. Raises `NotFound`, `CatalogError`."""
        product, _ = self._product(name)
        return picture_files.png(self._parts(product))

    def correct(self, name: str, correction: Correction) -> dict[str, Any]:
        """Saves a correction as reviewed; the product as it is now. Raises `Outdated`, `NotFound`, `CatalogError`."""
        product, layout = self._product(name)
        if correction.revision != _revision(product):
            raise Outdated("The product was changed meanwhile. Load it again; your work on it is not saved.")
        picture, before = self._picture(product), self._parts(product)
        after = _decoded(correction.parts, layout, before.shape)
        wrong = layout.missing(correction.landmarks)
        if wrong:
            raise CatalogError(f"The place {wrong[0]} is missing or unknown.")
        made = _prepared(product)
        if not np.array_equal(before, after):
            top = KINDS[product.kind].asset == "top"
            picture = _recut(picture, before, after, prepared=made is not None, clear=0 if top else LENS)
            after = _shared(after) if top else after
        kept = Prepared(
            kind=KINDS[product.kind].asset,
            source=made.source if made else product.pictures[0],
            picture=self._catalog.files.add_pixels(picture),
            parts=self._catalog.files.add_pixels(after),
            side=made.side if made else None,
            landmarks=correction.landmarks,
            method=made.method if made else METHOD,
            confidence=1.0,
            reviewed=True,
        )
        save(self._catalog, product.id, kept, allowed=lambda now: _revision(now) == correction.revision)
        return self.item(name)

    def _product(self, name: str) -> tuple[Product, Layout]:
        product = self._catalog.get(name)
        layout = LAYOUTS.get(KINDS[product.kind].asset)
        if layout is None or not product.pictures:
            raise CatalogError("This product has nothing to review: it is not worn, or has no picture.")
        return product, layout

    def _source(self, product: Product) -> Rgba:
        made = _prepared(product)
        return work_picture(self._catalog.files.pixels(made.source if made else product.pictures[0]))

    def _picture(self, product: Product) -> Rgba:
        made = _prepared(product)
        return rgba(self._catalog.files.pixels(made.picture)) if made else self._source(product)

    def _parts(self, product: Product) -> Mask:
        made = _prepared(product)
        return self._catalog.files.pixels(made.parts) if made else np.zeros(self._source(product).shape[:2], np.uint8)


_WORN = [name for name, kind in KINDS.items() if kind.asset in LAYOUTS]


def _prepared(product: Product) -> Prepared | None:
    return next((one for one in product.prepared if one.kind == KINDS[product.kind].asset), None)


def _queued(row: dict[str, Any]) -> dict[str, Any]:
    state = "unprepared" if row["method"] is None else "reviewed" if row["reviewed"] else "prepared"
    title = {"zh": row["title_zh"], "en": row["title_en"]}
    return {"id": row["id"], "kind": row["kind"], "title": title, "state": state, "confidence": row["confidence"]}


def _row(product: Product) -> dict[str, Any]:
    made = _prepared(product)
    return {
        "id": product.id,
        "kind": product.kind,
        "title": {"zh": product.title.zh, "en": product.title.en},
        "state": "unprepared" if made is None else "reviewed" if made.reviewed else "prepared",
        "confidence": made.confidence if made else 0.0,
    }


def _layout(layout: Layout, width: int, height: int) -> dict[str, Any]:
    return {
        "template": {name: (round(x * width, 1), round(y * height, 1)) for name, (x, y) in layout.template.items()},
        "optional": [sorted(group) for group in layout.optional],
        "needs": dict(layout.needs),
        "lines": layout.lines,
        "parts": [
            {"bit": part.bit, "title": {"zh": part.zh, "en": part.en}, "outline": part.outline} for part in layout.parts
        ],
    }


def _revision(product: Product) -> str:
    """Changes when anything that the page shows changes."""
    return hashlib.sha256(msgspec.json.encode([product.pictures[:1], product.prepared])).hexdigest()[:32]


def _decoded(text: str, layout: Layout, shape: tuple[int, ...]) -> Mask:
    try:
        parts = picture_files.grey(base64.b64decode(text, validate=True))
    except (binascii.Error, BadPicture) as error:
        raise CatalogError("The part map that the page sent cannot be read.") from error
    if parts.shape != shape or np.any(parts & ~np.uint8(layout.bits)):
        raise CatalogError("The part map that the page sent does not fit the picture.")
    return parts


def _recut(picture: Rgba, before: Mask, after: Mask, *, prepared: bool, clear: int) -> Rgba:
    """The picture with alpha where a part was painted, and none where one was rubbed out. What nobody touched keeps its
    soft edge. `clear`: parts that are seen through, such as lenses, which are never made opaque."""
    alpha = picture[..., 3].copy()
    solid = (after & ~np.uint8(clear)) > 0
    if prepared:
        alpha[(after == 0) & (before > 0)] = 0
        alpha[solid & (before == 0)] = 255
    else:
        soft = cv2.GaussianBlur(np.where(solid, 255, 0).astype(np.uint8), (3, 3), 0)
        alpha = np.minimum(alpha, np.where(solid | (after == 0), soft, _CLEAR_ALPHA)).astype(np.uint8)
    return np.dstack([picture[..., :3], alpha])


def _shared(parts: Mask) -> Mask:
    """Sleeves reach a little into the torso, so that no gap opens at the armhole."""
    reach = max(1, round(_SHARED_STRIP * parts.shape[1]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    shared = parts.copy()
    for bit in (SLEEVE_LEFT, SLEEVE_RIGHT):
        wide = cv2.dilate((parts & bit > 0).astype(np.uint8), kernel) > 0
        shared[wide & (parts & TORSO > 0)] |= bit
    return shared
