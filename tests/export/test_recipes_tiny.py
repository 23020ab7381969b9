"""Small random models of the recipes' own classes: exported by the recipe's route, held against the source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.recipe import Recipe
from export.recipes.hub import RECIPES
from export.tiny import table

BY_NAME = {recipe.name: recipe for recipe in RECIPES}
# What every run tries: a head over a text, two heads, a decoder with a cache, both forms of CLIP, fields over pictures
# of any size, a denoiser with nine channels, an import. The others are of the same kinds, and tried by --full.
EVERY_RUN = {
    "named-entities": ("model",),
    "joint-intent": ("model",),
    "qwen2-chat": ("model",),
    "clip": ("model",),
    "clip-text": ("model",),
    "clothes-segformer": ("model",),
    "depth-anything": ("model",),
    "sd15-inpaint": ("denoiser",),
    "triposr": ("model", "field"),
}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    with table.quiet():
        yield


def parts(name: str, graphs: tuple[str, ...]) -> Recipe:
    recipe = BY_NAME[name]
    return dataclasses.replace(recipe, graphs=tuple(graph for graph in recipe.graphs if graph.name in graphs))


@pytest.mark.parametrize(("name", "graphs"), EVERY_RUN.items(), ids=EVERY_RUN)
def test_an_export_equals_its_source(name: str, graphs: tuple[str, ...], tmp_path: Path) -> None:
    assert_equal(parts(name, graphs), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_export_equals_its_source(recipe: Recipe, tmp_path: Path) -> None:
    assert_equal(recipe, tmp_path)


def assert_equal(recipe: Recipe, folder: Path) -> None:
    rows = list(table.check(recipe, folder))
    print("\n".join(table.line(row) for row in rows))
    assert [row.graph for row in rows] == [graph.name for graph in recipe.graphs]
    for row, graph in zip(rows, recipe.graphs, strict=True):
        assert row.passed, table.line(row)
        assert row.sizes == len(graph.vary)
        assert row.magnitude > 0.1  # a small model that answers nothing would equal anything
        if recipe.runner == "text_generation":
            assert row.greedy == 16


def test_the_table_names_what_fails_and_says_so_in_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = table.tried(dataclasses.replace(BY_NAME["vit-classes"], architecture="ViTForAnythingElse"))
    assert not row.passed
    assert "UnknownArchitecture: No library here has ViTForAnythingElse." in table.line(row)
    assert table.main(["triposr"]) == 0
    assert "2 of 2 graphs of 1 recipes pass" in capsys.readouterr().out


def test_a_difference_beyond_the_tolerance_or_no_number_does_not_pass() -> None:
    row = table.Result("a", "torch", "model", magnitude=4.0, sizes=2)
    assert dataclasses.replace(row, max_abs=1e-4).passed
    assert not dataclasses.replace(row, max_abs=3e-4).passed
    assert not dataclasses.replace(row, max_abs=float("nan")).passed
    assert not dataclasses.replace(row, sizes=0).passed
