"""SD-Turbo: text to picture in one step, 512x512."""

from __future__ import annotations

from ...recipe import Recipe
from .common import by_parameters, licence, with_working_set
from .diffusion import (
    GATES,
    TAESD,
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

_MEGABYTES = by_parameters(1290, "fp32", "fp16")

RECIPE = Recipe(
    name="sd-turbo",
    title="SD-Turbo",
    version="1.0.0",
    architecture="StableDiffusionPipeline",
    route="optimum",
    source=pipeline("stabilityai/sd-turbo", "text_encoder", "unet", "vae"),
    licence=licence(
        "LicenseRef-Stability-AI-Community",
        "Stability AI (arXiv:2311.17042)",
        url="https://huggingface.co/stabilityai/sd-turbo",
        notice="Free up to a yearly revenue that the licence names; its use policy applies to every picture.",
    ),
    restriction="use-restricted",
    task="text to picture",
    runner="diffusion",
    graphs=(text_encoder(), denoiser(), decoder(), encoder(), preview()),
    gates=GATES,
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 1500),
    download_mb=by_parameters(1290, "fp16")["fp16"],
    runner_options={"steps": 1, "max_steps": 4, "guidance": 0.0},
    quantize="matmul",
    buckets=({"batch": 1, "height": 64, "width": 64, "tokens": 77},),
    notes="One to four steps without guidance, so a negative prompt changes nothing.",
    parts={"preview": TAESD},
    tiny={
        "text_encoder": TINY_TEXT,
        "unet": TINY_UNET,
        "vae": TINY_VAE,
        "preview": TINY_PREVIEW,
        "scheduler": TURBO,
    },
)
