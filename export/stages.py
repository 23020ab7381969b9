"""Steps whose results stay: an export that was interrupted goes on at the step where it stopped.

A step's result is a folder and a record beside it. The record names the step's key (a hash of everything that the
result follows from) and the files; it is written last, so a folder without a fitting record is no result.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

MAX_RECORD_BYTES = 4 << 20


class Stages:
    """The work folder of one export."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def step(self, name: str, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of the step's result: made by `make(folder)`, or kept from an earlier try with the same key."""
        target = self.folder / name
        if self.is_done(name, key):
            return target
        self.drop(name)
        part = self.folder / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        part.replace(target)
        self.record(name, key)
        return target

    def is_done(self, name: str, key: str) -> bool:
        """Whether the step's result is there, complete and unchanged since."""
        record = _read(self._record(name))
        return record is not None and record.get("key") == key and record.get("files") == _listing(self.folder / name)

    def record(self, name: str, key: str) -> None:
        """Declares the folder of the step complete as it is."""
        text = json.dumps({"key": key, "files": _listing(self.folder / name)}, indent=1)
        part = self._record(name).with_suffix(".part")
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._record(name))

    def drop(self, name: str) -> None:
        """Removes a step's result."""
        self._record(name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def key_of(*parts: object) -> str:
    """A hash of what a step's result follows from: texts, numbers, and mappings and sequences of them."""
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return repr(value)


def _listing(folder: Path) -> dict[str, list[int]]:
    """Path -> size and time of change of every file; a hub library's own records do not count."""
    return {
        path.relative_to(folder).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "/.cache/" not in f"/{path.relative_to(folder).as_posix()}"
    }


def _read(path: Path) -> dict[str, object] | None:
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            return None
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
