"""JSON schemas as languages: what is in them is JSON of the schema, what is not supported is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.engine.runners.automaton import build
from sidecar.engine.runners.json_schema import pattern
from sidecar.errors import BadRequest

SHOP: dict[str, Any] = {
    "title": "What the customer wants",
    "type": "object",
    "properties": {
        "intent": {"enum": ["find", "try_on", "大小"]},
        "colour": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 6}, {"type": "null"}]},
        "sizes": {"type": "array", "items": {"enum": ["S", "M", "L"]}, "maxItems": 2},
        "price": {"type": "number"},
        "count": {"type": "integer", "minimum": 0, "maximum": 12},
        "sure": {"type": "boolean"},
    },
    "required": ["intent"],
    "additionalProperties": False,
}
GOOD = {"intent": "try_on", "colour": "红色", "sizes": ["S", "L"], "price": 49.9, "count": 12, "sure": True}


@pytest.mark.parametrize(
    "change",
    [{}, {"colour": None}, {"sizes": []}, {"colour": 'a"\\\n'}, {"price": -3}, {"price": 0.125}, {"intent": "大小"},
     {"colour": "👗👒🧣"}, {"count": 0}],
)  # fmt: skip
def test_values_of_the_schema_are_in(change: dict[str, Any]) -> None:
    assert build(pattern(SHOP)).matches(json.dumps(GOOD | change, ensure_ascii=False))


@pytest.mark.parametrize(
    "change",
    [{"colour": ""}, {"colour": "1234567"}, {"sizes": ["S", "S", "S"]}, {"sizes": ["XL"]}, {"price": "3"},
     {"count": 13}, {"count": 1.5}, {"sure": "yes"}, {"intent": "buy"}, {"more": 1}],
)  # fmt: skip
def test_other_values_are_not(change: dict[str, Any]) -> None:
    assert not build(pattern(SHOP)).matches(json.dumps(GOOD | change, ensure_ascii=False))


@pytest.mark.parametrize("text", ['{"intent": "find"}', "", "{}", "[1]", '"x'])
def test_other_texts_are_not(text: str) -> None:
    assert not build(pattern(SHOP)).matches(text)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, ["0", "-7", "120"], ["-", "01", "1.0", "--1", "1" * 16]),
        ({"type": "number"}, ["0.5", "-12", "3.141592"], [".5", "1.", "1e5", "00.1"]),
        (
            {"type": "array", "items": {"type": "null"}, "minItems": 2},
            ["[null, null]", "[null, null, null]"],
            ["[null]"],
        ),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, ["[]"], ["[null]"]),
        ({"type": "string"}, ['"a\\"b"', '""', '"红"'], ['"a"b"', '"\n"', '"\\x"', '"\u0085"']),
        ({"const": {"a": [1, "é"]}}, ['{"a": [1, "é"]}'], ["{}"]),
        ({"type": "object"}, ["{}"], ['{"a": 1}']),
    ],
)
def test_each_type(schema: dict[str, Any], good: list[str], bad: list[str]) -> None:
    automaton = build(pattern(schema))
    for text in good:
        assert automaton.matches(text), text
        json.loads(text)
    assert not [text for text in bad if automaton.matches(text)]


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "string", "pattern": "a+"}, "pattern"),
        ({"type": "object", "patternProperties": {}}, "patternProperties"),
        ({"$ref": "#"}, "type that is not supported"),
        ({"type": ["string", "null"]}, "type that is not supported"),
        ({"type": "object", "additionalProperties": True}, "no others"),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["b"]}, "no others"),
        ({"type": "object", "properties": [1]}, "properties"),
        ({"type": "array"}, "type that is not supported"),
        ({"type": "array", "items": 3}, "not an object"),
        ({"type": "string", "maxLength": 10**9}, "maxLength"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "minLength"),
        ({"type": "string", "minLength": True}, "integers"),
        ({"type": "integer", "minimum": 3}, "minimum and maximum"),
        ({"type": "integer", "minimum": 0, "maximum": 10**9}, "minimum and maximum"),
        ({"enum": []}, "1 to"),
        ({"const": float("nan")}, "not JSON"),
        ({"anyOf": "x"}, "1 to"),
    ],
)
def test_what_would_not_be_enforced_is_refused(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        pattern(schema)


def test_depth_and_size_have_bounds() -> None:
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(40):
        deep = {"type": "array", "items": deep}
    with pytest.raises(BadRequest, match="too deeply"):
        pattern(deep)
    wide = {"type": "array", "items": {"type": "string", "maxLength": 4000}, "maxItems": 4000}
    with pytest.raises(BadRequest, match="too large"):
        build(pattern(wide))
