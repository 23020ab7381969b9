"""The runner's pictures are those of diffusers' own pipelines, with the same weights and the same noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusion_models as models
import numpy as np
import pytest
import torch
from clip_vocabulary import END, write
from diffusers import (
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from numpy.typing import NDArray
from PIL import Image
from transformers import CLIPTokenizerFast

from sidecar.engine.runner_specs import Diffusion
from sidecar.engine.runners.diffusion import DiffusionRunner

ATOL = 1e-4  # of a picture in 0..1; 3e-6 was seen
SEED = 11
PROMPT, NEGATIVE = "a photo of the red dress", "blue coat"
CLASSES: dict[str, Any] = {
    "ddim": DDIMScheduler, "euler": EulerDiscreteScheduler, "euler_ancestral": EulerAncestralDiscreteScheduler,
    "lcm": LCMScheduler,
}  # fmt: skip
SCHEDULES = {
    "ddim": {"kind": "ddim"},
    "ddim v": {"kind": "ddim", "prediction": "v_prediction", "spacing": "trailing", "rescale_betas_zero_snr": True},
    "euler": {"kind": "euler"},
    "euler linspace": {"kind": "euler", "spacing": "linspace", "prediction": "v_prediction"},
    "sd-turbo": {"kind": "euler", "spacing": "trailing"},
    "sdxl-turbo": {"kind": "euler_ancestral", "spacing": "trailing"},
    "lcm": {"kind": "lcm"},
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diffusion")


@pytest.fixture(scope="session")
def tiny(folder: Path) -> models.Tiny:
    return models.build(folder)


@pytest.fixture(scope="session")
def tokenizer(folder: Path) -> CLIPTokenizerFast:
    return CLIPTokenizerFast(*write(folder), pad_token=END, model_max_length=77)


def their_scheduler(spec: Diffusion) -> Any:
    ours = spec.scheduler
    extra = {"clip_sample": False, "set_alpha_to_one": ours.set_alpha_to_one} if ours.kind in ("ddim", "lcm") else {}
    return CLASSES[ours.kind](
        num_train_timesteps=ours.train_steps, beta_start=ours.beta_start, beta_end=ours.beta_end,
        beta_schedule=ours.beta_schedule, prediction_type=ours.prediction, timestep_spacing=ours.spacing,
        steps_offset=ours.steps_offset, rescale_betas_zero_snr=ours.rescale_betas_zero_snr, **extra,
    )  # fmt: skip


def theirs(kind: Any, parts: dict[str, Any], tokenizer: Any, spec: Diffusion, **call: Any) -> NDArray[np.float32]:
    """The picture of diffusers' pipeline, float32 [height, width, 3], 0..1."""
    extra = {} if "XL" in kind.__name__ else {"safety_checker": None, "feature_extractor": None}
    extra |= {} if "XL" in kind.__name__ else {"requires_safety_checker": False}
    pipeline = kind(**parts, tokenizer=tokenizer, scheduler=their_scheduler(spec), **extra)
    pipeline.set_progress_bar_config(disable=True)
    call = {"prompt": PROMPT, "generator": torch.Generator().manual_seed(SEED), "output_type": "np"} | call
    found: NDArray[np.float32] = pipeline(**call).images[0]
    return found


def torch_noise(*, burn: int | None = None) -> Callable[[tuple[int, ...]], NDArray[np.float32]]:
    """Diffusers' noise. After draw number `burn` one more is thrown away."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = 0

    def draw(shape: tuple[int, ...]) -> NDArray[np.float32]:
        nonlocal drawn
        drawn += 1
        found: NDArray[np.float32] = torch.randn(shape, generator=generator).numpy()
        if drawn == burn:
            torch.randn(shape, generator=generator)
        return found

    return draw


def ours(spec: Diffusion, tiny: models.Tiny, **call: Any) -> NDArray[np.float32]:
    """The runner's picture before it is cut to 8 bits."""
    runner = DiffusionRunner(spec, tiny.files, tiny.graphs)
    *_, last = runner.generate(**{"prompt": PROMPT, "noise": torch_noise()} | call)
    return last.coder.decode(last.latent)


