"""Records of CSV files: a broken quote spoils its own line alone, and no row is swallowed in silence."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence

from .lines import MAX_LINE_BYTES, Line, Row

MAX_RECORD_LINES = 200
_TELLING = 3  # with fewer columns a line of a text looks like a row too easily


def parsed(text: str, delimiter: str) -> list[str] | None:
    """The cells of one record, None where it is no whole record."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _is_open(text: str, delimiter: str) -> bool:
    """Whether the text ends inside quotes."""
    return parsed(text + '"', delimiter) is not None


def rows(lines: Iterator[Line], delimiter: str, columns: Sequence[str], *, header: bool) -> Iterator[Row]:
    """Records of one or more lines. A quote that never closes spoils its own line alone: the next is read afresh."""
    waiting: deque[Line] = deque()
    skip = header
    while line := (waiting.popleft() if waiting else next(lines, None)):
        if not line.text.strip() and not line.problem:
            continue
        if skip:
            skip = False
            continue
        if line.problem:
            yield Row(line.number, {}, line.text, line.problem)
            continue
        yield _csv_row(line, lines, waiting, delimiter, columns)


def _csv_row(
    first: Line, lines: Iterator[Line], waiting: deque[Line], delimiter: str, columns: Sequence[str]
) -> Row:
    text, last, taken = first.text, '"', 0
    cells = parsed(text, delimiter)
    while cells is None and taken < MAX_RECORD_LINES and ('"' not in last or _is_open(text, delimiter)):
        if taken == len(waiting):
            more = next(lines, None)
            if more is None:
                break
            waiting.append(more)
        line = waiting[taken]
        taken += 1
        if line.problem or len(text) + len(line.text) > MAX_LINE_BYTES:
            break
        last = line.text
        text += "\n" + last
        if '"' in last:  # only a quote can end what a quote began
            cells = parsed(text, delimiter)
    if cells is None:
        return Row(first.number, {}, first.text, "the line is no CSV: its quotes do not match")
    while len(cells) > len(columns) and not cells[-1].strip():
        cells.pop()
    drawn_in = any(_fits(waiting[at].text, delimiter, columns) for at in range(taken - 1))
    if drawn_in and len(columns) >= _TELLING:
        # A stray quote swallowed sound rows up to the next one: they are read afresh.
        return Row(first.number, {}, first.text, "a quote runs on from here over lines that look like rows")
    if len(cells) != len(columns):
        _skip(waiting, taken)
        return Row(first.number, {}, text, f"the row has {len(cells)} cells, the header {len(columns)}")
    _skip(waiting, taken)
    return Row(first.number, dict(zip(columns, cells, strict=True)), text)


def _fits(text: str, delimiter: str, columns: Sequence[str]) -> bool:
    cells = parsed(text, delimiter)
    return cells is not None and len(cells) == len(columns)


def _skip(waiting: deque[Line], count: int) -> None:
    for _ in range(count):
        waiting.popleft()
