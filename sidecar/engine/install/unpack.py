"""Takes single, named, hash-checked members out of an archive; nothing else in it is ever written."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from ..index import Member
from .errors import DamagedDownload

_CHUNK = 1 << 20


def extract(archive: Path, members: Mapping[Path, Member]) -> None:
    """Writes each member to the path that it is mapped from.

    A member must be a plain file of exactly the listed size and sha256; its own name never becomes a path. Raises
    `DamagedDownload` if one is missing or different.
    """
    wanted = dict(members)
    try:
        if zipfile.is_zipfile(archive):
            _from_zip(archive, wanted)
        else:
            _from_tar(archive, wanted)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise DamagedDownload(f"{archive.name} cannot be unpacked; run the same command again.") from error
    if wanted:
        missing = ", ".join(member.path for member in wanted.values())
        raise DamagedDownload(f"{archive.name} does not hold {missing}.")


def _from_zip(archive: Path, wanted: dict[Path, Member]) -> None:
    with zipfile.ZipFile(archive) as bundle:
        sizes = {item.filename: item.file_size for item in bundle.infolist()}
        for target, member in list(wanted.items()):
            if sizes.get(member.path) == member.bytes:
                with bundle.open(member.path) as stream:
                    _write(stream, target, member)
                del wanted[target]


def _from_tar(archive: Path, wanted: dict[Path, Member]) -> None:
    with tarfile.open(archive, "r:*") as bundle:
        for item in bundle:
            for target, member in list(wanted.items()):
                if item.name == member.path and item.isreg() and item.size == member.bytes:
                    stream = bundle.extractfile(item)
                    if stream is not None:
                        _write(stream, target, member)
                        del wanted[target]
            if not wanted:
                return


def _write(stream: IO[bytes], target: Path, member: Member) -> None:
    """A piece at a time, and no byte more than the listed size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    hasher, left = hashlib.sha256(), member.bytes
    try:
        with part.open("wb") as file:
            while left and (chunk := stream.read(min(_CHUNK, left))):
                file.write(chunk)
                hasher.update(chunk)
                left -= len(chunk)
        if left or stream.read(1) or hasher.hexdigest() != member.sha256:
            raise DamagedDownload(f"{member.path} is not the file that this version was made for.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
