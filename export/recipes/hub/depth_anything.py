"""Depth-Anything-V2-Small: relative depth from one picture, sharp at edges."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import GraphSpec, Recipe, Tensor
from .common import by_parameters, cosine, licence, pixels, transformer, with_working_set

_MEGABYTES = by_parameters(24.8, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="depth-anything",
    title="Depth Anything V2 small",
    version="1.0.0",
    architecture="DepthAnythingForDepthEstimation",
    route="torch",
    source=transformer("depth-anything/Depth-Anything-V2-Small-hf"),
    licence=licence("Apache-2.0", "Yang et al. (arXiv:2406.09414); the larger sizes are not Apache-2.0"),
    restriction="none",
    task="relative depth",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(pixels("height", "width"),),
            outputs=(
                Tensor(
                    "predicted_depth",
                    "float32",
                    ("batch", "depth_height", "depth_width"),
                    "inverse depth without a unit; the nearer, the larger",
                ),
            ),
            vary=(
                {"batch": 1, "height": 56, "width": 84},
                {"batch": 2, "height": 98, "width": 70},
                {"batch": 1, "height": 140, "width": 112},
            ),
        ),
    ),
    gates=cosine(int8=0.99),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 400),
    preprocessing=Preprocessing(
        colour="rgb",
        low=0.0,
        high=1.0,
        layout="nchw",
        width=None,
        height=None,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        multiple=14,
        fit="stretch",
    ),
    quantize="matmul",
    notes="Sides in multiples of 14; trained at 518.",
    tiny={
        "backbone_config": {
            "model_type": "dinov2",
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": 70,
            "patch_size": 14,
            "out_indices": [1, 2, 3, 4],
            "apply_layernorm": True,
            "reshape_hidden_states": False,
        },
        "reassemble_hidden_size": 32,
        "patch_size": 14,
        "neck_hidden_sizes": [8, 8, 16, 16],
        "fusion_hidden_size": 8,
        "head_hidden_size": 8,
    },
)
