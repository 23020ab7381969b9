"""A CSV file as rows of cells, whatever program and country it comes from; bounded in every direction.

Byte order marks, UTF-16, CRLF, `;` and tabs, decimal commas and a last line that is cut off are fine. What is too
large, binary or without rows is refused with the reason.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from ..latency_file import Unreadable

LIMIT_BYTES = 200 * 2**20
LINE = 64 * 1024
COLUMNS = 1000
COMMENTS = 64
DELIMITERS = (",", ";", "\t")
SHOWN = 14  # columns that a message names
MOST_BROKEN = 0.05
NAN = float("nan")


class Table:
    """An open file. `columns`: lower-case header name -> place. Iterating yields each whole row's cells once.

    Afterwards `broken` says how many rows were too short or too long, and `cut` whether the last one was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.broken = 0
        self.cut = False
        self._encoding = _encoding(path)
        with self._open() as stream:
            header, self._before = _header(stream, path)
        self.delimiter = max(DELIMITERS, key=header.count)
        self.header = [name.strip() for name in next(csv.reader([header], delimiter=self.delimiter), [])]
        if len(self.header) > COLUMNS:
            raise Unreadable(f"{path} has more than {COLUMNS} columns; it is no frame-time file")
        self.columns = {_key(name): place for place, name in reversed(list(enumerate(self.header)))}
        self._comma = self.delimiter != ","

    def _open(self) -> TextIO:
        return self.path.open(encoding=self._encoding, newline="")

    def column(self, *names: str) -> int | None:
        """The place of the first of these columns that is there."""
        return next((self.columns[name] for name in names if name in self.columns), None)

    def number(self, cells: Sequence[str], place: int | None) -> float:
        """A cell's number; not a number where it has none, as `NA`, or there is no such column."""
        if place is None or place >= len(cells):
            return NAN
        text = cells[place]
        try:
            value = float(text.replace(",", ".") if self._comma else text)
        except ValueError:
            return NAN
        return value if math.isfinite(value) else NAN

    def whole(self, needed: Sequence[int]) -> Iterator[list[str]]:
        """Every row that reaches the needed columns. Raises `Unreadable` when many do not."""
        reach = max(needed) + 1
        with self._open() as stream:
            for _ in range(self._before):
                stream.readline(LINE)
            for cells in self._cells(stream):
                if not any(cell.strip() for cell in cells):
                    continue
                self.rows += 1
                self.cut = len(cells) < reach
                if self.cut:
                    self.broken += 1
                    continue
                yield cells
        if self.broken - self.cut > MOST_BROKEN * self.rows:
            raise Unreadable(f"{self.path}: {self.broken} of {self.rows} rows have too few columns; record it again")

    def _cells(self, stream: TextIO) -> Iterator[list[str]]:
        reader = csv.reader(_lines(stream, self.path), delimiter=self.delimiter)
        try:
            yield from reader
        except (csv.Error, UnicodeDecodeError) as error:
            raise Unreadable(f"{self.path}, line {self._before + reader.line_num}: {error}") from error

    def names(self) -> str:
        """The header, as far as a message can show it."""
        shown = ", ".join(printable(name) for name in self.header[:SHOWN])
        more = len(self.header) - SHOWN
        return f"{shown} and {more} more" if more > 0 else shown

    def notes(self) -> list[str]:
        """What the reader had to overlook."""
        found = []
        if self.cut:
            found.append("its last line is cut off and was left out")
        if (others := self.broken - self.cut) > 0:
            found.append(f"{others} rows had too few columns and were left out")
        return found


def _encoding(path: Path) -> str:
    """By the byte order mark. Raises `Unreadable` for what is no text file, or too large."""
    if not path.is_file():
        raise Unreadable(f"{path} is not a file; name the CSV or JSON that a tool recorded")
    size = path.stat().st_size
    if size > LIMIT_BYTES:
        raise Unreadable(f"{path} is larger than {LIMIT_BYTES >> 20} MiB; record for a shorter time, or cut it")
    with path.open("rb") as stream:
        start = stream.read(4096)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start:
        raise Unreadable(f"{path} is no text file")
    return "utf-8-sig"


def _header(stream: TextIO, path: Path) -> tuple[str, int]:
    """The header line and the number of lines up to and with it; lines of comments before it are passed over."""
    try:
        for number, line in enumerate(_lines(stream, path), 1):
            text = line.strip()
            if text and not text.startswith(("//", "#")):
                return text, number
            if number > COMMENTS:
                break
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is no text in UTF-8 or UTF-16: {error.reason}") from error
    raise Unreadable(f"{path} has no header line; it is empty, or no frame-time file")


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    while line := stream.readline(LINE):
        if len(line) == LINE:
            raise Unreadable(f"{path} has a line of more than {LINE >> 10} KiB; it is no frame-time file")
        yield line


def _key(name: str) -> str:
    """A header's name as it is looked up."""
    return " ".join(name.lower().replace("\u00a0", " ").split())


def printable(name: str) -> str:
    """A name out of a file as a console may show it."""
    shown = "".join(sign for sign in name if sign.isprintable())
    return (shown[:40] or "(empty)").replace("[", "(").replace("]", ")")  # brackets are markup to a console
