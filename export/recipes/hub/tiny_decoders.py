"""What the tiny decoders share: latents to pictures in a hundredth of the time that the full decoder takes."""

from __future__ import annotations

from ...recipe import GraphSpec, HubSource, Recipe, Tensor
from .common import by_parameters, distance, licence, with_working_set
from .diffusion import TINY_PREVIEW


def tiny_decoder(name: str, title: str, repository: str) -> Recipe:
    """A recipe of that kind."""
    megabytes = by_parameters(1.2, "fp32", "fp16")
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture="AutoencoderTiny",
        route="torch",
        source=HubSource(repository, "main", ("config.json", "diffusion_pytorch_model.safetensors")),
        licence=licence("MIT", "Ollin Boer Bohan", url="https://github.com/madebyollin/taesd/blob/main/LICENSE"),
        restriction="none",
        task="latents to pictures",
        runner="tensors",
        graphs=(
            GraphSpec(
                name="model",
                component="decode",
                inputs=(Tensor("latents", "float32", ("batch", 4, "height", "width"), "as a denoiser sees them"),),
                outputs=(Tensor("sample", "float32", ("batch", 3, "picture_height", "picture_width"), "RGB, -1..1"),),
                vary=({"batch": 1, "height": 6, "width": 10}, {"batch": 2, "height": 12, "width": 8}),
            ),
        ),
        gates=distance(fp32=1e-3, fp16=5e-2),
        megabytes=megabytes,
        memory_mb=with_working_set(megabytes, 200),
        quantize="none",
        tiny=TINY_PREVIEW,
    )
