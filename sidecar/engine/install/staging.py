"""Source files of packs on their way to the converter: which members are missing, and parts joined to one file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..index import Index, Member

_CHUNK = 1 << 20


class Staging:
    """Lays `<folder>/<pack>/<source file>`, each as its members in order. Whatever is there is kept if it is right."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder = folder
        self._index = index

    def missing(self, names: Iterable[str]) -> dict[str, dict[Path, Member]]:
        """By archive: where each member that is not there yet has to go."""
        wanted: dict[str, dict[Path, Member]] = {}
        for name in names:
            for file, parts in self._index.packs[name].members.items():
                target = self.folder / name / file
                if _holds(target, parts):
                    continue
                for place, part in _places(target, parts).items():
                    if not _holds(place, (part,)):
                        wanted.setdefault(part.archive, {})[place] = part
        return wanted

    def join(self, names: Iterable[str]) -> None:
        """Makes one file of each that came in parts; they are deleted as they are used up."""
        for name in names:
            for file, parts in self._index.packs[name].members.items():
                target = self.folder / name / file
                if len(parts) > 1 and not _holds(target, parts):
                    _join(list(_places(target, parts)), target)


def _places(target: Path, parts: tuple[Member, ...]) -> Mapping[Path, Member]:
    if len(parts) == 1:
        return {target: parts[0]}
    return {target.with_name(f".{target.name}.{number}"): part for number, part in enumerate(parts)}


def _join(places: list[Path], target: Path) -> None:
    joined = target.with_name(f".{target.name}.part")
    with joined.open("wb") as stream:
        for place in places:
            with place.open("rb") as part:
                shutil.copyfileobj(part, stream, _CHUNK)
    joined.replace(target)
    for place in places:
        place.unlink()


def _holds(path: Path, parts: tuple[Member, ...]) -> bool:
    """Whether the file is these members, one after the other."""
    if not path.is_file() or path.stat().st_size != sum(part.bytes for part in parts):
        return False
    with path.open("rb") as stream:
        for part in parts:
            hasher, left = hashlib.sha256(), part.bytes
            while left and (chunk := stream.read(min(_CHUNK, left))):
                hasher.update(chunk)
                left -= len(chunk)
            if hasher.hexdigest() != part.sha256:
                return False
    return True
