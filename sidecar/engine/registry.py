"""Which packs are installed, and where."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import NotFound
from .index import Index, shipped
from .pack import Pack, PackMissing


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Vitrine's own folder: VITRINE_HOME, else the platform's cache folder (LOCALAPPDATA or XDG_CACHE_HOME)."""
    if chosen := environ.get("VITRINE_HOME"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "vitrine"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "vitrine"


@dataclass(frozen=True)
class PackState:
    """One row of `model.list`. `bytes` is the size on disk, or what it would be; `problem` says what is wrong."""

    name: str
    state: Literal["installed", "missing", "corrupt"]
    bytes: int
    licence: str
    problem: str = ""
    device: str = ""


class Registry:
    """The packs under one folder (default: `packs` in Vitrine's own). Nothing is read until it is asked for."""

    def __init__(self, root: Path | str | None = None, *, index: Index | None = None) -> None:
        self.root = Path(root).absolute() if root else home() / "packs"
        self.index = index or shipped()

    def open(self, name: str) -> Pack:
        """The pack `name`, ready to be read. Raises `PackMissing`, `PackCorrupt`, or `NotFound` for an unknown name."""
        self.index.entry(name)  # before a name that is not in the index becomes part of a path
        return Pack.open(self.root / name, index=self.index)

    def state(self, name: str) -> PackState:
        """Whether a pack is installed, by file names, sizes and the manifest's hash; model files are not hashed."""
        entry = self.index.entry(name)
        try:
            self.open(name)
        except PackMissing:
            return PackState(name, "missing", entry.total_bytes, entry.licence)
        except NotFound as error:
            return PackState(name, "corrupt", entry.total_bytes, entry.licence, problem=str(error))
        return PackState(name, "installed", entry.total_bytes, entry.licence)

    def states(self) -> list[PackState]:
        """The state of every pack that the index knows."""
        return [self.state(name) for name in self.index.packs]

    def listing(self) -> list[dict[str, Any]]:
        """The states as the rows of `model.list`: `{name, state, device, bytes, licence}`."""
        return [{key: value for key, value in asdict(row).items() if key != "problem"} for row in self.states()]

    def installed(self) -> dict[str, Pack]:
        """Every pack that can be read."""
        return {row.name: self.open(row.name) for row in self.states() if row.state == "installed"}
