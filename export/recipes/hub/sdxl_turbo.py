"""SDXL-Turbo: text to picture in one step, larger and better than SD-Turbo."""

from __future__ import annotations

from ...recipe import HubSource, Recipe
from .common import by_parameters, licence, with_working_set
from .diffusion import (
    GATES,
    TAESDXL,
    TINY_PREVIEW,
    TINY_TEXT,
    TINY_UNET,
    TINY_VAE,
    TURBO,
    decoder,
    denoiser,
    encoder,
    pipeline,
    preview,
    text_encoder,
)

_MEGABYTES = by_parameters(3469, "fp32", "fp16")

RECIPE = Recipe(
    name="sdxl-turbo",
    title="SDXL-Turbo",
    version="1.0.0",
    architecture="StableDiffusionXLPipeline",
    route="optimum",
    source=pipeline(
        "stabilityai/sdxl-turbo",
        "text_encoder",
        "text_encoder_2",
        "unet",
        revision="ef0d007d296a24f621ab6d376e7055eb6116877b",
    ),
    licence=licence(
        "LicenseRef-Stability-AI-NC-Community",
        "Stability AI (arXiv:2311.17042)",
        url="https://huggingface.co/stabilityai/sdxl-turbo",
        notice="Not for commercial use.",
    ),
    restriction="non-commercial",
    task="text to picture",
    runner="diffusion",
    graphs=(
        text_encoder(hidden="hidden_states.{text_encoder.penultimate}"),
        text_encoder("_2", hidden="hidden_states.{text_encoder_2.penultimate}", pooled=True),
        denoiser(sizes=True),
        decoder(),
        encoder(),
        preview(),
    ),
    gates=GATES,
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 1500),
    download_mb=7110,
    runner_options={
        "steps": 1,
        "max_steps": 4,
        "guidance": 0.0,
        "width": 512,
        "height": 512,
        "text_outputs": ("hidden_state", "hidden_state"),
    },
    quantize="matmul",
    buckets=({"batch": 1, "height": 64, "width": 64, "tokens": 77},),
    notes="Needs a card with about 8 GB. The decoder is the one that was tuned to stay within half precision.",
    parts={
        "preview": TAESDXL,
        "vae": HubSource(
            "madebyollin/sdxl-vae-fp16-fix", "main", ("config.json", "diffusion_pytorch_model.safetensors")
        ),
    },
    tiny={
        "text_encoder": TINY_TEXT,
        "text_encoder_2": dict(TINY_TEXT) | {"hidden_size": 48, "projection_dim": 40, "hidden_act": "gelu"},
        "unet": dict(TINY_UNET)
        | {
            "cross_attention_dim": 80,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 40 + 6 * 8,
            "use_linear_projection": True,
        },
        "vae": dict(TINY_VAE) | {"scaling_factor": 0.13025, "force_upcast": False},
        "preview": TINY_PREVIEW,
        "scheduler": dict(TURBO) | {"_class_name": "EulerAncestralDiscreteScheduler"},
        "index": {"force_zeros_for_empty_prompt": True},
    },
)
