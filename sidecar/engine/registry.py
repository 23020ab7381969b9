"""Which packs are installed, and where: those that this version knows, and those that a person exported."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import NotFound
from . import local_index
from .index import Index, shipped
from .pack import Pack, PackMissing

log = logging.getLogger("vitrine.registry")
LISTED = ("name", "state", "bytes", "licence", "device")  # of a row, what the wire has


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Vitrine's own folder: VITRINE_HOME, else the platform's cache folder (LOCALAPPDATA or XDG_CACHE_HOME)."""
    if chosen := environ.get("VITRINE_HOME"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "vitrine"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "vitrine"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@dataclass(frozen=True)
class PackState:
    """One row of `model.list`. `bytes` is the size on disk, or what it would be; `problem` says what is wrong;
    `origin` is `vitrine` for what ships with it, `yours` for what was exported here."""

    name: str
    state: Literal["installed", "missing", "corrupt"]
    bytes: int
    licence: str
    problem: str = ""
    device: str = ""
    origin: str = ""
    restriction: str = "none"


class Registry:
    """The packs under one folder (default: `packs` in Vitrine's own). Nothing is read until it is asked for.

    In Vitrine's own folder the index of exported packs counts too. When that cannot be used, they are missing and
    `local_problem` says why; the packs that this version knows are there all the same.
    """

    def __init__(self, root: Path | str | None = None, *, index: Index | None = None) -> None:
        own = home() / "packs"
        self.root = Path(root).absolute() if root else own
        self.home = own.parent if self.root == own else None
        self.local_problem = ""
        self._shipped = index or shipped()
        self._index = self._shipped
        self._seen: tuple[int, int, int] | None = None

    @property
    def index(self) -> Index:
        """Every pack that may be here; read again when the index of exported packs has changed."""
        if self.home is not None and (seen := _stamp(self.home / local_index.FILE)) != self._seen:
            try:
                self._index, self.local_problem = self._shipped.plus(local_index.read(self.home)), ""
            except local_index.LocalIndexError as error:
                self._index, self.local_problem = self._shipped, str(error)
                log.error("exported models are not offered: %s", error)
            self._seen = seen
        return self._index

    def open(self, name: str) -> Pack:
        """The pack `name`, ready to be read. Raises `PackMissing`, `PackCorrupt`, or `NotFound` for an unknown name."""
        self.index.entry(name)  # before a name that is not in the index becomes part of a path
        return Pack.open(self.root / name, index=self.index)

    def state(self, name: str) -> PackState:
        """Whether a pack is installed, by file names, sizes and the manifest's hash; model files are not hashed."""
        entry = self.index.entry(name)
        state: Literal["installed", "missing", "corrupt"] = "installed"
        problem = ""
        try:
            self.open(name)
        except PackMissing:
            state = "missing"
        except NotFound as error:
            state, problem = "corrupt", str(error)
        origin = "yours" if entry.is_local else "vitrine"
        restriction = entry.restriction
        return PackState(name, state, entry.total_bytes, entry.licence, problem, origin=origin, restriction=restriction)

    def states(self) -> list[PackState]:
        """The state of every pack that the index knows."""
        return [self.state(name) for name in self.index.packs]

    def listing(self) -> list[dict[str, Any]]:
        """The states as the rows of `model.list`: `{name, state, device, bytes, licence}`."""
        return [{key: value for key, value in asdict(row).items() if key in LISTED} for row in self.states()]

    def installed(self) -> dict[str, Pack]:
        """Every pack that can be read."""
        return {row.name: self.open(row.name) for row in self.states() if row.state == "installed"}
