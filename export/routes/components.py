"""A graph of a recipe as a torch module: the recipe's inputs in order, its outputs in order.

How a component is called follows from its own signature and from the tensors' names, never from the model's name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from transformers import DynamicCache, EncoderDecoderCache

from ..errors import NamesError, UnknownArchitecture
from ..recipe import GraphSpec
from .steps import AFTER, BEFORE, Sizes, Tensors

_PAST = re.compile(r"past_key_values\.(\d+)\.(?:(decoder|encoder)\.)?(key|value)")
_PRESENT = re.compile(r"present\.(\d+)\.(?:(decoder|encoder)\.)?(key|value)")
_HIDDEN = re.compile(r"hidden_states\.(\d+)")


class Component(torch.nn.Module):
    """`graph` of `model`. Raises `UnknownArchitecture` where the model has no such part."""

    def __init__(self, model: Any, graph: GraphSpec, sizes: Sizes) -> None:
        super().__init__()
        self._call = _resolve(model, graph.component)
        if isinstance(model, torch.nn.Module):
            self.source = model  # so that its weights are this module's
        else:
            self.source = torch.nn.ModuleDict({k: v for k, v in vars(model).items() if isinstance(v, torch.nn.Module)})
        self._graph, self._sizes = graph, sizes
        self._after = [_after(model, step) for step in graph.steps if step not in BEFORE]

    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The recipe's inputs by position, as their specs say; its outputs by position."""
        given = dict(zip((tensor.name for tensor in self._graph.inputs), values, strict=True))
        inputs = {tensor.source or tensor.name: given[tensor.name] for tensor in self._graph.inputs}
        fed = inputs
        for step in self._graph.steps:
            if step in BEFORE:
                fed = BEFORE[step](fed, self._sizes)
        names = [tensor.source or tensor.name for tensor in self._graph.outputs]
        result = self._call(fed, any(_HIDDEN.fullmatch(name) for name in names))
        if not self._after:
            return tuple(_pick(result, name, sole=len(names) == 1) for name in names)
        chosen = _pick(result, "last_hidden_state", sole=True)
        for apply in self._after:
            chosen = apply(chosen, inputs)
        return (chosen,)


_Call = Callable[[Tensors, bool], Any]


def _after(model: Any, step: str) -> Callable[[torch.Tensor, Tensors], torch.Tensor]:
    """A step of the table, or `through:PART`: a part of the model that takes what came out."""
    if step.startswith("through:"):
        part = _part(model, step.removeprefix("through:"))
        return lambda result, inputs: part(result)
    if step not in AFTER:
        raise UnknownArchitecture(f"The recipe names the step {step}, which there is not.")
    return AFTER[step]


def _resolve(model: Any, component: str) -> _Call:
    """The part of that name as a call: a part of a pipeline or of an encoder-decoder, else an attribute or a method."""
    if component in ("decoder_model", "decoder_with_past_model"):
        return lambda inputs, hidden: _decoder(model, inputs)
    if component == "encoder_model":
        return lambda inputs, hidden: _apply(model.get_encoder(), inputs, hidden)
    if component == "vae_encoder":
        return lambda inputs, hidden: {"latent_parameters": model.vae.encode(*inputs.values()).latent_dist.parameters}
    if component == "vae_decoder":
        return lambda inputs, hidden: model.vae.decode(*inputs.values())
    target = model if component == "model" else _part(model, component)
    return lambda inputs, hidden: _apply(target, inputs, hidden)


def _part(model: Any, path: str) -> Any:
    target = model
    for name in path.split("."):
        target = getattr(target, name, None) if not name.startswith("_") else None
    if not callable(target):
        raise UnknownArchitecture(f"The source model has no part {path}.")
    return target


def _apply(target: Any, inputs: Tensors, hidden: bool) -> Any:
    """Calls by keyword. A sole input of another name goes by position; what the signature requires beyond is None."""
    signature = inspect.signature(target.forward if isinstance(target, torch.nn.Module) else target)
    parameters = signature.parameters
    cache = {name: value for name, value in inputs.items() if _PAST.fullmatch(name)}
    named: dict[str, Any] = {name: value for name, value in inputs.items() if name not in cache}
    if len(named) == 1 and next(iter(named)) not in parameters:
        return target(*named.values())
    extra = {name: named.pop(name) for name in list(named) if name not in parameters}
    if extra and "added_cond_kwargs" in parameters:
        named["added_cond_kwargs"] = extra
    elif extra:
        raise NamesError(f"The source model takes no input {', '.join(extra)}.")
    if cache:
        named["past_key_values"] = _cache(cache)
    if hidden:
        named["output_hidden_states"] = True
    if "use_cache" in parameters:
        named["use_cache"] = True
    required = [p.name for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return target(**{name: None for name in required if name not in named}, **named)


def _decoder(model: Any, inputs: Tensors) -> Any:
    """One step of an encoder-decoder, its encoder's answer or the caches of an earlier step given."""
    cache = {name: value for name, value in inputs.items() if _PAST.fullmatch(name)}
    hidden = inputs.get("encoder_hidden_states")
    if hidden is None:  # only its length counts: the cross-attention's keys lie in the cache
        keys = cache["past_key_values.0.encoder.key"]
        hidden = torch.zeros(keys.shape[0], keys.shape[2], model.config.d_model)
    return model(
        decoder_input_ids=inputs["input_ids"],
        encoder_outputs=(hidden,),
        past_key_values=_cache(cache) if cache else None,
        use_cache=True,
    )


def _cache(tensors: Mapping[str, torch.Tensor]) -> Any:
    """The library's cache object out of `past_key_values.N.[decoder.|encoder.]key|value`."""
    parts: dict[str, DynamicCache] = {}
    for name, key in tensors.items():
        match = _PAST.fullmatch(name)
        if match and match[3] == "key":
            part = parts.setdefault(match[2] or "", DynamicCache())
            part.update(key, tensors[name.removesuffix("key") + "value"], int(match[1]))
    return parts[""] if "" in parts else EncoderDecoderCache(parts["decoder"], parts["encoder"])


def _pick(result: Any, name: str, *, sole: bool) -> torch.Tensor:
    """One output of a call, by name: of the cache, of the hidden states, of the answer's fields."""
    if isinstance(result, torch.Tensor) and sole:
        return result
    if match := _PRESENT.fullmatch(name):
        return _from_cache(result, int(match[1]), match[2], match[3])
    if match := _HIDDEN.fullmatch(name):
        found: Any = result.hidden_states[int(match[1])]
    else:
        field = "sample" if name == "out_sample" else name
        found = result.get(field) if isinstance(result, Mapping) else getattr(result, field, None)
    if found is None and sole and hasattr(result, "sample"):
        found = result.sample
    if not isinstance(found, torch.Tensor):
        raise NamesError(f"The source model answers no {name}.")
    return found


def _from_cache(result: Any, layer: int, part: str | None, kind: str) -> torch.Tensor:
    cache = result.past_key_values
    if part is not None:
        cache = cache.self_attention_cache if part == "decoder" else cache.cross_attention_cache
    tensor: torch.Tensor = cache.layers[layer].keys if kind == "key" else cache.layers[layer].values
    return tensor
