"""Recipes by name, and sources of an architecture that their recipe does not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.errors import SourceError, UnknownArchitecture, UnknownRecipe
from export.finding import architectures, check_architecture, find, recipes
from export.recipe import HubSource


def source(folder: Path, file: str = "config.json", **config: object) -> Path:
    (folder / file).write_text(json.dumps(config))
    return folder


def test_every_recipe_has_a_name_of_its_own() -> None:
    known = recipes()
    assert all(name == recipe.name for name, recipe in known.items())
    hub = [recipe.name for recipe in known.values() if isinstance(recipe.source, HubSource)]
    assert len(hub) >= 30 and "e5-text" in hub and "face-mesh" not in hub


def test_an_unknown_recipe() -> None:
    with pytest.raises(UnknownRecipe, match=r"There is no recipe 'sdturbo'. Do you mean sd-turbo"):
        find("sdturbo")
    with pytest.raises(UnknownRecipe, match=r"There is no recipe 'qqqqqq'. All of them: vitrine export --list"):
        find("qqqqqq")


def test_an_unknown_architecture_that_another_recipe_reads(tmp_path: Path) -> None:
    folder = source(tmp_path, architectures=["BertForSequenceClassification"])
    with pytest.raises(
        UnknownArchitecture,
        match="The source is a BertForSequenceClassification, and the recipe vit-classes reads "
        "ViTForImageClassification; "
        "recipes that read it: review-rating",
    ):
        check_architecture(find("vit-classes"), folder)


def test_an_unknown_architecture_that_no_recipe_reads(tmp_path: Path) -> None:
    folder = source(tmp_path, architectures=["MambaForCausalLM"])
    with pytest.raises(UnknownArchitecture, match=r"no recipe reads it \(vitrine export --list\)"):
        check_architecture(find("qwen2-chat"), folder)


@pytest.mark.parametrize(
    ("name", "file", "config"),
    [
        ("qwen2-chat", "config.json", {"architectures": ["Qwen2ForCausalLM"]}),
        ("e5-text", "config.json", {"architectures": ["BertForMaskedLM"]}),  # its body is what the recipe reads
        ("e5-text", "config.json", {"architectures": ["BertModel"]}),
        ("e5-text", "config.json", {}),  # says nothing
        ("sd-turbo", "model_index.json", {"_class_name": "StableDiffusionImg2ImgPipeline"}),
        ("tiny-decoder-sd", "config.json", {"_class_name": "AutoencoderTiny"}),
        ("joint-intent", "config.json", {"architectures": ["JointBERT"]}),  # read by a class of our own
    ],
)
def test_what_a_recipe_reads(tmp_path: Path, name: str, file: str, config: dict[str, object]) -> None:
    check_architecture(find(name), source(tmp_path, file, **config))


@pytest.mark.parametrize("text", ["[", "[" * 100_000, '"text"', "{}"])
def test_a_configuration_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    if text.startswith("["):
        with pytest.raises(SourceError, match=r"config.json is not JSON"):
            architectures(tmp_path)
    else:
        assert architectures(tmp_path) == []
