"""A BERT with one label a text: stars of a product review, 1 to 5."""

from __future__ import annotations

from ...recipe import Tensor
from .bert_heads import bert_head
from .common import licence

RECIPE = bert_head(
    "review-rating",
    "Review rating, six languages",
    architecture="BertForSequenceClassification",
    repository="nlptown/bert-base-multilingual-uncased-sentiment",
    licence=licence("MIT", "NLP Town"),
    task="stars of a product review",
    outputs=(Tensor("logits", "float32", ("batch", "{labels}"), "for 1 to 5 stars"),),
    millions=167,
    notes="English, Dutch, German, French, Spanish and Italian.",
    labels={0: "1 star", 1: "2 stars", 2: "3 stars", 3: "4 stars", 4: "5 stars"},
)
