"""A result as one CSV table: a line a series (`kind` is summary), then a line a call (`kind` is call)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..thresholds import quantile
from .source import STAGES, Calls, Result, summary_keys, typed

Cell = str | float | int | None
COLUMNS = ("t_ms", "stream", "n", "op", "outcome", "latency_ms", *(f"{stage}_ms" for stage in STAGES), "missed")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(result: Mapping[str, Any], path: Path) -> None:
    """Writes UTF-8 with a header. Raises `NotAResult` or `OSError`."""
    found = typed(result)
    keys = summary_keys(found.rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(("kind", "name", "unit", "floor", *map(quantile, keys), *COLUMNS))
        writer.writerows(_summaries(found, keys))
        if found.calls is not None:
            writer.writerows(_calls(found.calls, ("",) * len(keys)))


def _summaries(result: Result, keys: list[str]) -> Iterator[tuple[Cell, ...]]:
    for row in result.rows:
        figures = (_count(key, row.summary.get(key)) for key in keys)
        yield "summary", safe(row.name), safe(row.unit), int(row.floor), *figures, *("" for _ in COLUMNS)


def _count(key: str, value: float | None) -> Cell:
    return int(value) if key == "count" and value is not None else value


def _calls(calls: Calls, none: tuple[str, ...]) -> Iterator[tuple[Cell, ...]]:
    columns = [getattr(calls, name) or [None] * len(calls) for name in COLUMNS]
    for values in zip(*columns, strict=True):
        yield "call", "", "", "", *none, *(safe(one) if isinstance(one, str) else one for one in values)


def safe(text: str) -> str:
    """Text that a spreadsheet will not take for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
