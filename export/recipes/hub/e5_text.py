"""multilingual-e5-small: texts in a hundred languages to directions that are near when they mean the same."""

from __future__ import annotations

from ...recipe import GraphSpec, Recipe, Tensor
from .bert_heads import TINY_BERT
from .common import TEXT_SIZES, TOKENIZER, by_parameters, cosine, ids, licence, mask, transformer, with_working_set

_MEGABYTES = by_parameters(118, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="e5-text",
    title="Multilingual E5 small",
    version="1.0.0",
    architecture="BertModel",
    route="torch",
    source=transformer("intfloat/multilingual-e5-small", *TOKENIZER),
    licence=licence("MIT", "Wang et al., Microsoft (arXiv:2402.05672)"),
    restriction="none",
    task="text embedding",
    runner="text_embedding",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(ids(), mask()),
            outputs=(Tensor("embedding", "float32", ("batch", "{hidden_size}"), "length 1"),),
            vary=TEXT_SIZES,
            steps=("zero_types", "mean_pool", "normalize"),
        ),
    ),
    gates=cosine(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 60),
    runner_options={"query_prefix": "query: ", "passage_prefix": "passage: "},
    tiny={**TINY_BERT},
)
