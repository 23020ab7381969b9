"""Records of JSONL files: one object a line, bounded before and while it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .lines import Line, Row

MAX_NAMES = 400
MAX_DIGITS = 30
MAX_DEPTH = 64  # brackets open at once
_INNER = {"zh", "en", "amount", "minor", "currency", "width", "height", "depth", "mean", "count"}


def rows(lines: Iterator[Line], *, native: bool) -> Iterator[Row]:
    """All objects; of an export of ours without its first line, and with their objects as they are."""
    header = native
    for line in lines:
        if not line.text.strip():
            continue
        if header:
            header = False
            continue
        yield _json_row(line, flat=not native)


def _json_row(line: Line, *, flat: bool) -> Row:
    problem = line.problem
    if not problem and _deep(line.text):
        problem = "the line is nested too deep"
    if problem:
        return Row(line.number, {}, line.text, problem)
    try:
        value = json.loads(line.text, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        return Row(line.number, {}, line.text, f"the line is no JSON ({error})"[:200])
    if not isinstance(value, dict):
        return Row(line.number, {}, line.text, "the line is no JSON object")
    if {"line", "problems", "row"} == value.keys() and isinstance(value["row"], dict):
        value = value["row"]  # the report of an earlier import, mended
    if len(value) > MAX_NAMES:
        return Row(line.number, {}, line.text, f"the object has more than {MAX_NAMES} names")
    return Row(line.number, _flattened(value) if flat else value, line.text)


def _deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if depth > MAX_DEPTH:
            return True
    return False


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:  # turning very many digits into a number takes minutes
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _flattened(value: dict[str, Any]) -> dict[str, Any]:
    """`{"title": {"zh": ...}}` becomes `{"title_zh": ...}` for texts, sizes and the like; other objects stay."""
    flat: dict[str, Any] = {}
    for name, held in value.items():
        if isinstance(held, dict) and held and held.keys() <= _INNER:
            flat.update({f"{name}_{inner}": deeper for inner, deeper in held.items()})
        else:
            flat[name] = held
    return flat
