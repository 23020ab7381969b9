"""What the catalogue keeps of a product: frozen records, checked as they are made.

Money is whole minor units (fen, cents), sizes of products are centimetres, real sizes metres, angles degrees.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .kinds import KINDS, ZONES
from .landmarks import LAYOUTS
from .units import EXPONENTS

MAX_PICTURES = 24
MAX_VIEWS = 72
MAX_COUNT = 10**9

ProductId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=24)]
Short = Annotated[str, Meta(max_length=200)]
Long = Annotated[str, Meta(max_length=8000)]
FileName = Annotated[str, Meta(min_length=1, max_length=255)]
"""A file: inside a catalogue the name that the store gave it, in a file to import a path below its folder."""
Centimetres = Annotated[float, Meta(gt=0, le=1000)]
Metres = Annotated[float, Meta(gt=0, le=100)]
Channel = Annotated[int, Meta(ge=0, le=255)]
Share = Annotated[float, Meta(ge=0, le=1)]
Pixel = Annotated[float, Meta(ge=-1, le=8192)]
Value = (
    Annotated[str, Meta(max_length=1000)]
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | float
    | bool
    | Annotated[tuple[Short, ...], Meta(max_length=40)]
)
Target = Annotated[
    str, Meta(pattern=r"^(kind:[a-z]{1,32}|[a-z][a-z0-9_]{0,39}=[^\x00-\x1f]{1,200}|[A-Za-z0-9][A-Za-z0-9._-]{0,63})\Z")
]

_CONTROL = re.compile(r"(?<!\\)(?:\\\\)*\\[bfru]")
_NOT_SHOWN = "a text holds characters that cannot be shown"


class Text(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A short text in both languages; one may be empty."""

    zh: Short = ""
    en: Short = ""


