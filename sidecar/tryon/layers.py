"""What is worn: a product of the catalogue in a size and colour, or a picture that the client sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..catalog import samples
from ..errors import NotFound
from . import glasses, silhouette, top
from .arrays import Rgba
from .glasses import PreparedGlasses
from .results import REASONS, Reason
from .top import PreparedTop

Kind = Literal["glasses", "top"]

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class UnknownProduct(Exception):
    """No product of that name is in the catalogue."""


class BadLayer(Exception):
    """The layer asks for something that no product or kind can be."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One thing to wear, ready to be drawn, or the reason why it cannot be (`asset` is None then)."""

    kind: Kind
    asset: PreparedGlasses | PreparedTop | None
    size: str | None = None
    reason: Reason | None = None


def resolve(
    *,
    product: str | None = None,
    size: str | None = None,
    colour: str | None = None,
    image: Rgba | None = None,
    kind: str | None = None,
) -> Layer:
    """The layer of a product, or of a picture (H, W, 4) and its kind. Raises `UnknownProduct`, `BadLayer`."""
    if product is not None and image is None:
        return from_product(product, size=size, colour=colour)
    if product is None and image is not None and kind is not None:
        return from_picture(image, kind)
    raise BadLayer("A layer names a product, or holds an image and its kind.")


def from_product(product: str, *, size: str | None = None, colour: str | None = None) -> Layer:
    """A product in a size of its chart and one of its colours, or a colour `#rrggbb`.

    A size that the product does not come in gives a layer with the reason `bad_size`.
    Raises `UnknownProduct`, `BadLayer`.
    """
    try:
        record = samples.record(product)
    except NotFound as error:
        raise UnknownProduct(str(error)) from error
    rgb = _colour(record, colour)
    kind: Kind = "glasses" if isinstance(record, samples.GlassesRecord) else "top"
    chosen = record.base_size if size is None else size.strip().upper()
    if chosen not in record.size_chart:
        return Layer(kind, None, size, REASONS["bad_size"])
    if isinstance(record, samples.GlassesRecord):
        return Layer(kind, glasses.prepare(samples.glasses_asset(record, size=chosen, rgb=rgb)), chosen)
    return Layer(kind, top.prepare(samples.top_asset(record, size=chosen, rgb=rgb)), chosen)


def _colour(record: samples.Record, colour: str | None) -> tuple[int, int, int] | None:
    """The colour to paint with, None for the product's own. Raises `BadLayer`."""
    if colour is None or colour == record.colours[0].id:
        return None
    for known in record.colours:
        if colour == known.id:
            return known.rgb
    if _HEX.fullmatch(colour):
        return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
    names = ", ".join(known.id for known in record.colours)
    raise BadLayer(f"The product comes in {names}; name one of these or give #rrggbb.")


def from_picture(image: Rgba, kind: str) -> Layer:
    """A client's own picture (H, W, 4), cut out or on a plain background, seen from the front.

    A picture whose outline is not that of its kind gives a layer with the reason `no_assets`. Raises `BadLayer`.
    """
    if kind == "glasses":
        pair = silhouette.glasses(image)
        return Layer("glasses", glasses.prepare(pair)) if pair else Layer("glasses", None, None, REASONS["no_assets"])
    if kind == "top":
        garment = silhouette.top(image)
        return Layer("top", top.prepare(garment)) if garment else Layer("top", None, None, REASONS["no_assets"])
    raise BadLayer("The kind of a layer is glasses or top.")
