"""Source folders of small random models, written once a test session."""

from __future__ import annotations

from pathlib import Path

from export.recipe import Recipe
from export.recipes.hub import RECIPES
from export.tiny.source import write

BY_NAME = {recipe.name: recipe for recipe in RECIPES}


class Sources:
    """Recipe name -> the recipe and the folder of its small model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> tuple[Recipe, Path]:
        recipe, source = BY_NAME[name], self._folder / name
        if not source.exists():
            write(recipe, source)
        return recipe, source