class LongText(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A text of some paragraphs in both languages; one may be empty."""

    zh: Long = ""
    en: Long = ""


class Colour(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A colour that the product comes in; `rgb` sRGB of its base, where it is known."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z")]
    title: Text = Text()
    rgb: tuple[Channel, Channel, Channel] | None = None


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in minor units of a currency of ISO 4217."""

    minor: Annotated[int, Meta(ge=0, le=10**13)]
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise ValueError("the currency is not a code of ISO 4217")


class Rating(Struct, frozen=True, forbid_unknown_fields=True):
    """The mean of `count` ratings, 0 to 5; `count` 0 where it is not known."""

    mean: Annotated[float, Meta(ge=0, le=5)]
    count: Annotated[int, Meta(ge=0, le=MAX_COUNT)] = 0


class SizeChart(Struct, frozen=True, forbid_unknown_fields=True):
    """Centimetres of the product by size and zone. `base` is the size that the pictures show."""

    base: Label
    sizes: Annotated[dict[Label, dict[Name, Centimetres]], Meta(min_length=1, max_length=40)]

    def __post_init__(self) -> None:
        if self.base not in self.sizes:
            raise ValueError("the base size is not in the chart")
        for size, zones in self.sizes.items():
            unknown = zones.keys() - ZONES.keys()
            if unknown or not zones:
                raise ValueError(f"size {size} has no zones" if not zones else f"{sorted(unknown)[0]} is no zone")


class RealSize(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How large it is, in metres; None where it is not known."""

    width: Metres | None = None
    height: Metres | None = None
    depth: Metres | None = None

    def __post_init__(self) -> None:
        if self.width is self.height is self.depth is None:
            raise ValueError("a width, height or depth is needed")


class View(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of the product turned by `yaw_deg` about the vertical, 0 from the front, to the left positive."""

    yaw_deg: Annotated[float, Meta(ge=-180, lt=360)]
    picture: FileName


class Prepared(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What try-on needs of a product as one kind of asset.

    `source` is the product's picture that it was made from; `picture` that picture cut out (RGBA); `parts` its part
    map, one byte a pixel; `landmarks` pixels of `picture`; `side` a picture from the side (the temple of glasses);
    `confidence` of the `method`, 1 where a person looked (`reviewed`).
    """

    kind: str
    source: FileName
    picture: FileName
    parts: FileName
    landmarks: Annotated[dict[Name, tuple[Pixel, Pixel]], Meta(max_length=200)]
    method: Annotated[str, Meta(min_length=1, max_length=64)]
    confidence: Share
    reviewed: bool = False
    side: FileName | None = None

    def __post_init__(self) -> None:
        layout = LAYOUTS.get(self.kind)
        if layout is None:
            raise ValueError(f"{self.kind[:40]} is not a kind that can be prepared")
        wrong = layout.missing(self.landmarks)
        if wrong:
            raise ValueError(f"the landmark {wrong[0]} is missing or not one of {self.kind}")


class Rules(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to care for it, and what it goes with: a product's id, `kind:KIND`, or `NAME=VALUE` of an attribute."""

    care: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()
    goes_with: Annotated[tuple[Target, ...], Meta(max_length=100)] = ()
    not_with: Annotated[tuple[Target, ...], Meta(max_length=100)] = ()

    def __post_init__(self) -> None:
        for target in (*self.goes_with, *self.not_with):
            if target.startswith("kind:") and target[5:] not in KINDS:
                raise ValueError(f"{target[:60]} is not a kind")


class Product(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One product. `stock` None where it is not known."""

    id: ProductId
    kind: str
    title: Text
    brand: Short = ""
    description: LongText = LongText()
    attributes: Annotated[dict[Name, Value], Meta(max_length=64)] = {}
    colours: Annotated[tuple[Colour, ...], Meta(max_length=64)] = ()
    price: Price | None = None
    stock: Annotated[int, Meta(ge=0, le=MAX_COUNT)] | None = None
    rating: Rating | None = None
    size_chart: SizeChart | None = None
    real_size: RealSize | None = None
    pictures: Annotated[tuple[FileName, ...], Meta(max_length=MAX_PICTURES)] = ()
    views: Annotated[tuple[View, ...], Meta(max_length=MAX_VIEWS)] = ()
    glb: FileName | None = None
    prepared: Annotated[tuple[Prepared, ...], Meta(max_length=4)] = ()
    rules: Rules = Rules()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind[:40]} is not a kind; kinds are {', '.join(KINDS)}")
        if not (self.title.zh or self.title.en):
            raise ValueError("a title in zh or en is needed")
        _check_names(self)
        _check_texts(self)


def _check_names(product: Product) -> None:
    """What stands in a list once stands there once."""
    lists: dict[str, list[Any]] = {
        "colours": [colour.id for colour in product.colours],
        "pictures": list(product.pictures),
        "views": [view.yaw_deg % 360 for view in product.views],
        "prepared": [prepared.kind for prepared in product.prepared],
        "rules": [f"with {target}" for target in product.rules.goes_with]
        + [f"not {target}" for target in product.rules.not_with],
    }
    for name, values in lists.items():
        if len(set(values)) != len(values):
            raise ValueError(f"{name} names something twice")


def _check_texts(product: Product) -> None:
    """No control characters, lone surrogates or numbers without a value: they break terminals, pages and JSON."""
    if not all(math.isfinite(value) for value in product.attributes.values() if isinstance(value, float)):
        raise ValueError("a number is not finite")
    try:
        written = msgspec.json.encode(product).decode()
    except UnicodeEncodeError as error:
        raise ValueError(_NOT_SHOWN) from error
    # JSON writes a line's end and a tab as two letters, and other control characters as \b, \f, \r, \u....
    if _CONTROL.search(written) or not (written.isprintable() or all(map(_allowed, written))):
        raise ValueError(_NOT_SHOWN)


def _allowed(letter: str) -> bool:
    # Joiners and variation selectors are not printable by themselves, and part of emoji and of many scripts.
    return letter.isprintable() or letter in "\u200b\u200c\u200d\u3000\u00a0\ufeff"


Language = Literal["zh", "en"]


def title(product: Product, language: Language) -> str:
    """The title in a language, in the other one where that is all there is."""
    first, second = (product.title.zh, product.title.en) if language == "zh" else (product.title.en, product.title.zh)
    return first or second
