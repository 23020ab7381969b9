"""A BERT with one label a token: persons, organisations, places in a text."""

from __future__ import annotations

from ...recipe import Tensor
from .bert_heads import bert_head
from .common import licence

RECIPE = bert_head(
    "named-entities",
    "Named entities, English",
    architecture="BertForTokenClassification",
    repository="dslim/bert-base-NER",
    licence=licence("MIT", "David S. Lim"),
    task="names in a text",
    outputs=(Tensor("logits", "float32", ("batch", "sequence", "{labels}"), "of each token for each label"),),
    millions=108,
    notes="English news; trained on CoNLL-2003.",
    labels={0: "O", 1: "B-PER", 2: "I-PER", 3: "B-ORG", 4: "I-ORG"},
)
