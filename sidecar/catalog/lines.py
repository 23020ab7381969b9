"""Files line by line: each bounded, each with what is wrong with it, none dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

MAX_LINE_BYTES = 2**20
_KEPT_OF_LONG = 4096

Encoding = Literal["utf-8", "gb18030"]


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


def read_lines(stream: BinaryIO, encoding: Encoding) -> Iterator[Line]:
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
        if b"\x00" in piece:  # Python's CSV reader takes them or not, by its version
            yield Line(number, piece.decode(encoding, "backslashreplace"), "the line holds NUL bytes")
            continue
        try:
            yield Line(number, piece.decode(encoding))
        except UnicodeDecodeError:
            text = piece.decode(encoding, "backslashreplace")
            yield Line(number, text, f"the line holds bytes that are not {encoding.upper()}")
