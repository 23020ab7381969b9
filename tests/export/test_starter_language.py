"""The recipes of the packs for language and speech: whether they fit themselves and the index, without weights."""

from __future__ import annotations

import pytest

from export.index import members
from export.recipe import Recipe
from export.recipes import GROUPS
from export.route import REQUIREMENTS, load
from sidecar.engine.index import shipped

PACKS = {recipe.name: recipe for group in ("language", "speech") for recipe in GROUPS[group]}
BESIDE = {
    "e5": ("tokenizer.json",),
    "chat": ("model.bin", "tokenizer.json", "chat_template.jinja"),
    "chat-small": ("model.bin", "tokenizer.json", "chat_template.jinja"),
    "voice-activity": (),
    "whisper-base": ("tokenizer.json",),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_recipe_fits_the_index(name: str) -> None:
    recipe, entry = PACKS[name], shipped().packs[name]
    assert set(entry.files) == {"manifest.json", *(f"{graph.name}.onnx" for graph in recipe.graphs), *BESIDE[name]}
    assert (entry.licence, entry.restriction, entry.version) == (recipe.licence.spdx, "none", recipe.version)
    wanted = {file: [(part["sha256"], part["bytes"]) for part in parts] for file, parts in members(recipe).items()}
    assert {file: [(part.sha256, part.bytes) for part in parts] for file, parts in entry.members.items()} == wanted
    kept = sum(recipe.megabytes.values())
    assert entry.total_bytes / 1e6 == pytest.approx(kept, abs=1.0)


def test_the_groups_are_those_that_are_installed() -> None:
    assert [recipe.name for recipe in GROUPS["language"]] == ["e5", "chat", "chat-small"]
    assert [recipe.name for recipe in GROUPS["speech"]] == ["voice-activity", "whisper-base"]


@pytest.mark.parametrize("name", PACKS)
def test_no_framework_is_installed_for_them(name: str) -> None:
    """The graphs are written, not traced: 65 MB of packages instead of torch."""
    assert REQUIREMENTS[PACKS[name].route] == "ready" == shipped().packs[name].environment
    route = load(PACKS[name].route)
    assert route.check is not None and route.runner is not None


@pytest.mark.parametrize("name", PACKS)
def test_caches_go_in_as_they_come_out(name: str) -> None:
    """Every tensor that a runner hands from one run to the next has the same type, and a shape that fits."""
    recipe = PACKS[name]
    inputs = {tensor.name: tensor for graph in recipe.graphs for tensor in graph.inputs}
    for graph in recipe.graphs:
        for tensor in graph.outputs:
            if tensor.name.startswith("present."):
                taken = inputs[tensor.name.replace("present.", "past_key_values.", 1)]
                assert taken.dtype == tensor.dtype and taken.shape[0::3] == tensor.shape[0::3]
    assert _count(recipe, "present.") == _count(recipe, "past_key_values.")


def _count(recipe: Recipe, prefix: str) -> int:
    tensors = [tensor for graph in recipe.graphs for tensor in (*graph.inputs, *graph.outputs)]
    return sum(tensor.name.startswith(prefix) for tensor in tensors)


def test_the_six_parts_of_the_chat_model_are_joined_in_order() -> None:
    (parts,) = members(PACKS["chat"]).values()
    assert [part["path"][-5] for part in parts] == list("123456")
    assert sum(part["bytes"] for part in parts) == 491_400_064
