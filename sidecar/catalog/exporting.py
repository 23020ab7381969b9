"""Writes a catalogue as JSONL with its files beside it, so that importing it gives the same records."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from .errors import CatalogError
from .sources import NATIVE
from .store import Catalog, Filter
from .table_rows import file_names

VERSION = 1


def pictures_folder(target: Path) -> Path:
    """Where the files of an export lie, unless it is told otherwise."""
    return target.with_name(f"{target.stem}.files")


def export(
    catalog: Catalog,
    target: Path,
    *,
    chosen: Filter = Filter(),  # noqa: B008 - it is frozen
    pictures: Path | None = None,
    on_product: Callable[[int], None] = lambda count: None,
) -> tuple[int, int]:
    """Writes the products that fit to `target` and their files into the folder `pictures`; how many of both.

    The file is written whole or not at all; a picture that is there already is left. Raises `CatalogError`.
    """
    folder = pictures or pictures_folder(target)
    count, names = 0, set[str]()
    try:
        handle, part = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(msgspec.json.encode({NATIVE: VERSION}) + b"\n")
                for count, product in enumerate(catalog.products(chosen), 1):
                    stream.write(msgspec.json.encode(product) + b"\n")
                    names |= _copy(catalog, file_names(product) - names, folder)
                    on_product(count)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).replace(target)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise CatalogError(f"{target} cannot be written ({error.strerror}).") from error
    return count, len(names)


def _copy(catalog: Catalog, names: set[str], folder: Path) -> set[str]:
    for name in sorted(names):
        there = folder / name
        data = catalog.files.read(name)
        if there.is_file() and there.stat().st_size == len(data):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".part-{name}"
        part.write_bytes(data)
        part.replace(there)
    return names
