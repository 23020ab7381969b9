"""Where in a sound somebody speaks."""

from __future__ import annotations

from sidecar.engine.manifest import Licence

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

_STATE = (1, 1, 128)

RECIPE = Recipe(
    name="voice-activity",
    title="Silero VAD 6.2, 16 kHz",
    version="1.0.0",
    architecture="onnx",
    route="ready",
    source=(
        RegistrySource(
            registry="pypi",
            package="silero-vad",
            version="6.2.3",
            file="silero_vad-6.2.3-py3-none-any.whl",
            sha256="7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
            bytes=11_317_527,
            members={
                "silero_vad.onnx": (
                    "silero_vad/data/silero_vad_16k_sequence.onnx",
                    "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
                    1_246_165,
                )
            },
        ),
    ),
    licence=Licence(
        spdx="MIT",
        attribution="Silero VAD, Silero Team.",
        notice="Tensors renamed, unused parts of the file left out; weights untouched.",
        url="https://github.com/snakers4/silero-vad/blob/master/LICENSE",
    ),
    restriction="none",
    task="voice activity in 16 kHz sound",
    runner="voice_activity",
    graphs=(
        GraphSpec(
            name="model",
            component="silero_vad.onnx",
            inputs=(
                Tensor(
                    "windows",
                    "float32",
                    ("windows", 576),
                    "sound in -1..1 at 16 kHz, one after the other: 512 new samples each, behind the 64 before them",
                    source="input",
                ),
                Tensor("state_0", "float32", _STATE, "zeros before the first window", source="h"),
                Tensor("state_1", "float32", _STATE, "zeros before the first window", source="c"),
            ),
            outputs=(
                Tensor("probabilities", "float32", ("windows",), "of speech in each window", source="speech_probs"),
                Tensor("next_0", "float32", _STATE, "state_0 for the next run", source="hn"),
                Tensor("next_1", "float32", _STATE, "state_1 for the next run", source="cn"),
            ),
            providers=("cpu",),
            vary=({"windows": 1}, {"windows": 40}),
        ),
    ),
    gates={"fp32": Accuracy(metric="max_abs", bound=1e-5)},
    megabytes={"fp32": 2},
    memory_mb={"fp32": 15},
    runner_options={"window": 512, "context": 64, "state": _STATE, "threshold": 0.5},
    quantize="none",
)
