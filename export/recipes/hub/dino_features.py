"""DINOv2 small: what parts of a picture look like, without labels."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import GraphSpec, Recipe, Tensor
from .common import by_parameters, cosine, licence, pixels, transformer, with_working_set

_MEGABYTES = by_parameters(22.1, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="dino-features",
    title="DINOv2 small",
    version="1.0.0",
    architecture="Dinov2Model",
    route="torch",
    source=transformer("facebook/dinov2-small"),
    licence=licence("Apache-2.0", "Meta AI (arXiv:2304.07193)"),
    restriction="none",
    task="image features",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(pixels("height", "width"),),
            outputs=(
                Tensor(
                    "last_hidden_state",
                    "float32",
                    ("batch", "tokens", "{hidden_size}"),
                    "whole picture, then patches of 14 pixels, row by row",
                ),
            ),
            vary=(
                {"batch": 1, "height": 56, "width": 70},
                {"batch": 3, "height": 84, "width": 42},
                {"batch": 2, "height": 98, "width": 112},
            ),
        ),
    ),
    gates=cosine(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 100),
    preprocessing=Preprocessing(
        colour="rgb",
        low=0.0,
        high=1.0,
        layout="nchw",
        width=None,
        height=None,
        multiple=14,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        fit="cover",
    ),
    quantize="matmul",
    notes="Sides in multiples of 14; trained at 518, used at 224 most. The first token stands for the whole picture.",
    tiny={
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
    },
)
