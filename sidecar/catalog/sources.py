"""Files to import, as rows: encoding, lines and records found out, every bound kept, nothing dropped in silence."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from .errors import CatalogError

MAX_FILE_BYTES = 2 * 2**30
MAX_LINES = 2_000_000
MAX_LINE_BYTES = 2**20
MAX_COLUMNS = 400
MAX_RECORD_LINES = 200
MAX_DIGITS = 30
MAX_DEPTH = 64  # brackets open at once in a line of JSON
NATIVE = "vitrine_catalog"
SAMPLE_ROWS = 50
_DELIMITERS = (",", ";", "\t", "|")
_KEPT_OF_LONG = 4096

Encoding = Literal["utf-8", "gb18030"]
Form = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file. `line` is where it begins, from 1; `problem` says why it cannot be read (`values` is then
    empty); `raw` is what stands there."""

    line: int
    values: dict[str, Any]
    raw: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; `problem` where it is no text of the file's encoding or too long."""

    number: int
    text: str
    problem: str = ""


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
        """All records in order, the unreadable ones too. Raises `CatalogError` when the file changed or is gone."""
        with _open(self.path) as stream:
            lines = _lines(stream, self.encoding)
            if self.form == "jsonl":
                yield from _json_rows(lines, native=self.native)
            else:
                yield from _csv_rows(lines, self.delimiter, self.columns, header=self.header)


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
        first = next(_lines(stream, encoding), Line(1, ""))
    if first.text.lstrip().startswith("{"):
        return "jsonl"
    if suffix in (".json", ".xlsx", ".xls", ".ods") or first.text.lstrip().startswith("["):
        raise CatalogError(f"{path} is not taken as it is: save it as CSV, or as JSONL with one object a line.")
    return "csv"


def _lines(stream: BinaryIO, encoding: Encoding) -> Iterator[Line]:
    number = 0
    while piece := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(piece) > MAX_LINE_BYTES:
            kept = piece[:_KEPT_OF_LONG].decode(encoding, "backslashreplace")
            while piece and not piece.endswith(b"\n"):
                piece = stream.readline(MAX_LINE_BYTES + 1)
            yield Line(number, kept, f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB")
            continue
        if number == 1:
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        piece = piece.rstrip(b"\r\n")
        try:
            yield Line(number, piece.decode(encoding))
        except UnicodeDecodeError:
            text = piece.decode(encoding, "backslashreplace")
            yield Line(number, text, f"the line holds bytes that are not {encoding.upper()}")


def _look_into_json(found: Source) -> Source:
    with _open(found.path) as stream:
        first = next((line for line in _lines(stream, found.encoding) if line.text.strip()), Line(1, ""))
        native = not first.problem and _header_version(first.text) is not None
        if native and _header_version(first.text) != 1:
            raise CatalogError(f"{found.path} was exported by a newer Vitrine; update this one to import it.")
        stream.seek(0)
        sample = _sample(_json_rows(_lines(stream, found.encoding), native=native))
    columns = tuple(dict.fromkeys(name for values in sample for name in values))[:MAX_COLUMNS]
    return replace(found, columns=columns, native=native, sample=sample)


def _header_version(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value.get(NATIVE) if isinstance(value, dict) and len(value) == 1 else None


def _json_rows(lines: Iterator[Line], *, native: bool) -> Iterator[Row]:
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
    if len(value) > MAX_COLUMNS:
        return Row(line.number, {}, line.text, f"the object has more than {MAX_COLUMNS} names")
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


_INNER = {"zh", "en", "amount", "minor", "currency", "width", "height", "depth", "mean", "count"}


def _look_into_csv(found: Source) -> Source:
    with _open(found.path) as stream:
        lines = _lines(stream, found.encoding)
        first = next((line for line in lines if line.text.strip() or line.problem), None)
    if first is None:
        raise CatalogError(f"{found.path} is empty.")
    if first.problem:
        raise CatalogError(f"{found.path}: {first.problem}, and it is the first one.")
    delimiter = "\t" if found.path.suffix.lower() == ".tsv" else _delimiter(first.text)
    cells = _parsed(first.text, delimiter)
    if cells is None or len(cells) > MAX_COLUMNS:
        raise CatalogError(f"{found.path}: the first line is no list of at most {MAX_COLUMNS} columns.")
    header = _is_header(cells)
    columns = _named(cells) if header else tuple(str(number + 1) for number in range(len(cells)))
    found = replace(found, columns=columns, delimiter=delimiter, header=header)
    return replace(found, sample=_sample(found.rows()))


def _delimiter(text: str) -> str:
    def columns(delimiter: str) -> int:
        cells = _parsed(text, delimiter)
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


def _parsed(text: str, delimiter: str) -> list[str] | None:
    """The cells of one record, None where it is no whole record."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _is_open(text: str, delimiter: str) -> bool:
    """Whether the text ends inside quotes."""
    return _parsed(text + '"', delimiter) is not None


def _csv_rows(lines: Iterator[Line], delimiter: str, columns: Sequence[str], *, header: bool) -> Iterator[Row]:
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
    cells = _parsed(text, delimiter)
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
            cells = _parsed(text, delimiter)
    if cells is None:
        return Row(first.number, {}, first.text, "the line is no CSV: its quotes do not match")
    while len(cells) > len(columns) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(columns):
        problem = f"the row has {len(cells)} cells, the header {len(columns)}"
        if any(_fits(waiting[at].text, delimiter, columns) for at in range(taken)):
            return Row(first.number, {}, first.text, problem)  # a stray quote drew sound rows in: they are read next
        _skip(waiting, taken)
        return Row(first.number, {}, text, problem)
    _skip(waiting, taken)
    return Row(first.number, dict(zip(columns, cells, strict=True)), text)


def _fits(text: str, delimiter: str, columns: Sequence[str]) -> bool:
    cells = _parsed(text, delimiter)
    return cells is not None and len(cells) == len(columns)


def _skip(waiting: deque[Line], count: int) -> None:
    for _ in range(count):
        waiting.popleft()


def _sample(rows: Iterator[Row]) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for row in rows:
        if row.values:
            found.append(row.values)
        if len(found) == SAMPLE_ROWS or row.line > 4 * SAMPLE_ROWS:
            break
    return tuple(found)
