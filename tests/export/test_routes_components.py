"""The graphs that recipes name, in torch, against what the libraries' own documented calls answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from tiny_sources import Sources

from export.errors import NamesError, SourceError, UnknownArchitecture
from export.recipe import GraphSpec, Tensor
from export.routes import loading
from export.routes.components import Component
from export.routes.example import feeds
from export.routes.torch_onnx import reference
from export.runner_config import resolve, sizes

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.getbasetemp() / "small-models")


def asked(sources: Sources, name: str, graph: str = "model", vary: int = -1) -> tuple[Arrays, Arrays, Any]:
    """Inputs of a graph, the reference's answers, and the loaded model."""
    recipe, source = sources(name)
    spec = next(item for item in resolve(recipe, source).graphs if item.name == graph)
    given = feeds(spec, sizes(recipe, source), spec.vary[vary], seed=1)
    return given, reference(recipe, source)(graph, given), loading.load(recipe, source)


def torches(given: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value.copy()) for name, value in given.items()}


def close(found: NDArray[Any], wanted: torch.Tensor) -> None:
    assert found.shape == tuple(wanted.shape)
    assert np.abs(found).max() > 0.05
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=0, atol=2e-5)


@torch.no_grad()
def test_a_mean_over_the_mask_is_what_the_model_card_of_e5_computes(sources: Sources) -> None:
    given, found, model = asked(sources, "e5-text")
    fed = torches(given)
    assert (fed["attention_mask"] == 0).any()
    hidden = model(**fed, token_type_ids=torch.zeros_like(fed["input_ids"])).last_hidden_state
    rows = []
    for row, mask in zip(hidden, fed["attention_mask"], strict=True):
        mean = row[mask.bool()].mean(0)
        rows.append(mean / mean.norm())
    close(found["embedding"], torch.stack(rows))


@pytest.mark.parametrize("name", ["clip", "chinese-clip"])
@torch.no_grad()
def test_the_towers_are_the_halves_of_the_joint_model(sources: Sources, name: str) -> None:
    text, text_found, model = asked(sources, f"{name}-text")
    image, image_found, _ = asked(sources, f"{name}-image")
    if name == "chinese-clip":  # this version's own joint call drops the text tower's pooling
        hidden = model.text_model(**torches(text)).last_hidden_state[:, 0]
        text_embeds = torch.nn.functional.normalize(model.text_projection(hidden), dim=-1)
        image_embeds = torch.nn.functional.normalize(model.get_image_features(**torches(image)), dim=-1)
    else:
        joint = model(**torches(text), **torches(image))
        text_embeds, image_embeds = joint.text_embeds, joint.image_embeds
    close(text_found["embedding"], text_embeds)
    close(image_found["embedding"], image_embeds)


@torch.no_grad()
def test_a_text_tower_that_was_trained_on_padding_pads_inside_its_graph(sources: Sources) -> None:
    given, found, model = asked(sources, "siglip-text", vary=0)
    ids = torch.from_numpy(given["input_ids"])
    assert ids.shape[1] < 16
    padded = torch.zeros(ids.shape[0], 16, dtype=torch.int64)  # <pad> is 0 in the tokenizer beside it
    padded[:, : ids.shape[1]] = ids
    close(found["embedding"], torch.nn.functional.normalize(model.get_text_features(padded), dim=-1))


@torch.no_grad()
def test_what_the_mask_hides_does_not_reach_a_padded_tower(sources: Sources) -> None:
    recipe, source = sources("siglip-text")
    run = reference(recipe, source)
    ids = np.arange(20, 28, dtype=np.int64)[None]
    mask = np.array([[1, 1, 1, 1, 1, 0, 0, 0]], np.int64)
    other = ids.copy()
    other[0, 5:] = 99
    first, second = (run("model", {"input_ids": i, "attention_mask": mask})["embedding"] for i in (ids, other))
    np.testing.assert_array_equal(first, second)


@torch.no_grad()
def test_two_heads_read_the_pooled_and_the_whole_text(sources: Sources) -> None:
    given, found, model = asked(sources, "joint-intent")
    answer = model.bert(**torches(given))
    close(found["intent_logits"], model.intent_classifier.linear(answer.pooler_output))
    close(found["slot_logits"], model.slot_classifier.linear(answer.last_hidden_state))


@torch.no_grad()
def test_a_decoder_with_its_cache_continues_what_it_read(sources: Sources) -> None:
    recipe, source = sources("qwen3-chat")
    model, run = loading.load(recipe, source), reference(recipe, source)
    ids = np.random.default_rng(0).integers(0, 160, (2, 9))
    whole = model(torch.from_numpy(ids)).logits
    given: Arrays = {}
    for start, end in ((0, 5), (5, 9)):
        given["input_ids"], given["attention_mask"] = ids[:, start:end], np.ones((2, end), np.int64)
        given["position_ids"] = np.broadcast_to(np.arange(start, end), (2, end - start)).copy()
        for layer in range(3):
            for kind in ("key", "value"):
                given.setdefault(f"past_key_values.{layer}.{kind}", np.zeros((2, 2, 0, 16), np.float32))
        found = run("model", given)
        close(found["logits"], whole[:, start:end])
        given = {name.replace("present", "past_key_values"): value for name, value in found.items() if name != "logits"}


