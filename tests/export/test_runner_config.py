"""What a recipe reads from its source's configuration: sizes, layers, the runner's numbers and files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_sources import BY_NAME, Sources
from tokenizers import Tokenizer

from export.errors import SourceError, UnknownArchitecture
from export.recipe import Recipe
from export.runner_config import resolve, runner_files, sizes
from export.tiny.source import write
from sidecar.engine.runner_specs import Diffusion, SpeechRecognition, Tensors, TextEmbedding, TextGeneration


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.getbasetemp() / "small-models")


def test_layers_are_counted_out_and_numbers_filled_in(sources: Sources) -> None:
    recipe, source = sources("qwen3-chat")
    (graph,) = resolve(recipe, source).graphs
    names = [tensor.name for tensor in graph.inputs]
    assert names[3:] == [f"past_key_values.{layer}.{kind}" for layer in range(3) for kind in ("key", "value")]
    assert graph.inputs[3].shape == ("batch", 2, "past", 16)  # heads of 16, which is not the width over their number
    assert graph.outputs[0].shape == ("batch", "sequence", 160)
    assert not graph.per_layer_inputs and not graph.per_layer_outputs
    assert resolve(resolve(recipe, source), source) == resolve(recipe, source)


def test_a_hidden_state_is_named_by_its_number_in_the_source(sources: Sources) -> None:
    recipe, source = sources("sdxl-turbo")
    assert [graph.outputs[0].source for graph in resolve(recipe, source).graphs[:2]] == ["hidden_states.2"] * 2


def test_a_number_that_the_configuration_does_not_have_names_the_architecture(sources: Sources) -> None:
    recipe, _ = sources("qwen2-chat")
    _, other = sources("vit-classes")
    with pytest.raises(UnknownArchitecture, match="The source is a vit; Qwen2ForCausalLM reads a qwen2"):
        resolve(recipe, other)
    graph = dataclasses.replace(
        recipe.graphs[0], outputs=(dataclasses.replace(recipe.graphs[0].outputs[0], shape=("{x.y}",)),)
    )
    with pytest.raises(SourceError, match=r"no number x\.y"):
        resolve(dataclasses.replace(recipe, graphs=(graph,)), sources("qwen2-chat")[1])


def test_defaults_of_the_library_count_where_a_configuration_is_silent(sources: Sources, tmp_path: Path) -> None:
    recipe, source = sources("siglip-text")
    config = json.loads((source / "config.json").read_text())
    del config["text_config"]["max_position_embeddings"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert sizes(recipe, source)["tokens"] == 16
    assert sizes(recipe, tmp_path)["tokens"] == 64


def test_the_padding_token_is_the_tokenizers_own(sources: Sources, tmp_path: Path) -> None:
    recipe, source = sources("siglip-text")
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    assert sizes(recipe, tmp_path)["pad_id"] == 1  # of the library's configuration, where no tokenizer says more
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"pad_token": {"content": "<unk>"}}))
    assert sizes(recipe, tmp_path)["pad_id"] == 3


def test_text_generation(sources: Sources, tmp_path: Path) -> None:
    recipe, source = sources("smollm2-chat")
    made = runner_files(recipe, source)
    assert made.spec == TextGeneration(
        tokenizer="tokenizer.json", layers=3, kv_heads=2, head_size=8, context=256, vocabulary=160, stop_ids=(1,),
        bos_id=0, chat_template="chat_template.jinja",
    )  # fmt: skip
    assert b"message['role']" in made.files["chat_template.jinja"]
    write(recipe, tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 2]}))
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    again = runner_files(recipe, tmp_path)
    assert isinstance(again.spec, TextGeneration) and again.spec.stop_ids == (1, 2)
    assert again.files["chat_template.jinja"] == b"{{ messages }}"
    own = runner_files(dataclasses.replace(recipe, chat_template="own"), tmp_path)
    assert own.files["chat_template.jinja"] == b"own"


def test_text_embedding(sources: Sources) -> None:
    made = runner_files(*sources("e5-text"))
    assert made.spec == TextEmbedding(
        tokenizer="tokenizer.json", size=32, max_tokens=64, query_prefix="query: ", passage_prefix="passage: "
    )
    assert Tokenizer.from_str(made.files["tokenizer.json"].decode()).encode("ab").ids


def test_speech_recognition(sources: Sources, tmp_path: Path) -> None:
    recipe, source = sources("whisper-turbo")
    spec = runner_files(recipe, source).spec
    assert isinstance(spec, SpeechRecognition)
    assert (spec.prompt, spec.languages, spec.suppress_from) == ((3, 6, 7), {"en": 4, "zh": 5}, 8)
    assert (spec.mels, spec.layers, spec.heads, spec.head_size, spec.context, spec.stop_id) == (8, 2, 4, 8, 32, 2)
    write(recipe, tmp_path)
    (tmp_path / "generation_config.json").unlink()
    with pytest.raises(SourceError, match="multilingual"):
        runner_files(recipe, tmp_path)


def diffusion(sources: Sources, name: str) -> Diffusion:
    spec = runner_files(*sources(name)).spec
    assert isinstance(spec, Diffusion)
    return spec


def test_diffusion_from_text(sources: Sources) -> None:
    turbo = diffusion(sources, "sd-turbo")
    assert (turbo.scheduler.kind, turbo.scheduler.spacing, turbo.steps) == ("euler", "trailing", 1)
    assert (turbo.factor, turbo.multiple, turbo.width, turbo.latent_scale) == (8, 16, 64, 0.18215)
    assert (turbo.inputs, turbo.pad_id, turbo.zero_negative, turbo.size_condition) == ("latent", None, False, False)
    large = diffusion(sources, "sdxl-turbo")
    assert large.scheduler.kind == "euler_ancestral"
    assert (large.tokenizer_2, large.pad_id, large.pad_id_2) == ("tokenizer_2.json", None, 0)
    assert large.text_outputs == ("hidden_state", "hidden_state")
    assert large.zero_negative and large.size_condition
    assert diffusion(sources, "sd15-lcm").scheduler.kind == "lcm"


def test_diffusion_over_pictures(sources: Sources) -> None:
    inpaint = diffusion(sources, "sd15-inpaint")
    assert (inpaint.inputs, inpaint.scheduler.kind, inpaint.scheduler.steps_offset) == ("inpaint", "ddim", 1)
    assert inpaint.scheduler.clip is None and not inpaint.scheduler.set_alpha_to_one
    garment = diffusion(sources, "catvton")
    assert (garment.inputs, garment.tokenizer, garment.beside) == ("garment", None, "height")
    assert (garment.width, garment.height, garment.scheduler.eta) == (384, 512, 1.0)


def test_a_tokenizer_in_its_older_form_becomes_one_file(sources: Sources) -> None:
    made = runner_files(*sources("sd-turbo"))
    tokenizer = Tokenizer.from_str(made.files["tokenizer.json"].decode())
    assert tokenizer.encode("AB cd").ids == [514, 512, 513, 515]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_class_name": "HeunDiscreteScheduler"}, "HeunDiscreteScheduler is not one"),
        ({"prediction_type": "flow"}, "does not fit a diffusion runner"),
        ({"beta_start": "x"}, "does not fit a diffusion runner"),
    ],
)
def test_a_scheduler_that_no_runner_has_is_refused(
    sources: Sources, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    recipe, _ = sources("sd-turbo")
    write(recipe, tmp_path)
    path = tmp_path / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SourceError, match=message):
        runner_files(recipe, tmp_path)


def pictures(recipe: Recipe, folder: Path, config: dict[str, Any]) -> Any:
    write(recipe, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    spec = runner_files(recipe, folder).spec
    assert isinstance(spec, Tensors) and spec.preprocessing is not None
    return spec.preprocessing


def test_a_picture_is_prepared_as_the_repository_says(tmp_path: Path) -> None:
    config = {
        "crop_size": {"height": 32, "width": 32}, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.2, 0.3], "resample": 3, "rescale_factor": 1 / 255,
        "size": {"shortest_edge": 36},
    }  # fmt: skip
    made = pictures(BY_NAME["vit-classes"], tmp_path, config)
    assert (made.mean, made.std, made.low, made.high) == ((0.4, 0.5, 0.6), (0.2, 0.2, 0.3), 0.0, 1.0)
    assert (made.fit, made.resized, made.resample) == ("cover", (36, 36), "bicubic")
    assert (made.width, made.height) == (32, 32)  # the graph's own


def test_a_picture_of_any_size_stays_one(tmp_path: Path) -> None:
    config = {
        "crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "do_resize": True, "resample": 2,
        "image_mean": [0.5] * 3, "image_std": [1] * 3, "size": {"height": 518, "width": 518},
    }  # fmt: skip
    made = pictures(BY_NAME["depth-anything"], tmp_path, config)
    assert (made.width, made.height, made.multiple, made.fit, made.resized) == (None, None, 14, "stretch", None)
    assert (made.mean, made.resample) == ((0.5, 0.5, 0.5), "bilinear")


def test_pixels_scaled_in_another_way_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"scales pixels by 0\.01"):
        pictures(BY_NAME["vit-classes"], tmp_path, {"rescale_factor": 0.01, "do_rescale": True})


def test_class_names_become_a_file_of_lines(sources: Sources) -> None:
    made = runner_files(*sources("clothes-segformer"))
    assert made.files["labels.txt"] == b"Background\nHat\nHair\nUpper-clothes\nSkirt\n"
    assert isinstance(made.spec, Tensors) and made.spec.labels == "labels.txt"


def test_a_joint_model_brings_its_tokenizer_and_its_preprocessing(sources: Sources) -> None:
    made = runner_files(*sources("clip"))
    assert isinstance(made.spec, Tensors) and made.spec.preprocessing is not None
    assert "tokenizer.json" in made.files


def test_files_are_bounded_before_they_are_read(sources: Sources, tmp_path: Path) -> None:
    recipe, _ = sources("smollm2-chat")
    write(recipe, tmp_path)
    (tmp_path / "chat_template.jinja").write_bytes(b" " * ((8 << 20) + 1))
    with pytest.raises(SourceError, match="larger than 8 MiB"):
        runner_files(recipe, tmp_path)
