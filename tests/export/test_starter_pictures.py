"""The recipes of the starter packs for pictures: what they say fits together, without their weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.index import members
from export.recipe import Recipe
from export.recipes import GROUPS
from export.routes import ready
from sidecar.engine.index import shipped
from sidecar.engine.runner_specs import ImageStyle, Preprocessing, Tensors, TextReading, files_of

PACKS = {recipe.name: recipe for group in ("safety", "style", "read", "opt-in") for recipe in GROUPS[group]}


@pytest.mark.parametrize("name", PACKS)
def test_a_recipe_fits_its_runner_and_the_index(name: str, tmp_path: Path) -> None:
    recipe = PACKS[name]
    staged = members(recipe)
    assert {graph.component for graph in recipe.graphs} <= set(staged)
    for file in set(staged) - {graph.component for graph in recipe.graphs}:
        (tmp_path / file).write_bytes(b"a")
    spec = ready.runner(recipe, tmp_path).spec
    entry = shipped().packs[name]
    assert set(entry.files) == {"manifest.json", *(f"{graph.name}.onnx" for graph in recipe.graphs), *files_of(spec)}
    assert (entry.licence, entry.restriction, entry.environment) == (recipe.licence.spdx, recipe.restriction, "ready")
    wanted = {file: [part["sha256"] for part in parts] for file, parts in staged.items()}
    assert {file: [part.sha256 for part in parts] for file, parts in entry.members.items()} == wanted


def spec_of(recipe: Recipe, tmp_path: Path) -> object:
    (tmp_path / "characters.txt").write_bytes(b"a")
    return ready.runner(recipe, tmp_path).spec


def channels_and_size(spec: Preprocessing, shape: tuple[int | str, ...]) -> bool:
    height, width = (shape[2], shape[3]) if spec.layout == "nchw" else (shape[1], shape[2])
    channels = shape[1] if spec.layout == "nchw" else shape[3]
    fixed = [(spec.height, height), (spec.width, width)]
    return channels == 3 and all(want == axis if want is not None else isinstance(axis, str) for want, axis in fixed)


def test_preprocessing_makes_what_the_graphs_take(tmp_path: Path) -> None:
    pairs: list[tuple[Preprocessing | None, str, str]] = []
    safety, style, read = (spec_of(PACKS[name], tmp_path) for name in ("image-safety", "style-transfer", "read-text"))
    assert isinstance(safety, Tensors) and isinstance(style, ImageStyle) and isinstance(read, TextReading)
    pairs += [(safety.preprocessing, "image-safety", "model")]
    pairs += [(style.style, "style-transfer", "style"), (style.content, "style-transfer", "transfer")]
    pairs += [(style.preset, "style-transfer", "presets")]
    pairs += [(read.detector, "read-text", "detector"), (read.recogniser, "read-text", "recogniser")]
    pairs += [(PACKS[name].preprocessing, name, "model") for name in ("cut-out", "cut-out-fast")]
    for preprocessing, name, graph in pairs:
        (shape,) = [spec.inputs[0].shape for spec in PACKS[name].graphs if spec.name == graph]
        assert preprocessing is not None and channels_and_size(preprocessing, shape), (name, graph)


def test_the_restricted_packs_are_in_no_other_group_and_say_so() -> None:
    restricted = {name for name, recipe in PACKS.items() if recipe.restriction != "none"}
    assert restricted == {"cut-out", "cut-out-fast"}
    index = shipped()
    assert {group for group, packs in index.groups.items() if restricted & set(packs)} == {"opt-in"}
    assert index.packs["cut-out"].licence == "AGPL-3.0-only" and index.packs["cut-out"].restriction == "use-restricted"


def test_the_weights_notice_goes_with_the_safety_pack() -> None:
    assert "Redistributions in binary form must reproduce" in PACKS["image-safety"].licence.notice
