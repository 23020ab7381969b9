"""Recipes for models that a test builds."""

from __future__ import annotations

from dataclasses import replace

from export.recipes import iris
from export.spec import ModelSpec, image, output

SIZE = 8


def spec(*outputs: tuple[str, tuple[int, ...]], atol: float = 1e-4) -> ModelSpec:
    """A recipe with the input `image` [1, 8, 8, 3] and these source outputs, called o0, o1, ..."""
    tensor, preprocessing = image(size=SIZE, low=-1.0, high=1.0)
    named = tuple(output(name, f"o{i}", shape, "a test", atol=atol) for i, (name, shape) in enumerate(outputs))
    return replace(iris.SPEC, name="tiny", input_source="in", input=tensor, preprocessing=preprocessing, outputs=named)
