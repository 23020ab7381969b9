"""The record of every pack: where its weights come from and the sha256 of each file it must hold.

The project's own ships with the code, so a folder of packs can be checked against something that its writer does not
own. What a person exported stands in a second one, in Vitrine's folder (`local_index.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import NotFound
from .manifest import PackName, Sha256, Word
from .runner_specs import FileName

MemberPath = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.@+-]+(/[A-Za-z0-9_.@+-]+)*$", max_length=200)]
Size = Annotated[int, Meta(ge=1, le=1 << 34)]


Environment = Literal["ready", "tflite", "torch"]
Restriction = Literal["none", "non-commercial", "use-restricted"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """As in the manifest: strict and unchanging."""


class Archive(_Strict, frozen=True, kw_only=True):
    """One file of a package registry; `bytes` is its exact size."""

    registry: Literal["pypi", "npm"]
    package: Word
    version: Word
    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$", max_length=200)]
    sha256: Sha256
    bytes: Size


class Member(_Strict, frozen=True, kw_only=True):
    """One file inside an archive, named by the archive's key in the index."""

    archive: Word
    path: MemberPath
    sha256: Sha256
    bytes: Size


class Digest(_Strict, frozen=True, kw_only=True):
    """What a file must be: its sha256 and its exact size."""

    sha256: Sha256
    bytes: Size


class PackEntry(_Strict, frozen=True, kw_only=True):
    """One pack: its version, its licence (SPDX), what it is made from, every file it holds.

    `members`: by the name of a source file, the members of archives that it is joined from, in order. It is empty for
    what a person exported. `environment`: which set of packages converts it. What a licence restricts is installed only
    when it is accepted by name.
    """

    version: Word
    licence: Word
    environment: Environment | None = None
    members: dict[FileName, Annotated[tuple[Member, ...], Meta(min_length=1, max_length=64)]] = {}
    restriction: Restriction = "none"
    files: dict[FileName, Digest]

    @property
    def total_bytes(self) -> int:
        """Size of the pack on disk, in bytes."""
        return sum(digest.bytes for digest in self.files.values())

    @property
    def parts(self) -> tuple[Member, ...]:
        """Every member that the pack is made from."""
        return tuple(part for joined in self.members.values() for part in joined)

    @property
    def is_local(self) -> bool:
        """Whether a person made it here: it cannot be installed, only exported again."""
        return not self.members


class Index(_Strict, frozen=True, kw_only=True):
    """All packs that this version knows, the groups they are installed by, the archives they are made from."""

    schema: Literal[2]
    groups: dict[PackName, tuple[PackName, ...]]
    archives: dict[Word, Archive]
    packs: dict[PackName, PackEntry]

    def __post_init__(self) -> None:
        """A `ValueError` here reaches the reader as `msgspec.ValidationError`."""
        for members in self.groups.values():
            if not set(members) <= set(self.packs):
                raise ValueError("a group names a pack that is not listed")
        if any(part.archive not in self.archives for entry in self.packs.values() for part in entry.parts):
            raise ValueError("a pack names an archive that is not listed")
        if any(entry.environment is None for entry in self.packs.values() if entry.members):
            raise ValueError("a pack does not say what converts it")
        grouped = {name for members in self.groups.values() for name in members}
        if any(name not in grouped for name, entry in self.packs.items() if entry.members):
            raise ValueError("a pack is in no group, so nothing would convert it")

    def entry(self, name: str) -> PackEntry:
        """What the pack `name` must be; raises `NotFound` if this version knows no such pack."""
        found = self.packs.get(name)
        if found is None:
            raise NotFound(f"There is no model pack {name!r}; run: vitrine models list")
        return found

    def expand(self, names: Iterable[str]) -> tuple[str, ...]:
        """Pack names for a mix of groups and packs, each once, in the order given; raises `NotFound`."""
        expanded: dict[str, None] = {}
        for name in names:
            for pack in self.groups.get(name, (name,)):
                self.entry(pack)
                expanded[pack] = None
        return tuple(expanded)

    def plus(self, packs: Mapping[str, PackEntry]) -> Index:
        """This index and these packs of a person; a name that this index has keeps its own entry."""
        return msgspec.structs.replace(self, packs={**packs, **self.packs})


def decode(text: bytes) -> Index:
    """Parses and validates an index; raises `msgspec.DecodeError` if it is bad."""
    return msgspec.json.decode(text, type=Index)


@lru_cache(maxsize=1)
def shipped() -> Index:
    """The index that ships with this version."""
    return decode(resources.files(__package__).joinpath("index.json").read_bytes())
