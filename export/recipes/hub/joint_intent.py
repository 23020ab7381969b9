"""JointBERT: one BERT that says what a person wants and which words say so."""

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

_MEGABYTES = by_parameters(110, "fp32", "fp16", "int8")

RECIPE = Recipe(
    name="joint-intent",
    title="JointBERT: intent and slots",
    version="1.0.0",
    architecture="JointBert",
    route="torch",
    source=transformer("", *TOKENIZER),
    licence=licence("Apache-2.0", "Chen et al., 2019 (arXiv:1902.10909)"),
    restriction="none",
    task="intent and slots of a request",
    runner="tensors",
    graphs=(
        GraphSpec(
            name="model",
            component="model",
            inputs=(ids(), mask(), types()),
            outputs=(
                Tensor("intent_logits", "float32", ("batch", "{intents}"), "of each intent"),
                Tensor("slot_logits", "float32", ("batch", "sequence", "{slots}"), "of each slot label, by token"),
            ),
            vary=TEXT_SIZES,
        ),
    ),
    gates=choices(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 60),
    notes="No weights of it are known to lie on the hub as safetensors: use --from with a folder of your own, trained "
    "without a CRF. The licence named is that of the usual BERT it starts from.",
    tiny={
        "vocab_size": 160,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
    },
)
