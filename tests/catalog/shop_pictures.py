"""A shop's photos for tests: the sample products on plain backgrounds, and one in which no outline can be told."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sidecar.catalog import samples
from sidecar.catalog.store import Catalog


def on_ground(name: str, ground: tuple[int, int, int], *, margin: int = 60) -> np.ndarray:
    """(H, W, 3): a sample picture on a plain colour."""
    pixels = samples.picture(name)
    alpha = pixels[..., 3:] / 255.0
    flat = np.rint(pixels[..., :3] * alpha + np.array(ground) * (1 - alpha)).astype(np.uint8)
    wide = np.empty((flat.shape[0] + 2 * margin, flat.shape[1] + 2 * margin, 3), np.uint8)
    wide[:] = ground
    wide[margin:-margin, margin:-margin] = flat
    return wide


def photo_folder(folder: Path) -> list[dict[str, Any]]:
    """Writes the photos; the records that name them."""
    folder.mkdir(parents=True)
    for file, name, ground in (
        ("tee.jpg", "sample-top-1.png", (250, 250, 250)),
        ("sweatshirt.jpg", "sample-top-2.png", (226, 228, 232)),
        ("round.png", "sample-glasses-1.png", (255, 255, 255)),
    ):
        Image.fromarray(on_ground(name, ground)).save(folder / file, quality=92)
    portrait = (resources.files("sidecar.catalog") / "portrait" / "astronaut.png").read_bytes()
    (folder / "worn.png").write_bytes(portrait)
    rows = (
        ("tee", "T恤", "条纹T恤", "Striped tee", "tee.jpg"),
        ("sweatshirt", "hoodie", "日出卫衣", "Sunrise sweatshirt", "sweatshirt.jpg"),
        ("round", "眼镜", "圆框眼镜", "Round glasses", "round.png"),
        ("worn", "jacket", "航天服", "Flight suit, worn", "worn.png"),
    )
    return [
        {"id": name, "category": kind, "title_zh": zh, "title_en": en, "image": picture, "brand": "Northlight"}
        for name, kind, zh, en, picture in rows
    ]


def filled(path: Path, folder: Path) -> Catalog:
    """A catalogue with these photos imported and prepared."""
    from catalog.shopfiles import jsonl_file

    from sidecar.catalog import importing
    from sidecar.catalog.outline import OutlinePreparer
    from sidecar.catalog.preparing import prepare
    from sidecar.catalog.sources import look
    from sidecar.tryon import silhouette

    source = jsonl_file(path.with_suffix(".jsonl"), photo_folder(folder))
    catalog = Catalog(path, create=True)
    importing.run(catalog, importing.plan(look(source), {}, pictures=folder))
    preparers = [OutlinePreparer(top=silhouette.top, glasses=silhouette.glasses)]
    list(prepare(catalog, catalog.ids(), preparers))
    return catalog
