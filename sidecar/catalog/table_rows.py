"""Products as rows of the tables, and back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select

from .errors import CatalogError
from .records import Product, Rules
from .schema import CHILDREN, attributes, colours, pictures, prepared, products, rules, sizes, views

Row = dict[str, Any]
_RELATIONS = ("care", "goes_with", "not_with")


def product_row(product: Product) -> Row:
    """What stands in `products`."""
    price, rating, chart, real = product.price, product.rating, product.size_chart, product.real_size
    return {
        "id": product.id,
        "kind": product.kind,
        "brand": product.brand,
        "title_zh": product.title.zh,
        "title_en": product.title.en,
        "description_zh": product.description.zh,
        "description_en": product.description.en,
        "price_minor": price.minor if price else None,
        "currency": price.currency if price else None,
        "stock": product.stock,
        "rating": rating.mean if rating else None,
        "rating_count": rating.count if rating else None,
        "base_size": chart.base if chart else None,
        "width_m": real.width if real else None,
        "height_m": real.height if real else None,
        "depth_m": real.depth if real else None,
        "glb": product.glb,
    }


def child_rows(product: Product) -> dict[Table, list[Row]]:
    """What stands in the tables of lists, in order."""
    chart = product.size_chart.sizes if product.size_chart else {}
    found: dict[Table, list[Row]] = {
        attributes: [{"name": name, "value": json.dumps(value)} for name, value in product.attributes.items()],
        colours: [
            {"id": one.id, "title_zh": one.title.zh, "title_en": one.title.en, "rgb": _packed(one.rgb)}
            for one in product.colours
        ],
        sizes: [{"size": size, "zone": zone, "cm": cm} for size, zones in chart.items() for zone, cm in zones.items()],
        pictures: [{"file": name} for name in product.pictures],
        views: [{"yaw_deg": view.yaw_deg, "file": view.picture} for view in product.views],
        prepared: [
            {
                **{name: getattr(one, name) for name in ("kind", "source", "picture", "parts", "side", "method")},
                "landmarks": json.dumps(one.landmarks),
                "confidence": one.confidence,
                "reviewed": int(one.reviewed),
            }
            for one in product.prepared
        ],
        rules: _rule_rows(product.rules),
    }
    return {
        table: [{"product": product.id, "position": position, **row} for position, row in enumerate(rows)]
        for table, rows in found.items()
    }


def _rule_rows(held: Rules) -> list[Row]:
    rows = [{"relation": "care", "target": "", "text_zh": text.zh, "text_en": text.en} for text in held.care]
    for relation in _RELATIONS[1:]:
        targets = getattr(held, relation)
        rows += [{"relation": relation, "target": target, "text_zh": "", "text_en": ""} for target in targets]
    return rows


def file_names(product: Product) -> set[str]:
    """Every stored file that a product needs."""
    names = {*product.pictures, *(view.picture for view in product.views)}
    for one in product.prepared:
        names |= {one.source, one.picture, one.parts}
        names |= {one.side} if one.side else set()
    return names | ({product.glb} if product.glb else set())


def load(connection: Connection, ids: Sequence[str]) -> list[Product]:
    """The products of these ids, in this order; unknown ids are left out. Raises `CatalogError` on a damaged record."""
    heads = {row["id"]: row for row in _rows(connection, products, "id", ids)}
    lists: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for table in CHILDREN:
        for row in _rows(connection, table, "product", ids):
            lists[row["product"]][table.name].append(row)
    return [_product(heads[name], lists[name]) for name in ids if name in heads]


def _rows(connection: Connection, table: Table, key: str, ids: Sequence[str]) -> Iterable[Row]:
    chosen = select(table).where(table.c[key].in_(ids))
    if "position" in table.c:
        chosen = chosen.order_by(table.c.position)
    return (dict(row) for row in connection.execute(chosen).mappings())


def _product(head: Row, lists: dict[str, list[Row]]) -> Product:
    try:
        return msgspec.convert(_built(head, lists), Product)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise CatalogError(f"The record of {head['id']} is damaged ({error}); import it again.") from error


def _built(head: Row, lists: dict[str, list[Row]]) -> Row:
    real = {name: head[f"{name}_m"] for name in ("width", "height", "depth") if head[f"{name}_m"] is not None}
    chart: dict[str, dict[str, float]] = {}
    for row in lists["sizes"]:
        chart.setdefault(row["size"], {})[row["zone"]] = row["cm"]
    return {
        **{name: head[name] for name in ("id", "kind", "brand", "stock", "glb")},
        "title": {"zh": head["title_zh"], "en": head["title_en"]},
        "description": {"zh": head["description_zh"], "en": head["description_en"]},
        "price": None if head["currency"] is None else {"minor": head["price_minor"], "currency": head["currency"]},
        "rating": None if head["rating"] is None else {"mean": head["rating"], "count": head["rating_count"] or 0},
        "size_chart": {"base": head["base_size"], "sizes": chart} if chart else None,
        "real_size": real or None,
        "attributes": {row["name"]: json.loads(row["value"]) for row in lists["attributes"]},
        "colours": [
            {"id": row["id"], "title": {"zh": row["title_zh"], "en": row["title_en"]}, "rgb": _unpacked(row["rgb"])}
            for row in lists["colours"]
        ],
        "pictures": [row["file"] for row in lists["pictures"]],
        "views": [{"yaw_deg": row["yaw_deg"], "picture": row["file"]} for row in lists["views"]],
        "prepared": [_prepared(row) for row in lists["prepared"]],
        "rules": _rules(lists["rules"]),
    }


def _prepared(row: Row) -> Row:
    kept = {name: row[name] for name in ("kind", "source", "picture", "parts", "side", "method", "confidence")}
    return {**kept, "landmarks": json.loads(row["landmarks"]), "reviewed": bool(row["reviewed"])}


def _rules(rows: list[Row]) -> Row:
    care = [{"zh": row["text_zh"], "en": row["text_en"]} for row in rows if row["relation"] == "care"]
    targets = {name: [row["target"] for row in rows if row["relation"] == name] for name in _RELATIONS[1:]}
    return {"care": care, **targets}


def _packed(rgb: tuple[int, int, int] | None) -> int | None:
    return None if rgb is None else rgb[0] << 16 | rgb[1] << 8 | rgb[2]


def _unpacked(packed: int | None) -> tuple[int, int, int] | None:
    return None if packed is None else (packed >> 16 & 255, packed >> 8 & 255, packed & 255)
