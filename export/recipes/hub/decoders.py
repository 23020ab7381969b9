"""What all decoder-only text recipes share: one graph with a cache, gates by agreement of choices."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.manifest import Licence, Precision

from ...recipe import Accuracy, GraphSpec, HubSource, Recipe, Tensor
from .common import by_parameters, ids, with_working_set

_CACHE_IN: tuple[int | str, ...] = ("batch", "{kv_heads}", "past", "{head_size}")
_CACHE_OUT: tuple[int | str, ...] = ("batch", "{kv_heads}", "total", "{head_size}")

GRAPH = GraphSpec(
    name="model",
    component="model",
    inputs=(
        ids(),
        Tensor("attention_mask", "int64", ("batch", "total"), "1 for a token, 0 for padding", values="ones"),
        Tensor("position_ids", "int64", ("batch", "sequence"), "place of each token, from 0", values="positions"),
    ),
    outputs=(Tensor("logits", "float32", ("batch", "sequence", "{vocab_size}"), "for the token that follows"),),
    per_layer_inputs=(
        Tensor("past_key_values.{layer}.key", "float32", _CACHE_IN),
        Tensor("past_key_values.{layer}.value", "float32", _CACHE_IN),
    ),
    per_layer_outputs=(
        Tensor("present.{layer}.key", "float32", _CACHE_OUT),
        Tensor("present.{layer}.value", "float32", _CACHE_OUT),
    ),
    vary=(
        {"batch": 1, "sequence": 9, "past": 0, "total": 9},
        {"batch": 1, "sequence": 1, "past": 17, "total": 18},
        {"batch": 2, "sequence": 5, "past": 6, "total": 11},
    ),
)
GATES: Mapping[Precision, Accuracy] = {
    "fp32": Accuracy("agreement", 0.999),
    "fp16": Accuracy("agreement", 0.99),
    "int8": Accuracy("agreement", 0.95),
    "int4": Accuracy("agreement", 0.85),
}


def decoder(
    name: str,
    title: str,
    *,
    architecture: str,
    source: HubSource,
    licence: Licence,
    millions: float,
    download_mb: int,
    tiny: Mapping[str, object],
    notes: str = "",
) -> Recipe:
    """A recipe of that kind; `millions` of parameters count the output matrix, which the export keeps apart."""
    megabytes = by_parameters(millions, "fp32", "fp16", "int8", "int4")
    return Recipe(
        name=name,
        title=title,
        version="1.0.0",
        architecture=architecture,
        route="optimum",
        source=source,
        licence=licence,
        restriction="none",
        task="text generation",
        runner="text_generation",
        graphs=(GRAPH,),
        gates=GATES,
        megabytes=megabytes,
        memory_mb=with_working_set(megabytes, 300),
        download_mb=download_mb,
        quantize="weights",
        notes=notes,
        tiny=tiny,
    )
