"""The first step: the source files of a recipe in one folder, checked, with the terms that they come under."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from . import formats, licences, local_source
from .errors import ExportError
from .licences import Terms
from .origin import Fetched, Hub, Local
from .recipe import HubSource, Recipe
from .stages import Stages, key_of
from .telling import Tell

SOURCE = "source"
LISTED = "fetched.json"


@dataclass(frozen=True)
class Source:
    """The files that lie in the source folder, and their terms."""

    files: tuple[Fetched, ...]
    terms: Terms


def terms_before(recipe: Recipe, origin: Hub | Local | None) -> Terms | None:
    """The terms that are known before anything is fetched; None where only the hub can say."""
    if isinstance(origin, Local):
        return licences.of_own_files(recipe)
    if origin is None or (isinstance(recipe.source, HubSource) and origin.repository == recipe.source.repository):
        return licences.of_recipe(recipe)
    return None


def fetch(recipe: Recipe, origin: Hub | Local | None, accepted: str | None, stages: Stages, tell: Tell) -> Source:
    """Brings everything that the recipe reads into the folder `source` of the work folder.

    Raises `LicenceRefused` before the first byte of a weight is fetched, `HubError`, `SourceError` or `PickleRefused`.
    """
    assert isinstance(recipe.source, HubSource)
    before = terms_before(recipe, origin)
    if before is not None:
        before = licences.require(before, accepted, name=recipe.title)
    places = _places(recipe, origin)
    key = key_of([(part, _fingerprint(place, patterns), patterns) for part, (place, patterns, _) in places.items()])
    folder = stages.folder / SOURCE
    if stages.is_done(SOURCE, key) and before is not None:
        return Source(_read(stages.folder / LISTED), before)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Fetched] = []
    terms = before
    for part, (place, patterns, pins) in places.items():
        target = folder / part if part else folder
        target.mkdir(parents=True, exist_ok=True)
        found, stated = _bring(place, patterns, pins, target, tell, recipe, accepted if terms is None else None)
        terms = terms or stated
        files += [_within(part, file) for file in found]
    assert terms is not None
    _drop_strangers(folder, files)
    formats.check_folder(folder)
    (stages.folder / LISTED).write_text(json.dumps([asdict(file) for file in files]), "utf-8")
    stages.record(SOURCE, key)
    return Source(tuple(files), terms)


_Places = dict[str, tuple[Hub | Local, tuple[str, ...], Mapping[str, str]]]


def _places(recipe: Recipe, origin: Hub | Local | None) -> _Places:
    """Folder inside the source folder -> where its files come from, which of them, their pinned sha256.

    Another origin takes the place of the recipe's main source. A folder of the user's may have the parts inside
    already.
    """
    assert isinstance(recipe.source, HubSource)
    main = recipe.source
    own = origin or Hub(main.repository, main.revision)
    pins = main.sha256 if own == Hub(main.repository, main.revision) else {}
    places: _Places = {"": (own, main.files, pins)}
    for part, source in recipe.parts.items():
        place: Hub | Local = Hub(source.repository, source.revision)
        if isinstance(origin, Local) and (origin.path / part).is_dir():
            place = Local(origin.path / part)
        places[part] = (place, source.files, source.sha256 if isinstance(place, Hub) else {})
    return places


def _bring(
    place: Hub | Local,
    patterns: tuple[str, ...],
    pins: Mapping[str, str],
    target: Path,
    tell: Tell,
    recipe: Recipe,
    accepted: str | None,
) -> tuple[tuple[Fetched, ...], Terms | None]:
    """The files of one place; where `accepted` decides, the repository's own terms, required before its files."""
    if isinstance(place, Local):
        task = f"reading {place.path.name}"
        tell.begin(task, total=_size(place, patterns), unit="bytes")
        found = local_source.fetch(place, target, patterns, advance=lambda done: tell.advance(task, done))
        tell.end(task)
        return found, None
    from . import hub  # the hub's library is imported only where the hub is asked

    task = f"asking the hub for {place.repository}"
    tell.begin(task)
    remote = hub.look(place, patterns)
    tell.end(task)
    stated = licences.of_repository(recipe, remote.repository, remote.licence, hub.address(remote.repository))
    if _is_foreign(recipe, place):
        stated = licences.require(stated, accepted, name=remote.repository)
    task = f"fetching {place.repository}"
    tell.begin(task, total=remote.total_bytes, unit="bytes")
    found = hub.fetch(remote, target, pins=pins, advance=lambda done: tell.advance(task, done))
    tell.end(task)
    return found, stated


def _fingerprint(place: Hub | Local, patterns: tuple[str, ...]) -> object:
    """What tells one state of a place from another without asking the hub."""
    if isinstance(place, Hub):
        return [place.repository, place.revision]
    chosen = local_source.choose(place, patterns)
    return {path: [str(file), file.stat().st_size, file.stat().st_mtime_ns] for path, file in chosen.items()}


def _drop_strangers(folder: Path, files: list[Fetched]) -> None:
    """Removes what an earlier try fetched of another commit: nothing unlisted may be read."""
    listed = {file.path for file in files}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in listed and "/.cache/" not in f"/{name}":
            path.unlink()


def _is_foreign(recipe: Recipe, place: Hub) -> bool:
    """Whether a repository is one that the recipe's own terms say nothing of."""
    assert isinstance(recipe.source, HubSource)
    return place.repository not in {recipe.source.repository, *(part.repository for part in recipe.parts.values())}


def _within(part: str, file: Fetched) -> Fetched:
    path = f"{part}/{file.path}" if part else file.path
    return Fetched(path, file.bytes, file.sha256, file.repository, file.commit)


def _size(local: Local, patterns: tuple[str, ...]) -> int:
    return sum(path.stat().st_size for path in local_source.choose(local, patterns).values())


def _read(path: Path) -> tuple[Fetched, ...]:
    try:
        return tuple(Fetched(**row) for row in json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ExportError(f"{path} is damaged. Remove {path.parent} and run the same command again.") from error
