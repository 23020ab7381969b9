"""What a person exported on this machine: an index of their own beside the packs, which only they can write.

It says which bytes a pack must have, so it is trusted like a key: it is refused when others could have written it.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .index import PackEntry, shipped
from .manifest import PackName

FILE = "index.json"
MAX_BYTES = 4 * 2**20
MAX_PACKS = 1000
_PRIVATE = 0o600


class LocalIndexError(RuntimeError):
    """The index of exported packs cannot be used or changed; the message says what to do."""


class LocalIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every pack that a person exported here."""

    schema: Literal[2]
    packs: Annotated[dict[PackName, PackEntry], Meta(max_length=MAX_PACKS)]

    def __post_init__(self) -> None:
        """A `ValueError` here reaches the reader as `msgspec.ValidationError`."""
        if any(entry.members for entry in self.packs.values()):
            raise ValueError("an exported pack has no archives")


def read(home: Path) -> dict[str, PackEntry]:
    """The packs that were exported into Vitrine's folder `home`; none where there is no index yet.

    Raises `LocalIndexError` when the file is a link, writable by others, too large, or not an index.
    """
    path = home / FILE
    try:
        status = path.lstat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LocalIndexError(f"{path} cannot be read ({error.strerror}).") from error
    _check_owner(path, status)
    if status.st_size > MAX_BYTES:
        raise LocalIndexError(f"{path} is too large to be an index. Remove it and export your models again.")
    try:
        return msgspec.json.decode(path.read_bytes(), type=LocalIndex).packs
    except (msgspec.DecodeError, OSError) as error:
        raise LocalIndexError(f"{path} is damaged. Remove it and export your models again.") from error


def add(home: Path, name: str, entry: PackEntry) -> None:
    """Puts a pack into the index, in place of an older one of its name. Call it under the lock of the packs' folder.

    Raises `LocalIndexError` for a name that the project's own index has, for an entry that no export makes, or for one
    too many.
    """
    if name in shipped().packs or name in shipped().groups:
        raise LocalIndexError(f"{name} is the name of one of Vitrine's own models; choose another with --name.")
    packs = read(home) | {name: entry}
    _write(home, packs)


def remove(home: Path, name: str) -> bool:
    """Takes a pack out of the index; whether it was in there. Raises `LocalIndexError`."""
    packs = read(home)
    if packs.pop(name, None) is None:
        return False
    _write(home, packs)
    return True


def _write(home: Path, packs: Mapping[str, PackEntry]) -> None:
    """Written beside it, flushed, then renamed: the index is the old one or the new one."""
    text = msgspec.json.format(msgspec.json.encode({"schema": 2, "packs": packs}), indent=2) + b"\n"
    try:
        msgspec.json.decode(text, type=LocalIndex)
    except msgspec.DecodeError as error:
        raise LocalIndexError(f"The index of exported models cannot hold this pack ({error}).") from error
    if len(text) > MAX_BYTES:
        raise LocalIndexError("The index of exported models is full; remove some: vitrine models remove NAME.")
    home.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{FILE}.", dir=home)  # 0600 from its first byte
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(part).replace(home / FILE)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _check_owner(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise LocalIndexError(f"{path} is not a plain file. Remove it and export your models again.")
    if sys.platform == "win32":
        return  # the folder's own access list keeps others out
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise LocalIndexError(
            f"{path} could have been written by others, so nothing in it is trusted. "
            f"If it is yours, run: chmod 600 {path}"
        )
