"""Files to import, as rows: encoding, lines and records found out, every bound kept, nothing dropped in silence."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from . import csv_rows, json_rows
from .errors import CatalogError
from .lines import MAX_LINE_BYTES, Encoding, Line, Row, read_lines

MAX_FILE_BYTES = 2 * 2**30
MAX_LINES = 2_000_000
MAX_COLUMNS = json_rows.MAX_NAMES
NATIVE = "vitrine_catalog"
SAMPLE_ROWS = 50
_DELIMITERS = (",", ";", "\t", "|")

Form = Literal["csv", "jsonl"]


@dataclass(frozen=True)
class Source:
    """What a first look at the file found. `lines` are physical; `columns` in order; `native` an export of ours."""

    path: Path
    form: Form
    encoding: Encoding
    sha256: str
    bytes: int
    lines: int
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    header: bool = True
    native: bool = False
    sample: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def rows(self) -> Iterator[Row]:
        """All records in order, the unreadable ones too. Raises `CatalogError` when the file is gone."""
        with _open(self.path) as stream:
            lines = read_lines(stream, self.encoding)
            if self.form == "jsonl":
                yield from json_rows.rows(lines, native=self.native)
            else:
                yield from csv_rows.rows(lines, self.delimiter, self.columns, header=self.header)


def look(path: Path, *, form: Form | None = None, encoding: Encoding | None = None) -> Source:
    """Finds out what the file is. Raises `CatalogError`, with what to do."""
    if not path.is_file():
        raise CatalogError(f"{path} is not a file.")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise CatalogError(f"{path} is larger than {MAX_FILE_BYTES // 2**30} GiB; split it.")
    sha256, lines, guessed = _survey(path)
    if lines > MAX_LINES:
        raise CatalogError(f"{path} has more than {MAX_LINES:,} lines; split it.")
    encoding = encoding or guessed
    form = form or _form(path, encoding)
    found = Source(path, form, encoding, sha256, size, lines)
    return _look_into_json(found) if form == "jsonl" else _look_into_csv(found)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CatalogError(f"{path} cannot be read ({error.strerror}).") from error


def _survey(path: Path) -> tuple[str, int, Encoding]:
    """The file's hash, how many lines it has, and its encoding: that in which most lines with signs beyond ASCII can be
    read, so that a few broken bytes do not change the meaning of everything else."""
    digest, count, utf8, gb18030, beyond = hashlib.sha256(), 0, 0, 0, 0
    with _open(path) as stream:
        head = stream.read(4)
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise CatalogError(f"{path} is UTF-16; save it as CSV in UTF-8.")
        stream.seek(0)
        while piece := stream.readline(MAX_LINE_BYTES):
            digest.update(piece)
            count += piece.endswith(b"\n")
            if not piece.isascii():
                beyond += 1
                utf8 += _decodes(piece, "utf-8")
                gb18030 += _decodes(piece, "gb18030")
    if beyond and max(utf8, gb18030) < 0.5 * beyond:
        raise CatalogError(f"{path} is neither UTF-8 nor GB18030; save it in UTF-8, or name its --encoding.")
    return digest.hexdigest(), count + 1, "utf-8" if utf8 >= 0.5 * beyond else "gb18030"


def _decodes(piece: bytes, encoding: str) -> bool:
    try:
        piece.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _form(path: Path, encoding: Encoding) -> Form:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return "csv"
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    with _open(path) as stream:
        first = next(read_lines(stream, encoding), Line(1, ""))
    if first.text.lstrip().startswith("{"):
        return "jsonl"
    if suffix in (".json", ".xlsx", ".xls", ".ods") or first.text.lstrip().startswith("["):
        raise CatalogError(f"{path} is not taken as it is: save it as CSV, or as JSONL with one object a line.")
    return "csv"


def _look_into_json(found: Source) -> Source:
    with _open(found.path) as stream:
        first = next((line for line in read_lines(stream, found.encoding) if line.text.strip()), Line(1, ""))
        native = not first.problem and _header_version(first.text) is not None
        if native and _header_version(first.text) != 1:
            raise CatalogError(f"{found.path} was exported by a newer Vitrine; update this one to import it.")
        stream.seek(0)
        sample = _sample(json_rows.rows(read_lines(stream, found.encoding), native=native))
    columns = tuple(dict.fromkeys(name for values in sample for name in values))[:MAX_COLUMNS]
    return replace(found, columns=columns, native=native, sample=sample)


def _header_version(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value.get(NATIVE) if isinstance(value, dict) and len(value) == 1 else None


def _look_into_csv(found: Source) -> Source:
    with _open(found.path) as stream:
        lines = read_lines(stream, found.encoding)
        first = next((line for line in lines if line.text.strip() or line.problem), None)
    if first is None:
        raise CatalogError(f"{found.path} is empty.")
    if first.problem:
        raise CatalogError(f"{found.path}: {first.problem}, and it is the first one.")
    delimiter = "\t" if found.path.suffix.lower() == ".tsv" else _delimiter(first.text)
    cells = csv_rows.parsed(first.text, delimiter)
    if cells is None or len(cells) > MAX_COLUMNS:
        raise CatalogError(f"{found.path}: the first line is no list of at most {MAX_COLUMNS} columns.")
    header = _is_header(cells)
    columns = _named(cells) if header else tuple(str(number + 1) for number in range(len(cells)))
    found = replace(found, columns=columns, delimiter=delimiter, header=header)
    return replace(found, sample=_sample(found.rows()))


def _delimiter(text: str) -> str:
    def columns(delimiter: str) -> int:
        cells = csv_rows.parsed(text, delimiter)
        return len(cells) if cells is not None else 0

    return max(_DELIMITERS, key=columns)


def _is_header(cells: Sequence[str]) -> bool:
    """Names are words, each another one; a row of data has a number, a price or a file name somewhere."""
    names = [cell.strip() for cell in cells]
    if not all(names) or len({name.casefold() for name in names}) != len(names):
        return any(not name for name in names) and sum(map(bool, names)) > len(names) / 2
    return not any(unicodedata.category(name[0]) in ("Nd", "Sc") for name in names)


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() or str(number + 1) for number, cell in enumerate(cells))


def _sample(rows: Iterator[Row]) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for row in rows:
        if row.values:
            found.append(row.values)
        if len(found) == SAMPLE_ROWS or row.line > 4 * SAMPLE_ROWS:
            break
    return tuple(found)
