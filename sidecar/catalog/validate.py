"""One row of a shop's file becomes one product, or the list of everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from . import cells
from .cells import Change, Defaults
from .columns import Assigned
from .errors import FieldError
from .records import Product

_PATH = re.compile(r"^(.*) - at `\$\.?(.*)`$", re.DOTALL)

_PLAIN = {
    "id": "ids are letters, digits, and . _ - after the first, at most 64",
    "attributes": "names of attributes are a-z, 0-9 and _, a letter first, at most 40",
    "colours.id": "ids of colours are a-z, 0-9 and -, at most 64",
    "rules.goes_with": "it goes with a product's id, kind:KIND, or attribute=value",
    "rules.not_with": "it goes not with a product's id, kind:KIND, or attribute=value",
}
"""What msgspec says with a pattern, in words."""


class BadRow(ValueError):
    """Everything that is wrong with a row."""

    def __init__(self, problems: Sequence[FieldError]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def identity(values: Mapping[str, Any], assigned: Sequence[Assigned]) -> str | None:
    """The id that a row names, None where it has none."""
    column = next((one.column for one in assigned if one.field == "id"), None)
    return (cells.text(values.get(column)) or None) if column is not None else None


def changes(values: Mapping[str, Any], assigned: Sequence[Assigned], defaults: Defaults) -> list[Change]:
    """What the row says, field by field; an empty cell says nothing. Raises `BadRow`."""
    found: list[Change] = []
    problems: list[FieldError] = []
    money = cells.Money(values, assigned, defaults)
    for one in assigned:
        if not one.field or one.column not in values or cells.is_empty(values[one.column]):
            continue
        try:
            found += cells.read(values[one.column], one, money)
        except (ValueError, RecursionError) as error:
            problems.append(FieldError(one.column, str(error)[:300]))
    if problems:
        raise BadRow(problems)
    return found


def native(values: Mapping[str, Any]) -> Product:
    """The product of a row of our own export. Raises `BadRow`."""
    return _converted(dict(values), ())


def applied(
    existing: Product | None, found: Sequence[Change], assigned: Sequence[Assigned], defaults: Defaults
) -> Product:
    """The record with the changes in it; fields that the row does not name stay. Raises `BadRow`."""
    record: dict[str, Any] = msgspec.to_builtins(existing) if existing is not None else {}
    if existing is None and defaults.kind is not None:
        record["kind"] = defaults.kind
    for path, value in found:
        _set(record, path, value)
    _finish(record)
    return _converted(record, assigned)


def _finish(record: dict[str, Any]) -> None:
    """What several columns tell together: the base size, care in two languages; empty groups are none."""
    chart = record.get("size_chart")
    if isinstance(chart, dict) and chart.get("base") not in chart.get("sizes", {}):
        sizes = list(chart.get("sizes", {}))
        chart["base"] = "M" if "M" in sizes else sizes[len(sizes) // 2] if sizes else ""
    rules = record.get("rules", {})
    if "care_zh" in rules or "care_en" in rules:
        lines = zip_longest(rules.pop("care_zh", None) or (), rules.pop("care_en", None) or (), fillvalue="")
        rules["care"] = [{"zh": zh, "en": en} for zh, en in lines]
    if not record.get("real_size", True):
        del record["real_size"]
    pictures = record.get("pictures", ())
    # What was prepared from a picture that is gone shows another product.
    record["prepared"] = [one for one in record.get("prepared", ()) if one["source"] in pictures]


def _converted(record: dict[str, Any], assigned: Sequence[Assigned]) -> Product:
    try:
        return msgspec.convert(record, Product)
    except msgspec.ValidationError as error:
        raise BadRow([_located(str(error), assigned)]) from error


def _located(message: str, assigned: Sequence[Assigned]) -> FieldError:
    """msgspec says where in the record; the person knows the column."""
    missing = re.match(r"Object missing required field `(\w+)`", message)
    found = _PATH.match(message)
    reason, path = (found[1], found[2]) if found else (message, missing[1] if missing else "")
    if missing:
        reason = "there is none, and a new product needs it"
    if "regex" in reason:
        reason = _PLAIN.get(re.sub(r"\[.*?\]", "", path), "it has signs that are not allowed")
    steps = tuple(re.sub(r"\[.*?\]", "", path).split("."))
    places = [(cells.place(one.field), one.column) for one in assigned if one.field]
    fitting = [(len(place), column) for place, column in places if steps[: len(place)] == place or place[:1] == steps]
    column = max(fitting)[1] if fitting else ""
    return FieldError(column or path or "record", reason.replace("`", "")[:300])


def _set(record: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *outer, last = path
    for name in outer:
        inner = record.get(name)
        if not isinstance(inner, dict):
            inner = record[name] = {}
        record = inner
    if value is None:
        record.pop(last, None)
    else:
        record[last] = value
