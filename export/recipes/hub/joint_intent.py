"""JointBERT: one BERT that says what a person wants and which words say so."""

from __future__ import annotations

from ...recipe import Tensor
from .bert_heads import bert_head
from .common import licence

RECIPE = bert_head(
    "joint-intent",
    "JointBERT: intent and slots",
    architecture="JointBert",
    route="torch",
    repository="",
    licence=licence("Apache-2.0", "Chen et al., 2019 (arXiv:1902.10909)"),
    task="intent and slots of a request",
    outputs=(
        Tensor("intent_logits", "float32", ("batch", "{intents}"), "of each intent"),
        Tensor("slot_logits", "float32", ("batch", "sequence", "{slots}"), "of each slot label, by token"),
    ),
    millions=110,
    notes="No weights of it are known to lie on the hub as safetensors: use --from with a folder of your own, trained "
    "without a CRF. The licence named is that of the usual BERT it starts from.",
)
