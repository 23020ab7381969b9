"""How far an import has come, and which rows it refused: in the catalogue itself, so that both change together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update

from .errors import CatalogError
from .schema import imports, rejects

_PAGE = 1000


class Totals(Struct, frozen=True, kw_only=True):
    """Rows of the file that are done, and what came of them."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    rejected: int = 0

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


def begin(connection: Connection, key: str, source: str) -> Totals:
    """How far this import came before; a new line in the journal where it is new."""
    found = connection.execute(select(imports).where(imports.c.key == key)).mappings().first()
    if found is not None:
        return Totals(**{name: found[name] for name in Totals.__struct_fields__})
    # What an older state of the file left unfinished says nothing about this one.
    connection.execute(delete(imports).where(imports.c.source == source))
    connection.execute(insert(imports).values(key=key, source=source, **msgspec.structs.asdict(Totals())))
    return Totals()


def advance(connection: Connection, key: str, before: Totals, done: Totals) -> Totals:
    """Writes how far it is now. Raises `CatalogError` where another process has gone on with it meanwhile."""
    after = before.plus(done)
    ours = (imports.c.key == key) & (imports.c.rows == before.rows)
    changed = connection.execute(update(imports).where(ours).values(**msgspec.structs.asdict(after)))
    if changed.rowcount != 1:
        raise CatalogError("The same file is being imported by another process; wait for it.")
    return after


def reject(connection: Connection, key: str, reports: Sequence[tuple[int, Any]]) -> None:
    """Keeps the reports of bad rows by the line where each begins."""
    rows = [{"import": key, "row": line, "report": msgspec.json.encode(report).decode()} for line, report in reports]
    if rows:
        connection.execute(insert(rejects), rows)


def reports(connection: Connection, key: str) -> Iterator[str]:
    """All reports of an import as JSON, in the order of the file."""
    chosen = select(rejects.c.report).where(rejects.c["import"] == key).order_by(rejects.c.row)
    return iter(connection.execute(chosen.execution_options(yield_per=_PAGE)).scalars())


def write_reports(connection: Connection, key: str, target: Path) -> int:
    """Writes the reports as JSONL, one a line, in place of an older file; how many. No file where there is none.

    Raises `CatalogError`.
    """
    count = 0
    try:
        handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                for count, report in enumerate(reports(connection, key), 1):  # noqa: B007 - it is the count
                    stream.write(report + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            if count:
                Path(part).replace(target)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise CatalogError(f"{target} cannot be written ({error.strerror}); name a folder with --rejected.") from error
    return count


def end(connection: Connection, key: str) -> None:
    """Takes an import out of the journal: the same file may be imported anew."""
    connection.execute(delete(imports).where(imports.c.key == key))
