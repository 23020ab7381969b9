"""The SQLite file of a catalogue: opened safely, owned by its user, one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from .errors import CatalogError
from .schema import migrate

FILE = "catalog.sqlite3"
BUSY_S = 30
_APPLICATION = 0x56545243  # "VTRC"


def open_engine(path: Path, *, create: bool) -> Engine:
    """A pool of connections to the catalogue, brought to today's schema. Raises `CatalogError`."""
    _check_file(path, create=create)
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        _check_identity(engine, path)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION}")
            migrate(connection)
    except DatabaseError as error:
        engine.dispose()
        raise damaged(path, error) from error
    except sqlite3.DatabaseError as error:
        engine.dispose()
        raise _said(path, str(error)) from error
    except CatalogError:
        engine.dispose()
        raise
    return engine


def damaged(path: Path, error: DatabaseError) -> CatalogError:
    """What to say when SQLite refuses the file."""
    return _said(path, str(error.orig))


def _said(path: Path, text: str) -> CatalogError:
    reason = (text.splitlines() or [""])[0][:200]
    if "locked" in reason:
        return CatalogError(f"{path} is in use by another program for longer than {BUSY_S} s; try again later.")
    return CatalogError(f"{path} cannot be used as a catalogue ({reason}); move it away and import again.")


def _check_file(path: Path, *, create: bool) -> None:
    """The file is a plain one of this user; made here with the rights of its user alone where there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        if not create:
            raise CatalogError("There is no catalogue yet; make one: vitrine catalog import FILE") from None
        _make(path)
        return
    except OSError as error:
        raise CatalogError(f"{path} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(status.st_mode):
        raise CatalogError(f"{path} is not a plain file; name another with --catalog.")
    if sys.platform != "win32" and status.st_uid != os.geteuid():
        raise CatalogError(f"{path} belongs to another user; name another with --catalog.")


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise CatalogError(f"{path} cannot be written ({error.strerror}); name another with --catalog.") from error


def _check_identity(engine: Engine, path: Path) -> None:
    """Refuses another program's database before anything in it is changed. A run that was killed left an empty one."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        application = cursor.execute("PRAGMA application_id").fetchone()[0]
        tables = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION and (application or tables):
            raise CatalogError(f"{path} is not a catalogue of Vitrine; name another with --catalog.")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()
    finally:
        raw.close()


def _prepare(connection: Any, _: Any) -> None:
    # The driver's own transactions begin late and not before a change of the schema; ours begin when they are told to.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # The write lock at once: a reader that becomes a writer later may not wait for it.
    immediate = connection.get_execution_options().get("vitrine_writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
