"""A BERT with one label a token: persons, organisations, places in a text."""

from __future__ import annotations

from ...recipe import GraphSpec, Recipe, Tensor
from .common import (
    TEXT_SIZES,
    TOKENIZER,
    by_parameters,
    choices,
    ids,
    licence,
    mask,
    transformer,
    types,
    with_working_set,
)

_MEGABYTES = by_parameters(108, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="named-entities",
    title="Named entities, English",
    version="1.0.0",
    architecture="BertForTokenClassification",
    route="optimum",
    source=transformer("dslim/bert-base-NER", *TOKENIZER),
    licence=licence("MIT", "David S. Lim"),
    restriction="none",
    task="names in a text",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(ids(), mask(), types()),
            outputs=(Tensor("logits", "float32", ("batch", "sequence", "{labels}"), "of each token for each label"),),
            vary=TEXT_SIZES,
        ),
    ),
    gates=choices(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 60),
    notes="English news; trained on CoNLL-2003.",
    tiny={
        "vocab_size": 160,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "id2label": {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-ORG", 4: "I-ORG"},
    },
)
