"""A part of JSON Schema as a pattern: what a model may answer so that a program can read it.

`type` object, array, string, integer, number, boolean, null; `properties` (all are written, in their order), `items`,
`minItems`, `maxItems`, `minLength`, `maxLength`, `minimum` with `maximum` of integers, `enum`, `const`, `anyOf`.
Everything else is refused: what is not enforced must not look as if it was. Written as `json.dumps` writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import BadRequest
from .automaton import Either, Letters, Pattern, Repeated, Sequenced, Text

MAX_DEPTH = 16
MAX_LENGTH = 4096
MAX_RANGE = 10_000
MAX_CHOICES = 4096
MAX_DIGITS = 15  # every program reads such a number exactly
MAX_DECIMALS = 6
_NOTES = frozenset(("title", "description", "$schema", "additionalProperties", "required"))
_DIGITS = Letters(((0x30, 0x39),))
_PLAIN = Letters(((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0xA0, 0xD7FF), (0xE000, 0x10FFFF)))
_CHARACTER = Either((_PLAIN, *(Text("\\" + letter) for letter in '"\\/bfnrt')))
_POSITIVE = Sequenced((Letters(((0x31, 0x39),)), Repeated(_DIGITS, 0, MAX_DIGITS - 1)))
_WHOLE = Sequenced((Repeated(Text("-"), 0, 1), Either((Text("0"), _POSITIVE))))
_DECIMALS = Sequenced((Text("."), Repeated(_DIGITS, 1, MAX_DECIMALS)))


def pattern(schema: Mapping[str, Any], depth: int = 0) -> Pattern:
    """The pattern of all values that a schema allows. Raises `BadRequest` for what is not supported."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        raise BadRequest("The schema is nested too deeply, or a part of it is not an object.")
    if "anyOf" in schema:
        parts = _only(schema, "anyOf")["anyOf"]
        return _either(parts, lambda part: pattern(part, depth + 1))
    if "enum" in schema:
        return _either(_only(schema, "enum", "type")["enum"], _value)
    if "const" in schema:
        return _value(_only(schema, "const", "type")["const"])
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRequest(f"The schema asks for a type that is not supported; there are: {', '.join(_KINDS)}.")
    return _KINDS[kind](schema, depth)


def _object(schema: Mapping[str, Any], depth: int) -> Pattern:
    properties = _only(schema, "type", "properties").get("properties", {})
    required = schema.get("required", list(properties))
    if not isinstance(properties, Mapping) or not all(isinstance(name, str) for name in properties):
        raise BadRequest("properties of a schema is an object.")
    if (
        not isinstance(required, (list, tuple))
        or schema.get("additionalProperties", False) is not False
        or any(name not in properties for name in required)
    ):
        raise BadRequest("An object of a schema has the properties that are listed, and no others.")
    parts: list[Pattern] = [Text("{")]
    for place, (name, inner) in enumerate(properties.items()):
        parts += [Text((", " if place else "") + _dumped(name) + ": "), pattern(inner, depth + 1)]
    return Sequenced((*parts, Text("}")))


def _array(schema: Mapping[str, Any], depth: int) -> Pattern:
    schema = _only(schema, "type", "items", "minItems", "maxItems")
    least, most = _bounds(schema, "minItems", "maxItems")
    item = pattern(schema.get("items", {}), depth + 1)
    more = Sequenced((Text(", "), item))
    several = Sequenced((item, Repeated(more, max(0, least - 1), None if most is None else max(0, most - 1))))
    inner: Pattern = several if least else Repeated(several, 0, 1)
    return Sequenced((Text("["), Text("") if most == 0 else inner, Text("]")))


def _string(schema: Mapping[str, Any], depth: int) -> Pattern:
    least, most = _bounds(_only(schema, "type", "minLength", "maxLength"), "minLength", "maxLength")
    return Sequenced((Text('"'), Repeated(_CHARACTER, least, most), Text('"')))


def _integer(schema: Mapping[str, Any], depth: int) -> Pattern:
    schema = _only(schema, "type", "minimum", "maximum")
    if "minimum" not in schema and "maximum" not in schema:
        return _WHOLE
    low, high = schema.get("minimum"), schema.get("maximum")
    if not _is_whole(low) or not _is_whole(high) or not 0 <= high - low < MAX_RANGE:  # type: ignore[operator]
        raise BadRequest(f"minimum and maximum of a schema are integers, at most {MAX_RANGE} apart.")
    return Either(tuple(Text(str(value)) for value in range(low, high + 1)))  # type: ignore[operator, arg-type]


def _number(schema: Mapping[str, Any], depth: int) -> Pattern:
    _only(schema, "type")
    return Sequenced((_WHOLE, Repeated(_DECIMALS, 0, 1)))


def _boolean(schema: Mapping[str, Any], depth: int) -> Pattern:
    _only(schema, "type")
    return Either((Text("true"), Text("false")))


def _null(schema: Mapping[str, Any], depth: int) -> Pattern:
    _only(schema, "type")
    return Text("null")


_KINDS: dict[str, Callable[[Mapping[str, Any], int], Pattern]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
}


def _either(parts: Any, made: Callable[[Any], Pattern]) -> Pattern:
    if not isinstance(parts, (list, tuple)) or not 0 < len(parts) <= MAX_CHOICES:
        raise BadRequest(f"A schema offers 1 to {MAX_CHOICES} values.")
    return Either(tuple(made(part) for part in parts))


def _value(value: Any) -> Pattern:
    return Text(_dumped(value))


def _dumped(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest("A value of the schema is not JSON.") from error


def _only(schema: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    unknown = sorted(str(name) for name in set(schema) - _NOTES - set(names))
    if unknown:
        raise BadRequest(f"The schema asks for what is not supported here: {', '.join(unknown)[:200]}.")
    return schema


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> tuple[int, int | None]:
    low, high = schema.get(least, 0), schema.get(most)
    if not _is_whole(low) or not (high is None or _is_whole(high)):
        raise BadRequest(f"{least} and {most} of a schema are integers.")
    if not 0 <= low <= (MAX_LENGTH if high is None else high) <= MAX_LENGTH:
        raise BadRequest(f"{least} and {most} of a schema lie between 0 and {MAX_LENGTH}, in this order.")
    return low, high


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
