"""A BERT with one label a text: stars of a product review, 1 to 5."""

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

_MEGABYTES = by_parameters(167, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="review-rating",
    title="Review rating, six languages",
    version="1.0.0",
    architecture="BertForSequenceClassification",
    route="optimum",
    source=transformer("nlptown/bert-base-multilingual-uncased-sentiment", *TOKENIZER),
    licence=licence("MIT", "NLP Town"),
    restriction="none",
    task="stars of a product review",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(ids(), mask(), types()),
            outputs=(Tensor("logits", "float32", ("batch", "{labels}"), "for 1 to 5 stars"),),
            vary=TEXT_SIZES,
        ),
    ),
    gates=choices(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 60),
    notes="English, Dutch, German, French, Spanish and Italian.",
    tiny={
        "vocab_size": 160,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "id2label": {0: "1 star", 1: "2 stars", 2: "3 stars", 3: "4 stars", 4: "5 stars"},
    },
)
