"""The numbers that a recipe leaves to its source: sizes of tensors, how many layers, which token pads.

A recipe fits every size of its architecture that way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import SourceError
from .recipe import GraphSpec, Recipe, Tensor
from .source_text import json_object, tokenizer

CONFIGURED = ("optimum", "torch")  # routes whose source folder is one of transformers or diffusers
_LONGEST_TEXT = 512  # of a text tower; what is longer is a decoder's, which has `context`


def resolve(recipe: Recipe, source: Path) -> Recipe:
    """The recipe with the source's numbers in its graphs: sizes in braces filled in, layers counted out.

    Resolving twice changes nothing. Raises `SourceError` for a number that the configuration does not have.
    """
    known = sizes(recipe, source)
    graphs = tuple(_resolved(graph, known) for graph in recipe.graphs)
    return dataclasses.replace(recipe, graphs=graphs)


def sizes(recipe: Recipe, source: Path) -> dict[str, int]:
    """Every whole number of the source's configuration by its dotted path, and what follows from them.

    Derived: `vocabulary`, `layers`, `kv_heads`, `head_size`, `labels`, `factor` (picture side over latent side),
    `moments` (channels of an image encoder's answer), `tokens` and `pad_id` (of a text tower), `frames`,
    `X.penultimate` (the layer before the last).
    """
    if recipe.route not in CONFIGURED:
        return {}
    from .routes.loading import configuration  # torch and its libraries are imported only where a route needs them

    config = configuration(recipe, source)
    known = dict(_numbers(config, ""))
    return known | _derived(config, known, source)


def _resolved(graph: GraphSpec, known: Mapping[str, int]) -> GraphSpec:
    layers = range(known.get("layers", 0))
    inputs = (*graph.inputs, *_repeated(graph.per_layer_inputs, layers))
    outputs = (*graph.outputs, *_repeated(graph.per_layer_outputs, layers))
    return dataclasses.replace(
        graph,
        inputs=tuple(_filled(tensor, known) for tensor in inputs),
        outputs=tuple(_filled(tensor, known) for tensor in outputs),
        per_layer_inputs=(),
        per_layer_outputs=(),
    )


def _repeated(tensors: tuple[Tensor, ...], layers: range) -> list[Tensor]:
    return [
        dataclasses.replace(tensor, name=tensor.name.replace("{layer}", str(layer)))
        for layer in layers
        for tensor in tensors
    ]


def _filled(tensor: Tensor, known: Mapping[str, int]) -> Tensor:
    shape = tuple(
        _number(axis[1:-1], known) if isinstance(axis, str) and axis.startswith("{") else axis for axis in tensor.shape
    )
    head, brace, rest = tensor.source.partition("{")
    source = head + str(_number(rest[:-1], known)) if brace else tensor.source
    return dataclasses.replace(tensor, shape=shape, source=source)


def _number(name: str, known: Mapping[str, int]) -> int:
    if name not in known:
        raise SourceError(f"The source's configuration has no number {name}: it is of another architecture.")
    return known[name]


def _numbers(value: Any, path: str) -> list[tuple[str, int]]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        return [(path, value)]
    rows: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        rows = list(value.items())
    elif isinstance(value, list | tuple):
        rows = list(enumerate(value))
    prefix = f"{path}." if path else ""
    return [found for key, item in rows for found in _numbers(item, f"{prefix}{key}")]


def _derived(config: Mapping[str, Any], known: Mapping[str, int], source: Path) -> dict[str, int]:
    made: dict[str, int] = {}
    for path in ("vocab_size", "text_config.vocab_size", "text_encoder.vocab_size"):
        if path in known:
            made.setdefault("vocabulary", known[path])
    layers = known.get("decoder_layers", known.get("num_hidden_layers"))
    heads = known.get("decoder_attention_heads", known.get("num_attention_heads"))
    width = known.get("d_model", known.get("hidden_size"))
    if layers and heads and width:
        made |= {"layers": layers, "kv_heads": known.get("num_key_value_heads", heads)}
        made["head_size"] = known.get("head_dim", width // heads)
    if "max_source_positions" in known:
        made["frames"] = 2 * known["max_source_positions"]
    if isinstance(config.get("id2label"), Mapping):
        made["labels"] = len(config["id2label"])
    tokens = known.get("text_config.max_position_embeddings", known.get("max_position_embeddings"))
    if tokens:
        made["tokens"] = min(tokens, _LONGEST_TEXT)
        made["pad_id"] = pad_id(source, known.get("text_config.pad_token_id", known.get("pad_token_id", 0)))
    for name in ("text_encoder", "text_encoder_2"):
        if f"{name}.num_hidden_layers" in known:
            made[f"{name}.penultimate"] = known[f"{name}.num_hidden_layers"] - 1
    for name in ("vae", "preview"):
        if isinstance(config.get(name), Mapping):
            blocks = config[name].get("block_out_channels") or config[name].get("encoder_block_out_channels")
            made.setdefault("factor", 2 ** (len(blocks) - 1))
    if "vae.latent_channels" in known:
        made["moments"] = 2 * known["vae.latent_channels"]
    return made


def pad_id(source: Path, otherwise: int) -> int:
    """The id of the tokenizer's own padding token; a text tower was trained with that one."""
    token = json_object(source / "tokenizer_config.json").get("pad_token")
    token = token.get("content") if isinstance(token, Mapping) else token
    if not isinstance(token, str):
        return otherwise
    from tokenizers import Tokenizer

    found = Tokenizer.from_str(tokenizer(source).decode()).token_to_id(token)
    return otherwise if found is None else int(found)
