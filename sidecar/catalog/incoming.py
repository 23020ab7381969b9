"""Pictures and models that a file to import names: read from one folder alone, checked, taken into the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from . import glb, picture_files
from .cells import Change
from .columns import Assigned
from .errors import FieldError
from .glb import BadModel
from .landmarks import LAYOUTS
from .picture_files import BadPicture
from .picture_store import PictureStore, stored_name
from .records import Prepared, Product, View
from .validate import BadRow

_WEB = ("http:", "https:", "ftp:", "data:", "file:", "//")


class Folder:
    """The folder of `--pictures`, and the store that its files go into; without a store they are checked only.

    A file that several rows name is read once.
    """

    def __init__(self, root: Path | None, store: PictureStore | None) -> None:
        self._root = root.resolve() if root is not None else None
        self._store = store
        self._taken: dict[tuple[str, str], str] = {}
        self._size_of: dict[str, tuple[int, int]] = {}
        self._parts_of: dict[str, tuple[tuple[int, int], int]] = {}

    def adopt(self, product: Product) -> Product:
        """The product with stored names in place of the file's. Raises `BadRow`."""
        pictures = tuple(dict.fromkeys(self._picture(name, "pictures") for name in product.pictures))
        views = tuple(View(view.yaw_deg, self._picture(view.picture, "views")) for view in product.views)
        prepared = tuple(self._prepared(one) for one in product.prepared)
        model = self._model(product.glb, "glb") if product.glb else None
        return msgspec.structs.replace(product, pictures=pictures, views=views, prepared=prepared, glb=model)

    def adopt_changes(self, changes: Sequence[Change], assigned: Sequence[Assigned]) -> list[Change]:
        """The changes with stored names. Raises `BadRow`, which names the columns."""
        columns = {one.field: one.column for one in assigned if one.field}
        return [(path, self._changed(path, value, columns)) for path, value in changes]

    def _changed(self, path: tuple[str, ...], value: Any, columns: dict[str, str]) -> Any:
        column = columns.get(path[0], path[0])
        if value is None or path[0] not in ("pictures", "views", "glb"):
            return value
        if path == ("pictures",):
            return list(dict.fromkeys(self._picture(name, column) for name in value))
        if path == ("glb",):
            return self._model(value, column)
        try:
            views = msgspec.convert(value, list[View])
        except msgspec.ValidationError as error:
            raise BadRow([FieldError(column, str(error))]) from error
        return [{"yaw_deg": view.yaw_deg, "picture": self._picture(view.picture, column)} for view in views]

    def _prepared(self, one: Prepared) -> Prepared:
        made = msgspec.structs.replace(
            one,
            source=self._picture(one.source, "prepared"),
            picture=self._picture(one.picture, "prepared"),
            parts=self._parts(one.parts, "prepared"),
            side=self._picture(one.side, "prepared") if one.side else None,
        )
        size, bits = self._parts_of[made.parts]
        if size != self._size_of[made.picture] or bits & ~LAYOUTS[one.kind].bits:
            raise BadRow([FieldError("prepared", f"{one.parts[:80]} is no part map of {one.picture[:80]}")])
        return made

    def _picture(self, name: str, field: str) -> str:
        return self._take(name, field, "picture", picture_files.MAX_BYTES, self._add_picture)

    def _parts(self, name: str, field: str) -> str:
        return self._take(name, field, "parts", picture_files.MAX_BYTES, self._add_parts)

    def _model(self, name: str, field: str) -> str:
        return self._take(name, field, "model", glb.MAX_BYTES, self._add_model)

    def _add_picture(self, data: bytes) -> str:
        own, suffix = picture_files.canonical(data)
        name = self._store.put(own, suffix) if self._store is not None else stored_name(own, suffix)
        self._size_of[name] = picture_files.size(own)
        return name

    def _add_parts(self, data: bytes) -> str:
        parts = picture_files.grey(data)
        own = picture_files.png(parts)
        name = self._store.put(own, "png") if self._store is not None else stored_name(own, "png")
        self._parts_of[name] = (parts.shape[1], parts.shape[0]), int(np.bitwise_or.reduce(parts, axis=None))
        return name

    def _add_model(self, data: bytes) -> str:
        if self._store is not None:
            return self._store.add_model(data)
        glb.check(data)
        return stored_name(data, "glb")

    def _take(self, name: str, field: str, use: str, most: int, add: Callable[[bytes], str]) -> str:
        taken = self._taken.get((use, name))
        if taken is None:
            try:
                taken = add(_read(self._file(name, field), most, field))
            except (BadPicture, BadModel) as error:
                raise BadRow([FieldError(field, f"{name[:80]}: {error}")]) from error
            self._taken[use, name] = taken
        return taken

    def _file(self, name: str, field: str) -> Path:
        """The file below the folder that a name means, whatever links lie on the way. Raises `BadRow`."""
        if name.lower().startswith(_WEB):
            raise BadRow([FieldError(field, f"{name[:80]} is an address; nothing is fetched, name a file")])
        if self._root is None:
            raise BadRow([FieldError(field, "the row names files; give their folder with --pictures")])
        try:
            path = (self._root / name.replace("\\", "/")).resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise BadRow([FieldError(field, f"{name[:80]} is not in the folder of the pictures")]) from error
        if not path.is_relative_to(self._root) or not path.is_file():
            raise BadRow([FieldError(field, f"{name[:80]} is not a file in the folder of the pictures")])
        return path


def _read(path: Path, most: int, field: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise BadRow([FieldError(field, f"{path.name} cannot be read ({error.strerror})")]) from error
    if len(data) > most:
        raise BadRow([FieldError(field, f"{path.name} is larger than {most // 2**20} MiB")])
    return data
