"""Files beside the database, named by the sha256 of what they hold: pictures and 3D models.

Whatever comes in is checked before it is decoded, decoded, and written anew by our own encoder, so that what is served
later is ours: opaque pictures as JPEG, others as PNG, part maps as grey PNG. A file is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import glb, picture_files
from .errors import CatalogError

PICTURE_NAME = re.compile(r"^[0-9a-f]{64}\.(jpg|png)\Z")
MODEL_NAME = re.compile(r"^[0-9a-f]{64}\.glb\Z")
_PART = ".part-"
_STALE_S = 3600.0

Pixels = NDArray[np.uint8]


def stored_name(data: bytes, suffix: str) -> str:
    """The name under which a file of these bytes is kept."""
    return f"{hashlib.sha256(data).hexdigest()}.{suffix}"


class PictureStore:
    """The folder of one catalogue's files. It is made at the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a stored file lies. Raises `CatalogError` for what is no name of the store."""
        if not (PICTURE_NAME.match(name) or MODEL_NAME.match(name)):
            raise CatalogError("That is not the name of a file of the catalogue.")
        return self.folder / name[:2] / name

    def has(self, name: str) -> bool:
        """Whether a file of this name is here."""
        return bool(PICTURE_NAME.match(name) or MODEL_NAME.match(name)) and self.path(name).is_file()

    def add_picture(self, data: bytes) -> str:
        """Takes a JPEG, PNG or WebP file; the stored name. Raises `picture_files.BadPicture`."""
        return self.put(*picture_files.canonical(data))

    def add_pixels(self, pixels: Pixels) -> str:
        """Takes (H, W) bytes or (H, W, 3 or 4) RGB(A), lossless; the stored name."""
        return self.put(picture_files.png(pixels), "png")

    def add_model(self, data: bytes) -> str:
        """Takes a GLB file; the stored name. Raises `glb.BadModel`."""
        glb.check(data)
        return self.put(data, "glb")

    def read(self, name: str) -> bytes:
        """A stored file's bytes, held against its name. Raises `CatalogError`."""
        try:
            data = self.path(name).read_bytes()
        except OSError as error:
            raise CatalogError(f"The picture {name[:12]} is gone; import its product again.") from error
        if hashlib.sha256(data).hexdigest() != name[:64]:
            raise CatalogError(f"{self.path(name)} is damaged; delete it and import its product again.")
        return data

    def pixels(self, name: str) -> Pixels:
        """A stored picture as (H, W, 4) RGBA, or (H, W) where it is grey. Raises `CatalogError`."""
        try:
            return picture_files.pixels(self.read(name))
        except picture_files.BadPicture as error:
            raise CatalogError(f"The picture {name[:12]} cannot be decoded: {error}") from error

    def sweep(self) -> None:
        """Removes what a killed writer left behind."""
        for part in self.folder.glob(f"*/{_PART}*"):
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink(missing_ok=True)

    def put(self, data: bytes, suffix: str) -> str:
        """Keeps a file as it is: one that `picture_files` or `glb` made or checked. The stored name."""
        name = stored_name(data, suffix)
        target = self.path(name)
        if target.is_file() and target.stat().st_size == len(data):
            return name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = tempfile.mkstemp(prefix=_PART, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).replace(target)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        return name
