"""Cells of a shop's file as parts of a record: one reader a field; what is unclear says why."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from . import quantities
from .columns import Assigned
from .kinds import kind_of, zone_of
from .quantities import Unclear

Change = tuple[tuple[str, ...], Any]
"""Where in the record, and what; None takes it away."""

_CJK = re.compile(r"[\u3400-\u9fff]")
_LIST = re.compile(r"[|;,\n，；]")
_PARTS = re.compile(r"[;\n；]")
_COLOURS = {
    "红": "red", "黑": "black", "白": "white", "蓝": "blue", "绿": "green", "黄": "yellow", "灰": "grey", "粉": "pink",
    "紫": "purple", "橙": "orange", "棕": "brown", "咖啡": "coffee", "米": "cream", "米白": "cream", "卡其": "khaki",
    "藏青": "navy", "酒红": "wine", "天蓝": "sky", "银": "silver", "金": "gold",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Defaults:
    """What to take where a file does not say: a currency of ISO 4217, a unit of length, a kind of product."""

    currency: str | None = None
    unit: str | None = None
    kind: str | None = None


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing."""
    return isinstance(value, str) and not value.strip()


def text(value: Any) -> str:
    """A cell as text. Raises `Unclear` for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unclear("a text or number is wanted here")
    return unicodedata.normalize("NFC", str(value).replace("\r\n", "\n")).strip()


class Money:
    """Currency and units of the row, which one cell tells of another."""

    def __init__(self, values: Mapping[str, Any], assigned: Sequence[Assigned], defaults: Defaults) -> None:
        column = next((one.column for one in assigned if one.field == "currency"), None)
        self._written = text(values.get(column)) if column is not None else ""
        self._defaults = defaults

    def currency(self, one: Assigned) -> str | None:
        """Of a price in this column: as written beside it, in the column's name, or the default. Raises `Unclear`."""
        if self._written:
            return quantities.currency(self._written)
        return quantities.currency(one.unit) if one.unit else self._defaults.currency

    def unit(self, one: Assigned, *, otherwise: str | None = None) -> str | None:
        """Of a length in this column."""
        return one.unit or self._defaults.unit or otherwise


def read(value: Any, one: Assigned, money: Money) -> list[Change]:
    """What a cell changes in the record. Raises `Unclear`, or another `ValueError`."""
    if value is None:
        return [(place(one.field), None)]
    return _READERS.get(one.field, _other)(value, one, money)


def place(field: str) -> tuple[str, ...]:
    """Where in the record a field lies."""
    name, _sep, rest = field.partition(".")
    if name == "size":
        return ("size_chart", "sizes", *rest.split("."))
    if name == "attribute":
        return ("attributes", rest)
    outer = {"goes_with": "rules", "not_with": "rules", "care": "rules", "care_zh": "rules", "care_en": "rules"}
    outer |= {"width": "real_size", "height": "real_size", "depth": "real_size"}
    if field in outer:
        return (outer[field], field)
    if field in ("title_zh", "title_en", "description_zh", "description_en"):
        return tuple(field.split("_"))
    return {"price_minor": ("price",), "rating_count": ("rating", "count"), "base_size": ("size_chart", "base")}.get(
        field, (field,)
    )


def _names(value: Any) -> list[str]:
    """A list, or a text that separates with `|`, `;`, `,` or lines."""
    if isinstance(value, list):
        return [text(held) for held in value]
    return [part.strip() for part in _LIST.split(text(value)) if part.strip()]


def _language(text: str) -> str:
    return "zh" if _CJK.search(text) else "en"


