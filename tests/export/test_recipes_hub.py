"""The hub recipes as data: complete, consistent, and nothing in them that a pack or a licence would refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from export.formats import is_pickle_name
from export.recipe import GraphSpec, HubSource, Recipe, Tensor
from export.recipes.hub import RECIPES
from sidecar.engine.manifest import Manifest, TensorSpec

ROOT = Path(__file__).parents[2]
BY_NAME = {recipe.name: recipe for recipe in RECIPES}
WANTED = {
    "review-rating", "named-entities", "joint-intent", "e5-text", "clip", "clip-text", "clip-image",
    "chinese-clip-text", "chinese-clip-image", "siglip", "siglip-text", "siglip-image",
    "fashion-siglip-text", "fashion-siglip-image",
    "clothes-segformer", "vit-classes", "dino-features", "depth-dpt", "depth-anything", "whisper-turbo", "qwen2-chat",
    "qwen3-chat", "smollm2-chat", "sd-turbo", "sdxl-turbo", "sd15-lcm", "tiny-decoder-sd", "tiny-decoder-sdxl",
    "sd15-inpaint", "catvton", "birefnet", "sense-voice", "triposr",
}  # fmt: skip
FREE_LICENCES = {"Apache-2.0", "MIT"}
each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


def sources(recipe: Recipe) -> list[HubSource]:
    assert isinstance(recipe.source, HubSource)
    return [recipe.source, *recipe.parts.values()]


def tensors(recipe: Recipe) -> list[tuple[GraphSpec, Tensor]]:
    return [
        (graph, tensor)
        for graph in recipe.graphs
        for tensor in (*graph.inputs, *graph.outputs, *graph.per_layer_inputs, *graph.per_layer_outputs)
    ]


def test_every_model_that_was_asked_for_has_one_recipe() -> None:
    assert set(BY_NAME) == WANTED
    assert len(RECIPES) == len(BY_NAME)


def test_no_recipe_takes_the_name_of_a_shipped_pack() -> None:
    shipped = json.loads((ROOT / "sidecar/engine/index.json").read_text("utf-8"))["packs"]
    assert not set(BY_NAME) & set(shipped)


@each_recipe
def test_its_sources_are_named_pinned_and_hold_no_pickle(recipe: Recipe) -> None:
    for source in sources(recipe):
        if source.repository:  # none is known: the person gives a folder
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repository)
        assert source.revision == "main" or re.fullmatch(r"[0-9a-f]{40}", source.revision)
        assert source.files
        for pattern in source.files:
            assert not is_pickle_name(pattern)
            assert ".." not in pattern and not pattern.startswith("/")


@each_recipe
def test_its_weights_are_of_a_format_that_is_read(recipe: Recipe) -> None:
    suffix = ".onnx" if recipe.route == "ready" else ".safetensors"
    assert all(any(pattern.endswith(suffix) for pattern in source.files) for source in sources(recipe))


@each_recipe
def test_its_licence_says_what_may_be_done(recipe: Recipe) -> None:
    licence = recipe.licence
    assert licence.url.startswith("https://")
    assert licence.attribution and licence.notice
    assert (recipe.restriction == "none") == (licence.spdx in FREE_LICENCES)
    if "NC" in licence.spdx or "NVIDIA" in licence.spdx:
        assert recipe.restriction == "non-commercial"


@each_recipe
def test_its_tensors_fit_into_a_manifest(recipe: Recipe) -> None:
    for _, tensor in tensors(recipe):
        shape = [7 if isinstance(axis, str) and axis.startswith("{") else axis for axis in tensor.shape]
        spec = {"name": tensor.name.replace("{layer}", "11"), "dtype": tensor.dtype, "shape": shape}
        msgspec.convert(spec | {"meaning": tensor.meaning}, TensorSpec)
    names = {field.name: field.type for field in msgspec.structs.fields(Manifest)}
    msgspec.convert(recipe.name, names["name"])
    msgspec.convert(recipe.version, names["version"])
    msgspec.convert(recipe.task, names["task"])


@each_recipe
def test_its_graphs_are_tried_at_several_sizes_wherever_an_axis_is_free(recipe: Recipe) -> None:
    for graph in recipe.graphs:
        inputs = (*graph.inputs, *graph.per_layer_inputs)
        free = {
            axis for tensor in inputs for axis in tensor.shape if isinstance(axis, str) and not axis.startswith("{")
        }
        for sizes in graph.vary:
            assert free <= set(sizes), f"{graph.name} has no size for {free - set(sizes)}"
        for axis in free - {"tokens"}:  # of a text encoder that always reads 77
            if len(graph.vary) > 1 and axis != "batch":
                assert len({sizes[axis] for sizes in graph.vary}) > 1, f"{graph.name}: {axis} never changes"
        assert not free or len(graph.vary) > 1


@each_recipe
def test_it_says_how_large_and_how_exact_each_precision_is(recipe: Recipe) -> None:
    assert set(recipe.megabytes) == set(recipe.memory_mb) == set(recipe.gates)
    for precision, size in recipe.megabytes.items():
        assert 0 < size < recipe.memory_mb[precision]
    sizes = [
        recipe.megabytes[precision] for precision in ("fp32", "fp16", "int8", "int4") if precision in recipe.megabytes
    ]
    assert sizes == sorted(sizes, reverse=True)


@each_recipe
def test_a_picture_model_says_what_a_picture_becomes(recipe: Recipe) -> None:
    takes_pictures = any(tensor.name in ("pixel_values", "image") for tensor in recipe.graphs[0].inputs)
    assert takes_pictures == (recipe.preprocessing is not None)
    if recipe.preprocessing is not None and recipe.preprocessing.width is None:
        assert recipe.graphs[0].inputs[0].shape[2:] == ("height", "width")


def test_routes_without_an_architecture_here_say_why() -> None:
    ready = [recipe for recipe in RECIPES if recipe.route == "ready"]
    assert {recipe.name for recipe in ready} == {"birefnet", "sense-voice", "triposr"}
    assert all("Pinned transformers has no" in recipe.notes for recipe in ready)