def same(one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    assert one.shape == other.shape
    assert one.std() > 0.05, "a flat picture says nothing"
    assert np.abs(one - other).max() < ATOL


def picture(width: int = models.SIDE, height: int = models.SIDE, seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def hole(width: int = models.SIDE, height: int = models.SIDE) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : -height // 4, width // 3 :] = 255
    mask[:3, :3] = 127  # not painted
    return mask


@pytest.mark.parametrize("guidance", [0.0, 5.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_text_to_image(tiny: models.Tiny, tokenizer: Any, schedule: str, guidance: float) -> None:
    spec = models.spec(scheduler=models.scheduler(**SCHEDULES[schedule]), steps=4)
    wanted = theirs(
        StableDiffusionPipeline, tiny.parts, tokenizer, spec, num_inference_steps=4, guidance_scale=guidance,
        negative_prompt=NEGATIVE, width=40, height=24,
    )  # fmt: skip
    same(ours(spec, tiny, guidance=guidance, negative=NEGATIVE, width=40, height=24), wanted)


@pytest.mark.parametrize("schedule", ["sd-turbo", "sdxl-turbo"])
def test_turbo_in_one_step(tiny: models.Tiny, tokenizer: Any, schedule: str) -> None:
    spec = models.spec(scheduler=models.scheduler(**SCHEDULES[schedule]), guidance=0.0)
    wanted = theirs(StableDiffusionPipeline, tiny.parts, tokenizer, spec, num_inference_steps=1, guidance_scale=0.0)
    same(ours(spec, tiny, steps=1), wanted)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_image_to_image(tiny: models.Tiny, tokenizer: Any, schedule: str) -> None:
    spec = models.spec(scheduler=models.scheduler(**SCHEDULES[schedule]))
    wanted = theirs(
        StableDiffusionImg2ImgPipeline, tiny.parts, tokenizer, spec, image=Image.fromarray(picture(36, 28)),
        strength=0.6, num_inference_steps=5, guidance_scale=3.0,
    )  # fmt: skip
    same(ours(spec, tiny, image=picture(36, 28), strength=0.6, steps=5, guidance=3.0), wanted)


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("schedule", ["ddim", "euler", "lcm"])
def test_inpainting_with_a_plain_denoiser(tiny: models.Tiny, tokenizer: Any, schedule: str, strength: float) -> None:
    spec = models.spec(scheduler=models.scheduler(**SCHEDULES[schedule]))
    wanted = theirs(
        StableDiffusionInpaintPipeline, tiny.parts, tokenizer, spec, image=Image.fromarray(picture()),
        mask_image=Image.fromarray(hole()), strength=strength, num_inference_steps=4, guidance_scale=3.0,
        width=models.SIDE, height=models.SIDE,
    )  # fmt: skip
    # Diffusers also encodes the masked picture, which this denoiser never sees: the draw for it is thrown away.
    noise = torch_noise(burn=2)
    same(ours(spec, tiny, image=picture(), mask=hole(), strength=strength, guidance=3.0, noise=noise), wanted)


@pytest.fixture(scope="session")
def nine_channels(tiny: models.Tiny, folder: Path) -> models.Tiny:
    unet = models.unet(channels=9, seed=5)
    graph = models.export_unet(unet, folder / "nine.onnx")
    return replace(tiny, parts=tiny.parts | {"unet": unet}, graphs=tiny.graphs | {"denoiser": graph})


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("schedule", ["ddim", "euler", "lcm"])
def test_inpainting_with_nine_channels(
    nine_channels: models.Tiny, tokenizer: Any, schedule: str, strength: float
) -> None:
    spec = models.spec(scheduler=models.scheduler(**SCHEDULES[schedule]), inputs="inpaint")
    wanted = theirs(
        StableDiffusionInpaintPipeline, nine_channels.parts, tokenizer, spec, image=Image.fromarray(picture(40, 32)),
        mask_image=Image.fromarray(hole(40, 32)), strength=strength, num_inference_steps=4, guidance_scale=3.0,
        width=40, height=32,
    )  # fmt: skip
    found = ours(spec, nine_channels, image=picture(40, 32), mask=hole(40, 32), strength=strength, guidance=3.0)
    same(found, wanted)


class Skipped:
    """An attention that adds nothing, as CatVTON puts in place of the one over words."""

    def __call__(self, attn: Any, hidden_states: Any, *rest: Any, **options: Any) -> Any:
        return hidden_states


@pytest.fixture(scope="session")
def dressing(tiny: models.Tiny, folder: Path) -> models.Tiny:
    unet = models.unet(channels=9, seed=6)
    processors = unet.attn_processors
    unet.set_attn_processor({name: Skipped() if "attn2" in name else found for name, found in processors.items()})
    graphs = {name: graph for name, graph in tiny.graphs.items() if name != "text_encoder"}
    graph = models.export_unet(unet, folder / "dressing.onnx", words=None)
    return models.Tiny(tiny.parts | {"unet": unet}, graphs | {"denoiser": graph}, {})


def dressed_by_torch(parts: dict[str, Any], spec: Diffusion, guidance: float, axis: int) -> NDArray[np.float32]:
    """CatVTON's published loop (model/pipeline.py of its repository), in torch."""
    generator = torch.Generator().manual_seed(SEED)
    scheduler, vae = their_scheduler(spec), parts["vae"]
    scheduler.set_timesteps(4)

    def encoded(pixels: torch.Tensor) -> torch.Tensor:
        return vae.encode(pixels).latent_dist.sample(generator=generator) * models.SCALE

    person, garment = (
        torch.from_numpy(picture(seed=seed)).permute(2, 0, 1)[None].float() / 127.5 - 1 for seed in (0, 7)
    )
    mask = torch.from_numpy(hole() >= 128)[None, None].float()
    worn, shown = encoded(person * (mask < 0.5)), encoded(garment)
    small = torch.nn.functional.interpolate(mask, size=worn.shape[2:])
    both, small = torch.cat([worn, shown], axis), torch.cat([small, torch.zeros_like(small)], axis)
    latent = torch.randn(both.shape, generator=generator) * scheduler.init_noise_sigma
    known = [torch.cat([worn, torch.zeros_like(shown)], axis), both] if guidance > 1 else [both]
    for time in scheduler.timesteps:
        seen = scheduler.scale_model_input(torch.cat([latent] * len(known)), time)
        seen = torch.cat([seen, torch.cat([small] * len(known)), torch.cat(known)], 1)
        answers = parts["unet"](seen, time, encoder_hidden_states=None).sample.chunk(len(known))
        answer = answers[0] + guidance * (answers[1] - answers[0]) if guidance > 1 else answers[0]
        latent = scheduler.step(answer, time, latent, eta=1.0, generator=generator).prev_sample
    pixels = vae.decode(latent.chunk(2, axis)[0] / models.SCALE).sample
    found: NDArray[np.float32] = (pixels / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    return found


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize(("beside", "axis"), [("height", 2), ("width", 3)])
def test_a_garment_beside_a_person(dressing: models.Tiny, beside: str, axis: int, guidance: float) -> None:
    spec = models.spec(
        scheduler=models.scheduler(eta=1.0), inputs="garment", beside=beside, tokenizer=None, guidance=guidance
    )
    with torch.no_grad():
        wanted = dressed_by_torch(dressing.parts, spec, guidance, axis)
    same(ours(spec, dressing, prompt="", image=picture(), mask=hole(), garment=picture(seed=7)), wanted)


@pytest.fixture(scope="session")
def conditioned(tiny: models.Tiny, folder: Path) -> models.Tiny:
    unet = models.unet(seed=8, time_cond_proj_dim=33)
    graph = models.export_unet(unet, folder / "conditioned.onnx")
    return replace(tiny, parts=tiny.parts | {"unet": unet}, graphs=tiny.graphs | {"denoiser": graph})


@pytest.mark.parametrize("guidance", [1.0, 8.0])
def test_guidance_as_a_condition_of_the_time_step(conditioned: models.Tiny, tokenizer: Any, guidance: float) -> None:
    spec = models.spec(scheduler=models.scheduler(kind="lcm"), timestep_condition=33)
    wanted = theirs(
        StableDiffusionPipeline, conditioned.parts, tokenizer, spec, num_inference_steps=4, guidance_scale=guidance
    )
    same(ours(spec, conditioned, guidance=guidance), wanted)
    assert conditioned.graphs["denoiser"].fed["sample"].shape[0] == 1, "such a model needs no second pass"


@pytest.fixture(scope="session")
def large(tiny: models.Tiny, folder: Path) -> models.Tiny:
    """SDXL's form: two text towers, a pooled text and the picture's sizes."""
    unet = models.unet(
        seed=9, cross_attention_dim=2 * models.WORDS, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=models.WORDS + 6 * 8,
    )  # fmt: skip
    second = models.text_encoder(projected=True)
    graphs = tiny.graphs | {
        "text_encoder": models.export_text(tiny.parts["text_encoder"], folder / "deep.onnx", deep=True),
        "text_encoder_2": models.export_text(second, folder / "deep_2.onnx", deep=True),
        "denoiser": models.export_unet(unet, folder / "large.onnx", words=2 * models.WORDS),
    }
    parts = tiny.parts | {"unet": unet, "text_encoder_2": second}
    return models.Tiny(parts, graphs, tiny.files | {"tokenizer_2.json": tiny.files["tokenizer.json"]})


def large_spec(**changes: Any) -> Diffusion:
    return models.spec(
        tokenizer_2="tokenizer_2.json", pad_id_2=0, size_condition=True, zero_negative=True,
        text_outputs=("hidden_states.2", "hidden_states.2"), **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "guidance", "negative"),
    [("euler", 5.0, None), ("euler", 5.0, NEGATIVE), ("sdxl-turbo", 0.0, None), ("lcm", 2.0, None)],
)
def test_two_text_towers(
    large: models.Tiny, tokenizer: Any, folder: Path, schedule: str, guidance: float, negative: str | None
) -> None:
    spec = large_spec(scheduler=models.scheduler(**SCHEDULES[schedule]))
    second = CLIPTokenizerFast(*write(folder), pad_token="!", model_max_length=77)
    parts = large.parts | {"tokenizer_2": second}
    wanted = theirs(
        StableDiffusionXLPipeline, parts, tokenizer, spec, num_inference_steps=4, guidance_scale=guidance,
        negative_prompt=negative, width=40, height=32, add_watermarker=False,
    )  # fmt: skip
    same(ours(spec, large, guidance=guidance, negative=negative, width=40, height=32), wanted)


def test_two_text_towers_from_a_picture(large: models.Tiny, tokenizer: Any, folder: Path) -> None:
    spec = large_spec(scheduler=models.scheduler(kind="euler"))
    second = CLIPTokenizerFast(*write(folder), pad_token="!", model_max_length=77)
    wanted = theirs(
        StableDiffusionXLImg2ImgPipeline, large.parts | {"tokenizer_2": second}, tokenizer, spec,
        image=Image.fromarray(picture()), strength=0.7, num_inference_steps=4, guidance_scale=3.0,
    )  # fmt: skip
    same(ours(spec, large, image=picture(), strength=0.7, guidance=3.0), wanted)


def test_half_precision_is_fed_as_the_graph_declares(tiny: models.Tiny, folder: Path) -> None:
    half = models.export_unet(models.unet().half(), folder / "half.onnx")
    spec = models.spec()
    found = ours(spec, replace(tiny, graphs=tiny.graphs | {"denoiser": half}))
    assert {name: value.dtype for name, value in half.fed.items()} == dict.fromkeys(half.fed, np.float16)
    assert 0 < np.abs(found - ours(spec, tiny)).max() < 2e-2


def test_two_runs_instead_of_a_batch_give_the_same(tiny: models.Tiny) -> None:
    single = models.OrtGraph(tiny.graphs["denoiser"].path, batch=1)
    found = ours(models.spec(), replace(tiny, graphs=tiny.graphs | {"denoiser": single}))
    assert single.runs == 8
    same(found, ours(models.spec(), tiny))


def test_a_tiny_decoder_draws_previews_and_pictures(tiny: models.Tiny, folder: Path, tokenizer: Any) -> None:
    torch.manual_seed(10)
    small = models.AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1), upsampling_scaling_factor=2,
    ).eval()  # fmt: skip
    latent = {"latent_sample": torch.randn(1, models.CHANNELS, 16, 16)}
    graph = models.export(models.Decoder(small), latent, {"sample": 4}, folder / "tiny.onnx")
    model = replace(tiny, parts=tiny.parts | {"vae": small}, graphs=tiny.graphs | {"decoder": graph, "preview": graph})
    spec = models.spec(latent_scale=1.0)
    wanted = theirs(StableDiffusionPipeline, model.parts, tokenizer, spec, num_inference_steps=4, guidance_scale=5.0)
    same(ours(spec, model), wanted)
    first = next(DiffusionRunner(spec, model.files, model.graphs).generate(prompt=PROMPT))
    with torch.no_grad():
        pixels = small.decode(torch.from_numpy(first.estimate)).sample
    shown = (pixels / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert np.abs(first.preview() - 255 * shown).max() <= 0.51