def _plain(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [((one.field,), text(value))]


def _kind(value: Any, one: Assigned, _: Money) -> list[Change]:
    kind = kind_of(text(value))
    if kind is None:
        raise Unclear(f"{text(value)[:60]!r} is not a kind that is known; write one of docs/catalog.md, such as other")
    return [(("kind",), kind)]


def _translated(value: Any, one: Assigned, _: Money) -> list[Change]:
    name, _sep, language = one.field.partition("_")
    written = text(value)
    return [((name, language or _language(written)), written)]


def _price(value: Any, one: Assigned, money: Money) -> list[Change]:
    return [(("price",), msgspec.to_builtins(quantities.price(text(value), currency=money.currency(one))))]


def _price_minor(value: Any, one: Assigned, money: Money) -> list[Change]:
    minor = quantities.number(text(value))
    currency = money.currency(one)
    if currency is None or minor != minor.to_integral_value():
        raise Unclear("whole minor units and a currency are needed")
    return [(("price",), {"minor": int(minor), "currency": currency})]


def _stock(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [(("stock",), quantities.stock(text(value)))]


def _rating(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [(("rating", "mean"), quantities.rating(text(value)).mean)]


def _rating_count(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [(("rating", "count"), quantities.stock(text(value)))]


def _length_m(value: Any, one: Assigned, money: Money) -> list[Change]:
    metres = round(quantities.length_cm(text(value), unit=money.unit(one)) / 100, 6)
    return [(("real_size", one.field), metres)]


def _size(value: Any, one: Assigned, money: Money) -> list[Change]:
    _prefix, size, zone = one.field.split(".")
    cm = quantities.length_cm(text(value), unit=money.unit(one, otherwise="cm"))
    return [(("size_chart", "sizes", size, zone), cm)]


def _size_chart(value: Any, one: Assigned, money: Money) -> list[Change]:
    """`S: chest 92, length 66; M: ...`, or an object `{size: {zone: cm}}`, or our own `{base, sizes}`."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict):
        return [(("size_chart",), _chart_of_object(value, money.unit(one, otherwise="cm")))]
    chart: dict[str, dict[str, float]] = {}
    for part in filter(str.strip, _PARTS.split(text(value))):
        size, colon, zones = part.replace("：", ":").partition(":")
        if not colon:
            raise Unclear(f"{part.strip()[:40]!r} is no size; write S: chest 92, length 66; M: ...")
        held = chart.setdefault(size.strip(), {})
        for zone in filter(str.strip, re.split(r"[,，、]", zones)):
            name, written = _zone(zone)
            held[name] = quantities.length_cm(written, unit=money.unit(one, otherwise="cm"))
    return [(("size_chart",), {"sizes": chart})]


def _zone(text: str) -> tuple[str, str]:
    found = re.match(r"^\s*([^0-9]+?)\s*[:=]?\s*([0-9].*)$", text)
    name = zone_of(found[1]) if found else None
    if not found or name is None:
        raise Unclear(f"{text.strip()[:40]!r} is no zone with a length, such as chest 92 or 胸围 92")
    return name, found[2]


def _chart_of_object(value: dict[str, Any], unit: str | None) -> dict[str, Any]:
    base, sizes = (value.get("base"), value["sizes"]) if "sizes" in value else (None, value)
    if not isinstance(sizes, dict) or not all(isinstance(zones, dict) for zones in sizes.values()):
        raise Unclear("a size chart is an object of sizes, each an object of zones")
    chart: dict[str, dict[str, float]] = {}
    for size, zones in sizes.items():
        for zone, length in zones.items():
            known = zone_of(zone)
            if known is None:
                raise Unclear(f"{zone[:40]!r} is not a zone that is known")
            chart.setdefault(size, {})[known] = quantities.length_cm(text(length), unit=unit)
    return {"sizes": chart} if base is None else {"base": base, "sizes": chart}


def _base_size(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [(("size_chart", "base"), text(value))]


def _colours(value: Any, one: Assigned, _: Money) -> list[Change]:
    """`red: #c03030; navy`, names alone, or a list of our own colours."""
    if isinstance(value, list) and all(isinstance(held, dict) for held in value):
        return [(("colours",), value)]
    return [(("colours",), [_colour(name) for name in _names(value)])]


def _colour(written: str) -> dict[str, Any]:
    name, _sep, tone = (part.strip() for part in written.replace("：", ":").partition(":"))
    colour: dict[str, Any] = {"id": _slug(name), "title": {_language(name): name}}
    if tone:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", tone):
            raise Unclear(f"{tone[:40]!r} is no colour; write #rrggbb")
        colour["rgb"] = [int(tone[at : at + 2], 16) for at in (1, 3, 5)]
    return colour


def _slug(name: str) -> str:
    """A colour's id: its English name where that is one, else made from the name, the same each time."""
    known = _COLOURS.get(name.removesuffix("色"))
    slug = known or re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
    return slug[:64] if slug and (known or name.isascii()) else f"c-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _pictures(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [(("pictures",), list(dict.fromkeys(_names(value))))]


def _views(value: Any, one: Assigned, _: Money) -> list[Change]:
    """`0: front.png; 90: left.png`, or a list of `{yaw_deg, picture}`."""
    if isinstance(value, list):
        return [(("views",), value)]
    views = []
    for part in filter(str.strip, _PARTS.split(text(value))):
        yaw, colon, picture = part.partition(":")
        if not colon:
            raise Unclear(f"{part.strip()[:40]!r} is no view; write 0: front.png; 90: left.png")
        views.append({"yaw_deg": float(quantities.number(yaw)), "picture": picture.strip()})
    return [(("views",), views)]


def _care(value: Any, one: Assigned, _: Money) -> list[Change]:
    """One instruction a line; or a list of `{zh, en}`. Columns of both languages go together line by line."""
    if isinstance(value, list) and all(isinstance(held, dict) for held in value):
        return [(("rules", "care"), value)]
    lines = [line.strip() for line in (_names(value) if isinstance(value, list) else text(value).split("\n"))]
    lines = [line for line in lines if line]
    language = one.field.partition("_")[2] or _language("".join(lines))
    return [(("rules", f"care_{language}"), lines)]


def _targets(value: Any, one: Assigned, _: Money) -> list[Change]:
    return [(("rules", one.field), list(dict.fromkeys(_target(name) for name in _names(value))))]


def _target(name: str) -> str:
    """`kind:top` and 上衣 alike mean all tops; anything else is an id or `attribute=value`."""
    kind = kind_of(name.removeprefix("kind:")) if "=" not in name else None
    return f"kind:{kind}" if kind is not None else name


def _attributes(value: Any, one: Assigned, _: Money) -> list[Change]:
    """An object, or `material=wool; season=winter`."""
    if isinstance(value, dict):
        return [(("attributes", name), held) for name, held in value.items()]
    pairs = [part.partition("=") for part in _PARTS.split(text(value)) if part.strip()]
    if not all(middle for _name, middle, _held in pairs):
        raise Unclear("attributes are written as material=wool; season=winter")
    return [(("attributes", name.strip().lower()), held.strip()) for name, _middle, held in pairs]


def _other(value: Any, one: Assigned, money: Money) -> list[Change]:
    if one.field.startswith("size."):
        return _size(value, one, money)
    name = one.field.removeprefix("attribute.")
    held = value if isinstance(value, (bool, int, float, list)) else text(value)
    return [(("attributes", name), held)]


Reader = Callable[[Any, Assigned, Money], list[Change]]


def _nothing(value: Any, one: Assigned, _: Money) -> list[Change]:
    return []  # the price reads it


_READERS: Mapping[str, Reader] = {
    "id": _plain,
    "brand": _plain,
    "glb": _plain,
    "kind": _kind,
    "currency": _nothing,
    "price": _price,
    "price_minor": _price_minor,
    "stock": _stock,
    "rating": _rating,
    "rating_count": _rating_count,
    "size_chart": _size_chart,
    "base_size": _base_size,
    "colours": _colours,
    "pictures": _pictures,
    "views": _views,
    "attributes": _attributes,
    **dict.fromkeys(("title", "title_zh", "title_en", "description", "description_zh", "description_en"), _translated),
    **dict.fromkeys(("width", "height", "depth"), _length_m),
    **dict.fromkeys(("care", "care_zh", "care_en"), _care),
    **dict.fromkeys(("goes_with", "not_with"), _targets),
}
