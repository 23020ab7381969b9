"""DPT-Large: relative depth from one picture (MiDaS 3)."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import GraphSpec, Recipe, Tensor
from .common import BATCHES, by_parameters, cosine, licence, pixels, transformer, with_working_set

_MEGABYTES = by_parameters(343, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="depth-dpt",
    title="DPT-Large, depth",
    version="1.0.0",
    architecture="DPTForDepthEstimation",
    route="optimum",
    source=transformer("Intel/dpt-large"),
    licence=licence("Apache-2.0", "Intel (arXiv:2103.13413)"),
    restriction="none",
    task="relative depth",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(pixels("{image_size}", "{image_size}"),),
            outputs=(
                Tensor(
                    "predicted_depth",
                    "float32",
                    ("batch", "{image_size}", "{image_size}"),
                    "inverse depth without a unit; the nearer, the larger",
                ),
            ),
            vary=BATCHES,
        ),
    ),
    gates=cosine(int8=0.99),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 700),
    preprocessing=Preprocessing(
        colour="rgb",
        low=-1.0,
        high=1.0,
        layout="nchw",
        width=384,
        height=384,
        fit="stretch",
    ),
    quantize="matmul",
    notes="",
    tiny={
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": 64,
        "patch_size": 16,
        "backbone_out_indices": [0, 1, 2, 3],
        "neck_hidden_sizes": [8, 8, 8, 8],
        "fusion_hidden_size": 8,
    },
)