@torch.no_grad()
def test_speech_is_decoded_step_by_step_as_at_once(sources: Sources) -> None:
    recipe, source = sources("whisper-turbo")
    model, run = loading.load(recipe, source), reference(recipe, source)
    features = np.random.default_rng(0).standard_normal((1, 8, 3000)).astype(np.float32)
    ids = np.array([[3, 9, 27, 80]])
    whole = model(input_features=torch.from_numpy(features), decoder_input_ids=torch.from_numpy(ids)).logits
    heard = run("encoder", {"input_features": features})["last_hidden_state"]
    first = run("decoder", {"input_ids": ids[:, :3], "encoder_hidden_states": heard})
    close(first["logits"], whole[:, :3])
    cache = {name.replace("present", "past_key_values"): value for name, value in first.items() if name != "logits"}
    close(run("decoder_with_past", {"input_ids": ids[:, 3:], **cache})["logits"], whole[:, 3:])


@torch.no_grad()
def test_a_denoiser_takes_pooled_text_and_sizes_as_the_pipeline_gives_them(sources: Sources) -> None:
    given, found, parts = asked(sources, "sdxl-turbo", "denoiser")
    fed = torches(given)
    added = {"text_embeds": fed["text_embeds"], "time_ids": fed["time_ids"]}
    wanted = parts.unet(
        fed["sample"], fed["timestep"], fed["encoder_hidden_states"], added_cond_kwargs=added, return_dict=False
    )[0]
    close(found["out_sample"], wanted)


@torch.no_grad()
def test_text_encoders_give_the_layer_and_the_projection_that_the_pipeline_takes(sources: Sources) -> None:
    recipe, source = sources("sdxl-turbo")
    parts = loading.load(recipe, source)
    tokens = transformers.CLIPTokenizer.from_pretrained(source / "tokenizer")
    tokens_2 = transformers.CLIPTokenizer.from_pretrained(source / "tokenizer_2")
    pipeline = diffusers.StableDiffusionXLPipeline(
        vae=parts.vae, unet=parts.unet, text_encoder=parts.text_encoder, text_encoder_2=parts.text_encoder_2,
        tokenizer=tokens, tokenizer_2=tokens_2, scheduler=diffusers.EulerDiscreteScheduler(),
    )  # fmt: skip
    hidden, _, pooled, _ = pipeline.encode_prompt("ab cd", do_classifier_free_guidance=False)
    run = reference(recipe, source)
    ids = [
        tokenizer("ab cd", padding="max_length", max_length=77, return_tensors="np").input_ids.astype(np.int64)
        for tokenizer in (tokens, tokens_2)
    ]
    first, second = run("text_encoder", {"input_ids": ids[0]}), run("text_encoder_2", {"input_ids": ids[1]})
    close(np.concatenate([first["hidden_state"], second["hidden_state"]], -1), hidden)
    close(second["text_embeds"], pooled)


@torch.no_grad()
def test_pictures_become_latents_and_back_as_in_the_pipeline(sources: Sources) -> None:
    given, found, parts = asked(sources, "sd15-inpaint", "encoder")
    posterior = parts.vae.encode(torch.from_numpy(given["sample"])).latent_dist
    close(found["latent_parameters"], torch.cat([posterior.mean, posterior.logvar], 1))
    given, found, parts = asked(sources, "sd15-inpaint", "decoder")
    close(found["sample"], parts.vae.decode(torch.from_numpy(given["latent_sample"])).sample)
    given, found, parts = asked(sources, "sd15-inpaint", "preview")
    close(found["sample"], parts.preview.decode(torch.from_numpy(given["latents"])).sample)


def test_weights_that_the_source_lacks_are_never_drawn_at_random(sources: Sources, tmp_path: Path) -> None:
    recipe, source = sources("review-rating")
    bare = transformers.BertForSequenceClassification.from_pretrained(source).bert
    bare.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    spec = resolve(recipe, source).graphs[0]
    given = feeds(spec, sizes(recipe, source), spec.vary[0], seed=0)
    assert np.isfinite(reference(recipe, source)("model", given)["logits"]).all()
    with pytest.raises(SourceError, match=r"weights lack classifier\..*which model needs"):
        reference(recipe, tmp_path)("model", given)


def test_a_pooler_that_no_graph_uses_may_be_missing(sources: Sources, tmp_path: Path) -> None:
    recipe, source = sources("e5-text")
    model = transformers.BertModel.from_pretrained(source, add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    spec = resolve(recipe, source).graphs[0]
    given = feeds(spec, sizes(recipe, source), spec.vary[0], seed=0)
    assert loading.missing_weights(loading.load(recipe, tmp_path))
    first, second = (reference(recipe, folder)("model", given)["embedding"] for folder in (source, tmp_path))
    np.testing.assert_array_equal(first, second)


class Doubler(torch.nn.Module):
    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value * 2


def spec(component: str, *, steps: tuple[str, ...] = (), output: str = "doubled") -> GraphSpec:
    tensor = Tensor("value", "float32", ("batch",))
    return GraphSpec("model", component, (tensor,), (Tensor(output, "float32", ("batch",)),), steps=steps)


def test_a_part_or_a_step_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownArchitecture, match="has no part tail"):
        Component(Doubler(), spec("tail"), {})
    with pytest.raises(UnknownArchitecture, match="has no part __class__"):
        Component(Doubler(), spec("__class__"), {})
    with pytest.raises(UnknownArchitecture, match="the step halve, which there is not"):
        Component(Doubler(), spec("model", steps=("halve",)), {})
    assert Component(Doubler(), spec("model"), {})(torch.ones(2))[0].tolist() == [2.0, 2.0]


def test_an_output_that_the_model_does_not_answer_is_named() -> None:
    class Answers(torch.nn.Module):
        def forward(self, value: torch.Tensor) -> Any:
            return SimpleNamespace(logits=value)

    with pytest.raises(NamesError, match="answers no doubled"):
        Component(Answers(), spec("model"), {})(torch.ones(2))
