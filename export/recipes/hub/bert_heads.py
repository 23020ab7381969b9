"""What the recipes of a BERT with a head share: its tensors, gates by agreement of choices, sizes."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.manifest import Licence

from ...recipe import GraphSpec, Recipe, Route, Tensor
from .common import TEXT_SIZES, TOKENIZER, by_parameters, choices, ids, mask, transformer, types, with_working_set

TINY_BERT: Mapping[str, object] = {
    "vocab_size": 160,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}


def bert_head(
    name: str,
    title: str,
    *,
    architecture: str,
    route: Route = "optimum",
    repository: str,
    licence: Licence,
    task: str,
    outputs: tuple[Tensor, ...],
    millions: float,
    notes: str,
    labels: Mapping[int, str] | None = None,
) -> Recipe:
    """A recipe of that kind; `labels` are those of its tiny model, where the head's width follows from them."""
    megabytes = by_parameters(millions, "fp32", "fp16", "int8")
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture=architecture,
        route=route,
        source=transformer(repository, *TOKENIZER),
        licence=licence,
        restriction="none",
        task=task,
        runner="tensors",
        graphs=(
            GraphSpec(
                name="model",
                component="model",
                inputs=(ids(), mask(), types()),
                outputs=outputs,
                vary=TEXT_SIZES,
            ),
        ),
        gates=choices(),
        megabytes=megabytes,
        memory_mb=with_working_set(megabytes, 60),
        notes=notes,
        tiny={**TINY_BERT} if labels is None else {**TINY_BERT, "id2label": dict(labels)},
    )
