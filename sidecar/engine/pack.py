"""A pack on disk: opened against the index, read only after its hash is right."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..errors import NotFound
from .index import Index, PackEntry, shipped
from .manifest import MANIFEST_FILE, Manifest, Variant, decode

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_CHUNK = 1 << 20


class PackMissing(NotFound):
    """The pack is not installed."""

    def __init__(self, name: str, *, local: bool = False) -> None:
        super().__init__(f"The model {name} is not installed; run: {_command(name, local=local)}")


class PackCorrupt(NotFound):
    """The pack is not what the index says, so nothing of it may be loaded."""

    def __init__(self, name: str, reason: str, *, local: bool = False) -> None:
        super().__init__(f"The model {name} is damaged ({reason}); run: {_command(name, local=local)}")


class PackRefused(NotFound):
    """The pack holds something that the engine does not run, or is not what its own manifest says."""

    def __init__(self, name: str, reason: str, *, local: bool = False) -> None:
        super().__init__(f"The model {name} is refused: {reason[:200]}; run: {_command(name, local=local)}")


def _command(name: str, *, local: bool) -> str:
    return f"vitrine export {name}" if local else f"vitrine models install {name}"


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
        text = _read(name, folder / MANIFEST_FILE, entry)
        try:
            manifest = decode(text)
        except msgspec.DecodeError as error:
            raise PackCorrupt(name, "its manifest is not valid", local=entry.is_local) from error
        listed = {file.name: file.bytes for file in manifest.files}
        expected = {file: digest.bytes for file, digest in entry.files.items() if file != MANIFEST_FILE}
        if manifest.name != name or listed != expected:
            raise PackCorrupt(name, "its manifest does not fit the index", local=entry.is_local)
        return cls(folder, manifest, entry)

    def variants(self, graph: str, provider: str) -> tuple[Variant, ...]:
        """The variants of a graph that may run on `provider` (`cuda`, `directml`, `cpu`), in the manifest's order."""
        return tuple(variant for variant in self.manifest.graph(graph).variants if provider in variant.providers)

    def read(self, file: str) -> bytes:
        """The verified bytes of one listed file. What was hashed is what is returned: the file is read once.

        Raises `PackCorrupt` if they are not those that the index names, `KeyError` for a file that is not listed.
        """
        return _read(self.manifest.name, self.folder / file, self.entry)

    def check(self) -> None:
        """Hashes every file, a piece at a time; raises `PackCorrupt` at the first that is wrong."""
        _check_listing(self.manifest.name, self.folder, self.entry)
        for file in self.entry.files:
            _hash(self.manifest.name, self.folder / file, self.entry)

    def refused(self, reason: str) -> PackRefused:
        """The error for a pack whose files are those that the index names, and yet not what its manifest says."""
        return PackRefused(self.manifest.name, reason, local=self.entry.is_local)


def _check_listing(name: str, folder: Path, entry: PackEntry) -> None:
    """The folder holds the listed files, as plain files of the right sizes, and nothing else."""
    local = entry.is_local
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise PackCorrupt(name, "its folder is a link or a file", local=local)
        with os.scandir(folder) as found:
            sizes = {item.name: _plain_size(item) for item in found}
    except FileNotFoundError as error:
        raise PackMissing(name, local=local) from error
    except OSError as error:
        raise PackCorrupt(name, "its folder cannot be read", local=local) from error
    for file, digest in entry.files.items():
        if file not in sizes:
            raise PackCorrupt(name, f"{file} is missing", local=local)
        if sizes[file] != digest.bytes:
            raise PackCorrupt(name, f"{file} is not a file of the right size", local=local)
    if len(sizes) != len(entry.files):
        raise PackCorrupt(name, "it holds files that do not belong to it", local=local)


def _plain_size(item: os.DirEntry[str]) -> int | None:
    """Bytes of a plain file; None for a link, a junction, a folder or a device."""
    status = item.stat(follow_symlinks=False)
    is_reparse_point = getattr(status, "st_file_attributes", 0) & 0x400  # FILE_ATTRIBUTE_REPARSE_POINT
    return status.st_size if stat.S_ISREG(status.st_mode) and not is_reparse_point else None


def _read(name: str, path: Path, entry: PackEntry) -> bytes:
    """Reads exactly the listed number of bytes and compares their sha256."""
    digest = entry.files[path.name]
    with _opened(name, path, entry) as stream:
        data = stream.read(digest.bytes)
    _compare(name, path, entry, hashlib.sha256(data).hexdigest())
    return data


def _hash(name: str, path: Path, entry: PackEntry) -> None:
    """As `_read`, without holding the file."""
    hasher = hashlib.sha256()
    with _opened(name, path, entry) as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    _compare(name, path, entry, hasher.hexdigest())


@contextmanager
def _opened(name: str, path: Path, entry: PackEntry) -> Iterator[BinaryIO]:
    try:
        with os.fdopen(os.open(path, _READ_FLAGS), "rb") as stream:
            if os.fstat(stream.fileno()).st_size != entry.files[path.name].bytes:
                raise PackCorrupt(name, f"{path.name} has another size", local=entry.is_local)
            yield stream
    except OSError as error:
        raise PackCorrupt(name, f"{path.name} cannot be read", local=entry.is_local) from error


def _compare(name: str, path: Path, entry: PackEntry, sha256: str) -> None:
    if sha256 != entry.files[path.name].sha256:
        raise PackCorrupt(name, f"{path.name} is not the published file", local=entry.is_local)
