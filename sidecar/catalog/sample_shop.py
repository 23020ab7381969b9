"""The sample products as records of a catalogue, prepared by the hand that drew them."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from typing import Any

import msgspec
import numpy as np

from . import samples
from .landmarks import FRAME, LENS, top_places
from .records import Prepared, Product
from .store import Catalog

METHOD = "drawn"
_CM_OF_MM = {"width_mm": "frame_width", "lens_mm": "lens_width", "bridge_mm": "bridge", "temple_mm": "temple"}
_OPAQUE = 250


def install(catalog: Catalog) -> Counter[str]:
    """Puts the sample products into a catalogue; how many were `added`, `updated`. Raises `CatalogError`."""
    source = resources.files(__package__) / "sample_shop.json"
    shop: dict[str, dict[str, Any]] = msgspec.json.decode(source.read_bytes())
    return catalog.put(*(_product(catalog, found, shop[name]) for name, found in samples.records().items()))


def _product(catalog: Catalog, found: samples.Record, shop: dict[str, Any]) -> Product:
    glasses = isinstance(found, samples.GlassesRecord)
    folder = resources.files(__package__) / "pictures"
    picture = catalog.files.add_picture((folder / found.picture).read_bytes())
    sizes = {
        size: {_CM_OF_MM.get(zone, zone): length / 10 if glasses else length for zone, length in zones.items()}
        for size, zones in found.size_chart.items()
    }
    widths = sizes[found.base_size]
    record = {
        "id": found.id,
        "kind": "glasses" if glasses else "top",
        "title": msgspec.to_builtins(found.title),
        "colours": msgspec.to_builtins(found.colours),
        "size_chart": {"base": found.base_size, "sizes": sizes},
        "real_size": {"width": widths["frame_width"] / 100} if glasses else {"height": widths["length"] / 100},
        "pictures": [picture],
        "prepared": [msgspec.to_builtins(_prepared(catalog, found, picture))],
        **shop,
    }
    return msgspec.convert(record, Product)


def _prepared(catalog: Catalog, found: samples.Record, picture: str) -> Prepared:
    pixels = samples.picture(found.picture)
    if isinstance(found, samples.GlassesRecord):
        temple = resources.files(__package__) / "pictures" / found.temple
        kind, side = "glasses", catalog.files.add_picture(temple.read_bytes())
        names = ("bridge", "lens_left", "lens_right", "hinge_left", "hinge_right")
        places = {name: getattr(found, name) for name in names}
        alpha = pixels[..., 3]
        parts = np.where(alpha >= _OPAQUE, FRAME, np.where(alpha > 0, LENS, 0)).astype(np.uint8)
    else:
        kind, side = "top", None
        places = top_places(found.landmarks)
        parts = np.ascontiguousarray(samples.picture(found.parts)[..., 0])
    return Prepared(
        kind=kind,
        source=picture,
        picture=picture,
        parts=catalog.files.add_pixels(parts),
        side=side,
        landmarks={name: (float(x), float(y)) for name, (x, y) in places.items()},
        method=METHOD,
        confidence=1.0,
        reviewed=True,
    )
