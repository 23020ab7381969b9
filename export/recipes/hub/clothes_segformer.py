"""SegFormer B2 that parses clothes: 18 classes a pixel."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import GraphSpec, Recipe, Tensor
from .common import by_parameters, choices, licence, pixels, transformer, with_working_set

_MEGABYTES = by_parameters(27.4, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="clothes-segformer",
    title="SegFormer B2, clothes",
    version="1.0.0",
    architecture="SegformerForSemanticSegmentation",
    route="optimum",
    source=transformer("mattmdjaga/segformer_b2_clothes"),
    licence=licence(
        "LicenseRef-NVIDIA-SegFormer",
        "mattmdjaga, after NVIDIA SegFormer (arXiv:2105.15203)",
        url="https://github.com/NVlabs/SegFormer/blob/master/LICENSE",
        notice="The card says MIT; it was tuned from NVIDIA's SegFormer, which may be used for research alone.",
    ),
    restriction="non-commercial",
    task="clothes by pixel",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(pixels("height", "width"),),
            outputs=(
                Tensor(
                    "logits",
                    "float32",
                    ("batch", "{labels}", "rows", "columns"),
                    "of each class, at a quarter of the sides",
                ),
            ),
            vary=(
                {"batch": 1, "height": 64, "width": 96},
                {"batch": 2, "height": 128, "width": 64},
                {"batch": 1, "height": 160, "width": 224},
            ),
        ),
    ),
    gates=choices(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 100),
    preprocessing=Preprocessing(
        colour="rgb",
        low=0.0,
        high=1.0,
        layout="nchw",
        width=512,
        height=512,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        fit="stretch",
    ),
    quantize="matmul",
    notes="Trained at 512x512.",
    tiny={
        "hidden_sizes": [8, 16, 16, 32],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 2, 4],
        "decoder_hidden_size": 16,
        "id2label": {0: "Background", 1: "Hat", 2: "Hair", 3: "Upper-clothes", 4: "Skirt"},
    },
)
