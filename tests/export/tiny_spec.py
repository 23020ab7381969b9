"""Recipes for models that a test builds."""

from __future__ import annotations

from dataclasses import replace

from export.recipe import Recipe
from export.recipes import iris
from export.recipes.mediapipe import image, output, recipe

SIZE = 8


def spec(*outputs: tuple[str, tuple[int, ...]], atol: float = 1e-4) -> Recipe:
    """A recipe with the input `image` [1, 8, 8, 3] and these source outputs, called o0, o1, ..."""
    named = {output(name, f"o{i}", shape, "a test"): atol for i, (name, shape) in enumerate(outputs)}
    made = recipe(
        "tiny",
        task="a test",
        card="none",
        weights=iris.RECIPE.source[0],
        picture=image("in", size=SIZE, low=-1.0, high=1.0),
        outputs=named,
        megabytes=1,
        memory_mb=1,
    )
    return replace(made, version="0.0.1")
