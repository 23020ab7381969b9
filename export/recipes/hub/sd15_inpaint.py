"""Stable Diffusion 1.5 inpainting: a masked part of a picture painted anew from a text."""

from __future__ import annotations

from ...recipe import Recipe
from .common import by_parameters, licence, with_working_set
from .diffusion import (
    GATES,
    SCHEDULER,
    TAESD,
    TINY_PREVIEW,
    TINY_TEXT,
    TINY_UNET,
    TINY_VAE,
    decoder,
    denoiser,
    encoder,
    pipeline,
    preview,
    text_encoder,
)

_MEGABYTES = by_parameters(1067, "fp32", "fp16")

RECIPE = Recipe(
    name="sd15-inpaint",
    title="Stable Diffusion 1.5 inpainting",
    version="1.0.0",
    architecture="StableDiffusionInpaintPipeline",
    route="torch",
    source=pipeline(
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        "text_encoder",
        "unet",
        "vae",
        revision="8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
    ),
    licence=licence(
        "LicenseRef-CreativeML-OpenRAIL-M",
        "Rombach et al. (arXiv:2112.10752), Runway",
        url="https://huggingface.co/spaces/CompVis/stable-diffusion-license",
        notice="Uses that attachment A of the licence forbids stay forbidden.",
    ),
    restriction="use-restricted",
    task="inpainting",
    runner="diffusion",
    graphs=(text_encoder(), denoiser(channels=9), decoder(), encoder(), preview()),
    gates=GATES,
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 1500),
    download_mb=by_parameters(1067, "fp16")["fp16"],
    runner_options={"steps": 20, "max_steps": 50, "guidance": 7.5},
    quantize="matmul",
    buckets=({"batch": 1, "height": 64, "width": 64, "tokens": 77},),
    notes="The denoiser has 9 channels: latent, mask, masked picture.",
    parts={"preview": TAESD},
    tiny={
        "text_encoder": TINY_TEXT,
        "unet": dict(TINY_UNET) | {"in_channels": 9},
        "vae": TINY_VAE,
        "preview": TINY_PREVIEW,
        "scheduler": SCHEDULER,
    },
)
