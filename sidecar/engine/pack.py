"""A pack on disk: opened against the index, read only after its hash is right."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import NotFound
from .index import Digest, Index, PackEntry, shipped
from .manifest import MANIFEST_FILE, Manifest, Variant, decode

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class PackMissing(NotFound):
    """The pack is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The model {name} is not installed; run: vitrine models install {name}")


class PackCorrupt(NotFound):
    """The pack is not what the index says, so nothing of it may be loaded."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The model {name} is damaged ({reason}); run: vitrine models install {name}")


@dataclass(frozen=True)
class Pack:
    """One installed pack. `open` makes it; its manifest is verified, its other files are verified when read."""

    folder: Path
    manifest: Manifest
    entry: PackEntry

    @classmethod
    def open(cls, folder: Path, *, index: Index | None = None) -> Pack:
        """Opens the pack in `folder`, whose name is the pack's: checks file names, sizes and the manifest's hash.

        Raises `PackMissing`, `PackCorrupt`, or `NotFound` if the index knows no pack of that name. Does not hash the
        model files: `read` and `check` do.
        """
        name = folder.name
        entry = (index or shipped()).entry(name)
        _check_listing(name, folder, entry)
        text = _read(name, folder / MANIFEST_FILE, entry.files[MANIFEST_FILE])
        try:
            manifest = decode(text)
        except msgspec.DecodeError as error:
            raise PackCorrupt(name, "its manifest is not valid") from error
        listed = {file.name: file.bytes for file in manifest.files}
        expected = {file: digest.bytes for file, digest in entry.files.items() if file != MANIFEST_FILE}
        if manifest.name != name or listed != expected:
            raise PackCorrupt(name, "its manifest does not fit the index")
        return cls(folder, manifest, entry)

    def variant(self, provider: str) -> Variant | None:
        """The first variant that may run on `provider` (`cuda`, `directml`, `cpu`)."""
        return next((variant for variant in self.manifest.variants if provider in variant.providers), None)

    def read(self, variant: Variant) -> bytes:
        """The verified bytes of a variant's file. What was hashed is what is returned: the file is read once.

        Raises `PackCorrupt` if they are not those that the index names.
        """
        return _read(self.manifest.name, self.folder / variant.file, self.entry.files[variant.file])

    def check(self) -> None:
        """Hashes every file; raises `PackCorrupt` at the first that is wrong."""
        _check_listing(self.manifest.name, self.folder, self.entry)
        for file, digest in self.entry.files.items():
            _read(self.manifest.name, self.folder / file, digest)


def _check_listing(name: str, folder: Path, entry: PackEntry) -> None:
    """The folder holds the listed files, as plain files of the right sizes, and nothing else."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise PackCorrupt(name, "its folder is a link or a file")
        with os.scandir(folder) as found:
            sizes = {item.name: _plain_size(item) for item in found}
    except FileNotFoundError as error:
        raise PackMissing(name) from error
    except OSError as error:
        raise PackCorrupt(name, "its folder cannot be read") from error
    for file, digest in entry.files.items():
        if file not in sizes:
            raise PackCorrupt(name, f"{file} is missing")
        if sizes[file] != digest.bytes:
            raise PackCorrupt(name, f"{file} is not a file of the right size")
    if len(sizes) != len(entry.files):
        raise PackCorrupt(name, "it holds files that do not belong to it")


def _plain_size(item: os.DirEntry[str]) -> int | None:
    """Bytes of a plain file; None for a link, a junction, a folder or a device."""
    status = item.stat(follow_symlinks=False)
    is_reparse_point = getattr(status, "st_file_attributes", 0) & 0x400  # FILE_ATTRIBUTE_REPARSE_POINT
    return status.st_size if stat.S_ISREG(status.st_mode) and not is_reparse_point else None


def _read(name: str, path: Path, digest: Digest) -> bytes:
    """Reads exactly the listed number of bytes and compares their sha256."""
    try:
        with os.fdopen(os.open(path, _READ_FLAGS), "rb") as stream:
            if os.fstat(stream.fileno()).st_size != digest.bytes:
                raise PackCorrupt(name, f"{path.name} has another size")
            data = stream.read(digest.bytes)
    except OSError as error:
        raise PackCorrupt(name, f"{path.name} cannot be read") from error
    if hashlib.sha256(data).hexdigest() != digest.sha256:
        raise PackCorrupt(name, f"{path.name} is not the published file")
    return data
