"""Stable Diffusion 1.5 with the LCM LoRA fused in: text to picture in four to eight steps."""

from __future__ import annotations

from ...recipe import HubSource, Recipe
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
    name="sd15-lcm",
    title="Stable Diffusion 1.5 + LCM-LoRA",
    version="1.0.0",
    architecture="StableDiffusionPipeline",
    route="optimum",
    source=pipeline("stable-diffusion-v1-5/stable-diffusion-v1-5", "text_encoder", "unet", "vae"),
    licence=licence(
        "LicenseRef-CreativeML-OpenRAIL-M",
        "Rombach et al. (arXiv:2112.10752); LCM-LoRA: Luo et al. (arXiv:2311.05556)",
        url="https://huggingface.co/spaces/CompVis/stable-diffusion-license",
        notice="Uses that attachment A of the licence forbids stay forbidden; the LoRA is under OpenRAIL++.",
    ),
    restriction="use-restricted",
    task="text to picture",
    runner="diffusion",
    graphs=(text_encoder(), denoiser(), decoder(), encoder(), preview()),
    gates=GATES,
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 1500),
    download_mb=by_parameters(1067, "fp16")["fp16"],
    runner_options={
        "steps": 4,
        "max_steps": 8,
        "guidance": 1.0,
        "scheduler": {
            "kind": "lcm",
            "train_steps": 1000,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction": "epsilon",
            "spacing": "leading",
            "steps_offset": 1,
            "set_alpha_to_one": False,
            "original_steps": 50,
        },
    },
    quantize="matmul",
    buckets=({"batch": 1, "height": 64, "width": 64, "tokens": 77},),
    notes="Without guidance: a negative prompt changes nothing.",
    parts={
        "preview": TAESD,
        "lora": HubSource("latent-consistency/lcm-lora-sdv1-5", "main", ("pytorch_lora_weights.safetensors",)),
    },
    tiny={
        "text_encoder": TINY_TEXT,
        "unet": TINY_UNET,
        "vae": TINY_VAE,
        "preview": TINY_PREVIEW,
        "scheduler": SCHEDULER,
    },
)
