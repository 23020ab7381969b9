"""CatVTON: a garment put on a person by laying its picture beside theirs, without text."""

from __future__ import annotations

from ...recipe import HubSource, Recipe
from .common import by_parameters, licence, with_working_set
from .diffusion import (
    GATES,
    SCHEDULER,
    TAESD,
    TINY_PREVIEW,
    TINY_UNET,
    TINY_VAE,
    decoder,
    denoiser,
    encoder,
    pipeline,
    preview,
)

_MEGABYTES = by_parameters(899, "fp32", "fp16")

RECIPE = Recipe(
    name="catvton",
    title="CatVTON try-on",
    version="1.0.0",
    architecture="StableDiffusionInpaintPipeline",
    route="torch",
    source=pipeline(
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        "unet",
        revision="8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
    ),
    licence=licence(
        "CC-BY-NC-SA-4.0",
        "Chong et al. (arXiv:2407.15886), after Stable Diffusion 1.5 inpainting",
        url="https://creativecommons.org/licenses/by-nc-sa/4.0/",
        notice="Not for commercial use. The denoiser that it was tuned from is under CreativeML OpenRAIL-M.",
    ),
    restriction="non-commercial",
    task="clothes try-on",
    runner="diffusion",
    graphs=(denoiser(channels=9, text=False), decoder(), encoder(), preview()),
    gates=GATES,
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 1500),
    download_mb=2260,
    runner_options={
        "inputs": "garment",
        "beside": "height",
        "steps": 20,
        "max_steps": 50,
        "guidance": 2.5,
        "scheduler": {
            "kind": "ddim",
            "train_steps": 1000,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction": "epsilon",
            "spacing": "leading",
            "steps_offset": 1,
            "set_alpha_to_one": False,
            "eta": 1.0,
        },
        "width": 384,
        "height": 512,
    },
    quantize="matmul",
    buckets=({"batch": 1, "height": 64, "width": 64, "tokens": 77},),
    notes="Published on VITON-HD: SSIM .870, FID 5.43, KID .41, LPIPS .057. Trained at 512x384 and 1024x768.",
    parts={
        "attention": HubSource("zhengchong/CatVTON", "main", ("mix-48k-1024/attention/model.safetensors",)),
        "vae": HubSource("stabilityai/sd-vae-ft-mse", "main", ("config.json", "diffusion_pytorch_model.safetensors")),
        "preview": TAESD,
    },
    tiny={
        "unet": dict(TINY_UNET) | {"in_channels": 9},
        "vae": TINY_VAE,
        "preview": TINY_PREVIEW,
        "scheduler": SCHEDULER,
    },
)
