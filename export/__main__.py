"""`python -m export GROUP`: converts, checks and publishes packs. Progress goes to standard output, one JSON a line."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import command
from .errors import ExportError, SourceError
from .index import members, merge
from .publish import pack_files, publish
from .recipe import Recipe
from .recipes import GROUPS
from .route import load

_CHUNK = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the packs of a group; 0 if every one passed its gate and lies in the target folder."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in command.COMMANDS:
        return command.main(words)
    if words and words[0] == "tiny":
        from .tiny.table import main as tiny  # torch is imported only where it is needed

        return tiny(words[1:])
    arguments = _parser().parse_args(words)
    made: dict[str, Path] = {}
    for recipe in GROUPS[arguments.group]:
        if arguments.only and recipe.name not in arguments.only:
            continue
        target = arguments.into / recipe.name
        try:
            _make(recipe, arguments.sources / recipe.name, target)
        except ExportError as error:
            _say(event="failed", pack=recipe.name, message=str(error))
            return 1
        made[recipe.name] = target
        _say(event="published", pack=recipe.name)
    if arguments.index:
        merge(arguments.index, GROUPS, made)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export", description="Makes model packs from source weights.")
    parser.add_argument("group", choices=sorted(GROUPS))
    parser.add_argument(
        "--sources", type=Path, required=True, help="folder with a folder of source files for each pack"
    )
    parser.add_argument("--into", type=Path, required=True, help="folder that the packs are published into")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these packs of the group alone")
    parser.add_argument("--index", type=Path, help="also put what was made into this index")
    return parser


def _make(recipe: Recipe, source: Path, target: Path) -> None:
    """One pack: its sources checked, converted, held against the source, published."""
    check_sources(recipe, source)
    route = load(recipe.route)
    if route.check is None or route.runner is None:
        raise ExportError(f"{recipe.name}: the route {recipe.route} cannot make packs of a group.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".convert-", dir=target.parent) as folder:
        _say(event="converting", pack=recipe.name)
        graphs = route.convert(recipe, source, Path(folder))
        _say(event="checking", pack=recipe.name)
        worst = route.check(recipe, source, graphs)
        _say(event="passed", pack=recipe.name, measured={name: float(f"{value:.2e}") for name, value in worst.items()})
        publish(pack_files(recipe, graphs, route.runner(recipe, source), against=route.against), target)


def check_sources(recipe: Recipe, folder: Path) -> None:
    """Checks that every staged file is the one that the recipe names, part by part; raises `SourceError`."""
    for name, parts in members(recipe).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != sum(part["bytes"] for part in parts):
            raise SourceError(f"{recipe.name}: {name} is missing or has another size than the recipe names.")
        with path.open("rb") as stream:
            for part in parts:
                hasher, left = hashlib.sha256(), part["bytes"]
                while left and (chunk := stream.read(min(_CHUNK, left))):
                    hasher.update(chunk)
                    left -= len(chunk)
                if hasher.hexdigest() != part["sha256"]:
                    raise SourceError(f"{recipe.name}: {name} is not the file that the recipe names.")


def _say(**event: object) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main())
