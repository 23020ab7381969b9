"""The sample products that ship with the project, and how their pictures become assets."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ..errors import NotFound
from .assets import Ease, GlassesAsset, Picture, Place, TopAsset, TopLandmarks

Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Channel = Annotated[int, Meta(ge=0, le=255)]
Centimetres = Annotated[float, Meta(gt=0, le=300)]
FileName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}\.png$")]


class Title(Struct, frozen=True, forbid_unknown_fields=True):
    """A name in both languages."""

    zh: str
    en: str


class Colour(Struct, frozen=True, forbid_unknown_fields=True):
    """One colour of a product: its base fabric or frame as sRGB."""

    id: Identifier
    title: Title
    rgb: tuple[Channel, Channel, Channel]


class GlassesRecord(Struct, frozen=True, tag="glasses", tag_field="kind", forbid_unknown_fields=True):
    """A pair of glasses. `size_chart` millimetres of `width_mm`, `lens_mm`, `bridge_mm`, `temple_mm` by size."""

    id: Identifier
    title: Title
    picture: FileName
    temple: FileName
    colours: tuple[Colour, ...]
    base_size: str
    size_chart: dict[str, dict[str, Annotated[float, Meta(gt=0, le=300)]]]
    bridge: Place
    lens_left: Place
    lens_right: Place
    hinge_left: Place
    hinge_right: Place


class TopRecord(Struct, frozen=True, tag="top", tag_field="kind", forbid_unknown_fields=True):
    """A top. `size_chart` centimetres of the garment by zone (`chest` and `hem` all around) and size."""

    id: Identifier
    title: Title
    picture: FileName
    parts: FileName
    colours: tuple[Colour, ...]
    base_size: str
    size_chart: dict[str, dict[str, Centimetres]]
    landmarks: TopLandmarks


Record = GlassesRecord | TopRecord

_REQUIRED_ZONES = {"glasses": {"width_mm"}, "top": {"chest", "length", "sleeve"}}


@lru_cache(maxsize=1)
def records() -> dict[str, Record]:
    """All sample products by id, checked. Raises `msgspec.ValidationError` or `ValueError` on a broken catalogue."""
    source = resources.files(__package__) / "products.json"
    found = msgspec.json.decode(source.read_bytes(), type=tuple[Record, ...])
    for record in found:
        check(record)
    return {record.id: record for record in found}


def check(record: Record) -> None:
    """Raises `ValueError` where a record lacks its base size, a colour, or a zone of its chart."""
    kind = "glasses" if isinstance(record, GlassesRecord) else "top"
    if record.base_size not in record.size_chart or not record.colours:
        raise ValueError(f"{record.id}: the base size and a colour are needed")
    for size, zones in record.size_chart.items():
        missing = _REQUIRED_ZONES[kind] - zones.keys()
        if missing:
            raise ValueError(f"{record.id}: size {size} lacks {sorted(missing)}")


def record(product: str) -> Record:
    """The record of a product. Raises `NotFound`."""
    found = records().get(product)
    if found is None:
        raise NotFound("No product of that name is in the catalogue; ask shop.search for the names.")
    return found


@lru_cache(maxsize=16)
def picture(name: str) -> Picture:
    """A picture of the catalogue, (H, W, 3 or 4) RGB(A), read-only. Raises `ValueError` when it cannot be decoded."""
    data = (resources.files(__package__) / "pictures" / name).read_bytes()
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3:
        raise ValueError(f"{name} is not a colour picture")
    code = cv2.COLOR_BGRA2RGBA if decoded.shape[2] == 4 else cv2.COLOR_BGR2RGB
    pixels: Picture = cv2.cvtColor(decoded, code)  # type: ignore[assignment]
    pixels.setflags(write=False)
    return pixels


def glasses_asset(found: GlassesRecord, *, size: str, rgb: tuple[int, int, int] | None) -> GlassesAsset:
    """Glasses of one size of the chart, recoloured where `rgb` is given (the lenses keep their tint)."""
    front = picture(found.picture)
    temple = picture(found.temple)
    if rgb is not None:
        solid = (front[..., 3] >= 250).astype(np.float32)
        front = recolour(front, solid, _typical(front, solid), rgb)
        whole = (temple[..., 3] > 0).astype(np.float32)
        temple = recolour(temple, whole, _typical(temple, whole), rgb)
    width_mm = found.size_chart[size]["width_mm"]
    places = (found.bridge, found.lens_left, found.lens_right, found.hinge_left, found.hinge_right)
    return GlassesAsset(front, temple, width_mm, *places)


def top_asset(found: TopRecord, *, size: str, rgb: tuple[int, int, int] | None) -> TopAsset:
    """A top of one size of the chart, its base fabric recoloured where `rgb` is given (prints stay)."""
    pixels, parts = picture(found.picture), picture(found.parts)
    if rgb is not None:
        fabric = np.asarray(parts[..., 1] / np.maximum(parts[..., 2], 1), np.float32)
        pixels = recolour(pixels, fabric, found.colours[0].rgb, rgb)
    base, chosen = found.size_chart[found.base_size], found.size_chart[size]
    ease = Ease(*(chosen[zone] / base[zone] for zone in ("chest", "length", "sleeve")))
    return TopAsset(pixels, np.ascontiguousarray(parts[..., 0]), found.landmarks, ease)


def recolour(
    pixels: Picture, cover: NDArray[np.float32], base: tuple[int, int, int], rgb: tuple[int, int, int]
) -> Picture:
    """The RGBA picture with `base` turned to `rgb` where `cover` (0..1) says so; folds keep their brightness."""
    shade = pixels[..., :3].astype(np.float32) / np.maximum(np.array(base, np.float32), 12)
    tinted = np.clip(shade, 0, 3) * np.array(rgb, np.float32)
    # A dark frame's highlights are light added, not fabric: keep a little of what a pure product would lose.
    lifted = np.clip(shade.max(axis=2, keepdims=True) - 1, 0, 2) * 10
    weight = np.clip(cover, 0, 1)[..., None]
    mixed = np.clip(tinted + lifted, 0, 255) * weight + pixels[..., :3] * (1 - weight)
    return np.dstack([np.rint(mixed).astype(np.uint8), pixels[..., 3]])


def _typical(pixels: Picture, cover: NDArray[np.float32]) -> tuple[int, int, int]:
    red, green, blue = np.median(pixels[..., :3][cover > 0.5], axis=0)
    return int(red), int(green), int(blue)


Kind = Literal["glasses", "top"]
