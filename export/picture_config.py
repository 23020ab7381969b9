"""How a picture becomes a model's input, from the repository's own `preprocessor_config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from .errors import SourceError
from .recipe import Recipe
from .source_text import json_object

CONFIG = "preprocessor_config.json"
_FILTERS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
_BYTE = 1 / 255


def preprocessing(recipe: Recipe, source: Path) -> dict[str, Any]:
    """The recipe's preprocessing with the source's own numbers, at the size that the graph has where that is fixed.

    `recipe` is resolved. Raises `SourceError` for a configuration that does something else than size and normalise.
    """
    assert recipe.preprocessing is not None
    made: dict[str, Any] = msgspec.to_builtins(recipe.preprocessing)
    config = json_object(source / CONFIG)
    if config:
        made |= _values(config) | _size(config, free=recipe.preprocessing.width is None)
    shape = recipe.graphs[0].inputs[0].shape
    if len(shape) == 4:
        height, width = shape[2:] if recipe.preprocessing.layout == "nchw" else shape[1:3]
        made["height"] = height if isinstance(height, int) else None
        made["width"] = width if isinstance(width, int) else None
    return made


def _values(config: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if config.get("do_rescale", True) and abs(config.get("rescale_factor", _BYTE) - _BYTE) > 1e-9:
        raise SourceError(f"{CONFIG} scales pixels by {config['rescale_factor']}, not by 1/255.")
    if config.get("do_normalize", True) and "image_mean" in config:
        made |= {"low": 0.0, "high": 1.0, "mean": config["image_mean"], "std": config["image_std"]}
    if config.get("resample") in _FILTERS:
        made["resample"] = _FILTERS[config["resample"]]
    return made


def _size(config: Mapping[str, Any], *, free: bool) -> dict[str, Any]:
    """Whether the long side is cut, and what a picture is sized to before its middle is taken."""
    size, crop = _sides(config.get("size")), _sides(config.get("crop_size"))
    if free or not config.get("do_resize", True) or size is None:
        return {}
    if not config.get("do_center_crop", False) or crop is None:
        return {"fit": "stretch"}
    return {"fit": "cover"} | ({"resized": size} if size != crop else {})


def _sides(value: Any) -> tuple[int, int] | None:
    """Width and height of a size as the library writes it: a number, a shortest edge, or both sides."""
    if isinstance(value, int):
        return value, value
    if not isinstance(value, Mapping):
        return None
    edge = value.get("shortest_edge")
    width, height = value.get("width", edge), value.get("height", edge)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None
