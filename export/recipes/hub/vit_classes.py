"""A ViT that names what a picture shows, of the thousand classes of ImageNet."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import GraphSpec, Recipe, Tensor
from .common import BATCHES, by_parameters, choices, licence, pixels, transformer, with_working_set

_MEGABYTES = by_parameters(86.6, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="vit-classes",
    title="ViT-B/16, ImageNet classes",
    version="1.0.0",
    architecture="ViTForImageClassification",
    route="optimum",
    source=transformer("google/vit-base-patch16-224"),
    licence=licence("Apache-2.0", "Google (arXiv:2010.11929)"),
    restriction="none",
    task="what a picture shows",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(pixels("{image_size}", "{image_size}"),),
            outputs=(Tensor("logits", "float32", ("batch", "{labels}"), "of each class"),),
            vary=BATCHES,
        ),
    ),
    gates=choices(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 100),
    preprocessing=Preprocessing(
        colour="rgb",
        low=-1.0,
        high=1.0,
        layout="nchw",
        width=224,
        height=224,
        fit="stretch",
    ),
    quantize="matmul",
    notes="",
    tiny={
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
        "id2label": {0: "shirt", 1: "shoe", 2: "hat"},
    },
)
