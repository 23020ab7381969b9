"""TripoSR: one picture of a thing to a field of density and colour, of which marching cubes make a mesh."""

from __future__ import annotations

from sidecar.engine.runner_specs import Preprocessing

from ...recipe import Accuracy, GraphSpec, HubSource, Recipe, Tensor
from .common import licence

RECIPE = Recipe(
    name="triposr",
    title="TripoSR, picture to 3D",
    version="1.0.0",
    architecture="TSR",
    route="ready",
    source=HubSource(
        "fernandotonon/QtMeshEditor-triposr-onnx", "main", ("triposr_encoder.onnx", "triposr_decoder.onnx")
    ),
    licence=licence(
        "MIT",
        "Tripo AI and Stability AI (arXiv:2403.02151); exported to ONNX by Fernando Tonon",
        url="https://github.com/VAST-AI-Research/TripoSR/blob/main/LICENSE",
        notice="Names, axes and metadata rewritten, weights kept.",
    ),
    restriction="none",
    task="picture to 3D",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="triposr_encoder.onnx",
            inputs=(Tensor("image", "float32", (1, 3, 512, 512), "RGB, 0..1, the thing alone on grey", values="unit"),),
            outputs=(Tensor("scene_codes", "float32", (1, 3, 40, 64, 64), "three planes of features"),),
        ),
        GraphSpec(
            name="field",
            component="triposr_decoder.onnx",
            inputs=(
                Tensor("scene_codes", "float32", (1, 3, 40, 64, 64), "three planes of features"),
                Tensor("points", "float32", (1, "points", 3), "places in the cube -0.87..0.87", values="unit"),
            ),
            outputs=(
                Tensor("density", "float32", (1, "points", 1), "surface where it passes the threshold"),
                Tensor("color", "float32", (1, "points", 3), "RGB, 0..1"),
            ),
            vary=({"points": 5}, {"points": 64}),
        ),
    ),
    gates={"fp32": Accuracy("identical", 1.0)},
    megabytes={"fp32": 1676},
    memory_mb={"fp32": 4000},
    preprocessing=Preprocessing(colour="rgb", low=0.0, high=1.0, layout="nchw", width=512, height=512, fit="contain"),
    quantize="none",
    notes="Pinned transformers has no TripoSR, and its own repository has a pickle, so a published ONNX file is "
    "imported. The thing must be cut out, fill 85 % of the picture, and lie on grey.",
)
