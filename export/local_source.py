"""A source folder made from files that the user has: the ones that the recipe reads, linked or copied, hashed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .errors import PickleRefused, SourceError
from .formats import WEIGHT_SUFFIXES, is_pickle_name
from .origin import Advance, Fetched, Local, check_path, matches, sha256

MAX_FILES = 512


def fetch(local: Local, folder: Path, patterns: tuple[str, ...], *, advance: Advance) -> tuple[Fetched, ...]:
    """Lays the files that the patterns choose into `folder`, hard-linked where the disk allows it.

    A single file takes the place of the one weight file that the patterns name; files beside it that the recipe reads
    (a configuration, a tokenizer) come along. Raises `SourceError`, or `PickleRefused` if the weights are pickles.
    """
    chosen = choose(local, patterns)
    fetched: list[Fetched] = []
    before = 0
    for path, origin in sorted(chosen.items()):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        _lay(origin, target)
        done = before
        digest = sha256(target, lambda read, done=done: advance(done + read))  # type: ignore[misc]
        fetched.append(Fetched(path, target.stat().st_size, digest))
        before += fetched[-1].bytes
    return tuple(fetched)


def choose(local: Local, patterns: tuple[str, ...]) -> dict[str, Path]:
    """Path in the source folder -> file of the user's. Raises `SourceError`, `PickleRefused`."""
    if local.path.is_file():
        return _around(local.path, patterns)
    found = _listing(local.path)
    chosen = {path: file for path, file in found.items() if matches(path, patterns) and not is_pickle_name(path)}
    if not any(_is_weights(path) for path in chosen):
        _refuse_pickles(local.path, list(found))
        raise SourceError(f"{local.path} has no weights that the recipe reads ({', '.join(patterns)}).")
    return chosen


def _around(file: Path, patterns: tuple[str, ...]) -> dict[str, Path]:
    if is_pickle_name(file.name):
        _refuse_pickles(file.parent, [file.name])
    suffix = file.suffix.lower()
    if suffix not in WEIGHT_SUFFIXES and file.name != "model.bin":
        raise SourceError(f"{file.name} is not a safetensors, ONNX or GGUF file.")
    places = [pattern for pattern in patterns if pattern.endswith(suffix)]
    if len(places) != 1:
        raise SourceError(f"The recipe does not read one single {suffix} file; give the folder instead.")
    place = file.name if "*" in places[0] or "?" in places[0] or "[" in places[0] else places[0]
    beside = {
        path: other
        for path, other in _listing(file.parent, deep=False).items()
        if matches(path, patterns) and not _is_weights(path) and not is_pickle_name(path)
    }
    data = {  # constants that an ONNX file keeps beside it
        path: other for path, other in _listing(file.parent, deep=False).items() if path.startswith(file.name + ".data")
    }
    return {**beside, **data, place: file}


def _listing(folder: Path, *, deep: bool = True) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*") if deep else folder.glob("*")):
        path = file.relative_to(folder).as_posix()
        if not file.is_file() or path.startswith("."):
            continue
        check_path(path)
        found[path] = file
        if len(found) > MAX_FILES * 8:
            raise SourceError(f"{folder} has too many files for a model's folder.")
    return found


def _is_weights(path: str) -> bool:
    return Path(path).suffix.lower() in WEIGHT_SUFFIXES or path.split("/")[-1] == "model.bin"


def _refuse_pickles(folder: Path, names: list[str]) -> None:
    pickles = [name for name in names if is_pickle_name(name)]
    if pickles:
        raise PickleRefused(
            f"{folder} has its weights as pickles only ({pickles[0]}), and reading a pickle can run any program. "
            "Convert it where you trust it, with safetensors' own converter, or use a source that has safetensors, "
            "ONNX or GGUF files."
        )


def _lay(origin: Path, target: Path) -> None:
    """A link to a model of several GB costs nothing; a copy is made where links do not reach (another disk)."""
    target.unlink(missing_ok=True)
    real = origin.resolve()  # the hub's own cache keeps links to its blobs
    try:
        os.link(real, target)
    except OSError:
        part = target.with_name(target.name + ".part")
        shutil.copyfile(real, part)
        part.replace(target)
