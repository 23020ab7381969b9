"""BiRefNet: cut-out of what a picture is about, sharp to the hair."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import Accuracy, GraphSpec, HubSource, Recipe, Tensor
from .common import licence

RECIPE = Recipe(
    name="birefnet",
    title="BiRefNet cut-out, 512",
    version="1.0.0",
    architecture="BiRefNet",
    route="ready",
    source=HubSource(
        "onnx-community/BiRefNet_512x512-ONNX",
        "b0b30aff33d009f6bcd7dacdc3cdcf2f8f42175b",
        ("onnx/model.onnx",),
    ),
    licence=licence(
        "MIT",
        "Zheng et al. (arXiv:2401.03407); exported to ONNX by the ONNX community",
        notice="Names, axes and metadata rewritten, weights kept.",
    ),
    restriction="none",
    task="cut-out",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="onnx/model.onnx",
            inputs=(Tensor("image", "float32", (1, 3, 512, 512), "RGB, normalised", source="input_image"),),
            outputs=(
                Tensor(
                    "mask", "float32", (1, 1, 512, 512), "logit that the pixel is the subject", source="output_image"
                ),
            ),
        ),
    ),
    gates={"fp32": Accuracy("identical", 1.0)},
    megabytes={"fp32": 940},
    memory_mb={"fp32": 3500},
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
    quantize="none",
    notes="Pinned transformers has no BiRefNet (it needs code of its repository), so a published ONNX file is "
    "imported. Published: S-measure .911 on DIS-VD for the model at 1024.",
)
