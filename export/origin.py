"""Where the source files of an export come from, and what was fetched."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .errors import SourceError

_HUB_ID = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}(@[A-Za-z0-9][A-Za-z0-9._/-]{0,95})?$"
)
_CHUNK = 1 << 20

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Hub:
    """A repository of the model hub, `owner/name`, at a revision (a branch, a tag or a commit)."""

    repository: str
    revision: str


@dataclass(frozen=True)
class Local:
    """A folder or a single file of the user's."""

    path: Path


@dataclass(frozen=True)
class Fetched:
    """One file that lies in the source folder: its path there (`/` between parts), its size, its sha256.

    `repository` and `commit` say where the hub has it; both are empty for the user's own files.
    """

    path: str
    bytes: int
    sha256: str
    repository: str = ""
    commit: str = ""


def parse(text: str) -> Hub | Local:
    """What `--from` names: a folder or a file that exists, else a hub repository `OWNER/NAME` or `OWNER/NAME@REVISION`.

    Raises `SourceError` if it is neither.
    """
    path = Path(text).expanduser()
    if path.exists():
        return Local(path.absolute())
    if _HUB_ID.match(text):
        repository, _, revision = text.partition("@")
        return Hub(repository, revision or "main")
    raise SourceError(
        f"--from {text}: there is no such folder or file, and it is no repository of the hub either (OWNER/NAME, or "
        "OWNER/NAME@REVISION)."
    )


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a file of a repository or a folder is one that the recipe fetches; `*` goes over `/` too, as on the
    hub.
    """
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def check_path(path: str) -> None:
    """Refuses a file name from elsewhere that could leave the folder it is put into. Raises `SourceError`."""
    parts = path.split("/")
    if not path or "\\" in path or ":" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise SourceError(f"The source has a file with the impossible name {path[:80]!r}.")


def sha256(path: Path, advance: Advance = lambda done: None) -> str:
    """The sha256 of a file, in hex; `advance` is told the bytes that were read."""
    hasher, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
            done += len(chunk)
            advance(done)
    return hasher.hexdigest()
