"""SenseVoice-Small: speech in Chinese, Cantonese, English, Japanese, Korean to tokens in one pass, 8-bit."""

from __future__ import annotations

from ...recipe import Accuracy, GraphSpec, HubSource, Recipe, Tensor
from .common import licence

RECIPE = Recipe(
    name="sense-voice",
    title="SenseVoice small",
    version="1.0.0",
    architecture="SenseVoiceSmall",
    route="ready",
    source=HubSource(
        "csukuangfj/sherpa-onnx-sense-voice-zh-en-ja-ko-yue-2024-07-17",
        "main",
        ("model.int8.onnx", "tokens.txt"),
    ),
    licence=licence(
        "LicenseRef-FunASR-Model-1.1",
        "FunAudioLLM, Alibaba (arXiv:2407.04051); exported to ONNX for sherpa-onnx",
        url="https://github.com/modelscope/FunASR/blob/main/MODEL_LICENSE",
        notice="Source and author must be named, and the model's name kept. Weights kept.",
    ),
    restriction="use-restricted",
    task="speech to tokens",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model.int8.onnx",
            inputs=(
                Tensor(
                    "features",
                    "float32",
                    ("batch", "frames", 560),
                    "80-band log-mel of 16 kHz samples of -32768..32767, 7 frames side by side every 6, then "
                    "(v + neg_mean) * inv_stddev, both in the metadata of the source file",
                    source="x",
                ),
                Tensor("lengths", "int32", ("batch",), "frames that are filled", source="x_length", values="ones"),
                Tensor("language", "int32", ("batch",), "0 auto, 3 zh, 4 en, 7 yue, 11 ja, 12 ko", below=13),
                Tensor("text_norm", "int32", ("batch",), "14 with punctuation and numerals, 15 without", below=16),
            ),
            outputs=(Tensor("logits", "float32", ("batch", "tokens", 25055), "of each token; 0 is the blank of CTC"),),
            vary=({"batch": 1, "frames": 40}, {"batch": 1, "frames": 93}),
        ),
    ),
    gates={"int8": Accuracy("identical", 1.0)},
    megabytes={"int8": 239},
    memory_mb={"int8": 500},
    runner_options={"labels": "tokens.txt"},
    quantize="none",
    notes="Pinned transformers has no SenseVoice, so a published ONNX file is imported. The first four tokens say "
    "language, emotion, event and form.",
)
