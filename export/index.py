"""The index that serving checks packs against, made from the recipes and what they convert to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .recipe import HubSource, Recipe, RegistrySource
from .route import REQUIREMENTS

SCHEMA = 2


def merge(path: Path, groups: Mapping[str, Sequence[Recipe]], packs: Mapping[str, Path]) -> None:
    """Puts the published `packs` (name -> folder) into the index at `path`, in place of what it says of them.

    What it says of other packs stays; a pack that no group has goes. Written beside it, then renamed.
    """
    known = json.loads(path.read_bytes())["packs"] if path.exists() else {}
    recipes = {recipe.name: recipe for members in groups.values() for recipe in members}
    made = {name: entry(recipes[name], folder) for name, folder in packs.items()}
    entries = {name: made.get(name, known.get(name)) for name in recipes if name in made or name in known}
    archives = {key(source): archive(source) for name in entries for source in sources(recipes[name])}
    document = {
        "schema": SCHEMA,
        "groups": {group: listed for group, members in groups.items() if (listed := _listed(members, entries))},
        "archives": archives,
        "packs": entries,
    }
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(json.dumps(document, indent=2).encode() + b"\n")
    part.replace(path)


def _listed(members: Sequence[Recipe], entries: Mapping[str, Any]) -> list[str]:
    return [recipe.name for recipe in members if recipe.name in entries]


def sources(recipe: Recipe) -> tuple[RegistrySource, ...]:
    """The archives that a pack of a group is made from; raises `TypeError` for one from a model hub."""
    if isinstance(recipe.source, HubSource):
        raise TypeError(f"{recipe.name} comes from a model hub, so no group can hold it")
    return recipe.source


def key(source: RegistrySource) -> str:
    """The name of an archive in the index."""
    return f"{source.registry}:{source.package}/{source.file}"


def archive(source: RegistrySource) -> dict[str, Any]:
    """What the index says of an archive."""
    return {
        "registry": source.registry,
        "package": source.package,
        "version": source.version,
        "file": source.file,
        "sha256": source.sha256,
        "bytes": source.bytes,
    }


def members(recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """By staged file: the members that it is joined from, in the order of the recipe's sources."""
    staged: dict[str, list[dict[str, Any]]] = {}
    for source in sources(recipe):
        for name, (path, sha256, size) in source.members.items():
            part = {"archive": key(source), "path": path, "sha256": sha256, "bytes": size}
            staged.setdefault(name, []).append(part)
    return staged


def entry(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What the index says of a pack that was published into `folder`."""
    files = sorted(folder.iterdir(), key=lambda file: (file.name != "manifest.json", file.name))
    found: dict[str, Any] = {
        "version": recipe.version,
        "licence": recipe.licence.spdx,
        "environment": REQUIREMENTS[recipe.route],
        "members": members(recipe),
        "files": {file.name: _digest(file) for file in files},
    }
    return found if recipe.restriction == "none" else found | {"restriction": recipe.restriction}


def _digest(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        hasher = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return {"sha256": hasher.hexdigest(), "bytes": file.stat().st_size}
