"""A decoder with a key-value cache: the same answer with it and without it, the same greedy tokens as its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import CacheError, GreedyError
from .recipe import GraphSpec

PAST = "past_key_values."
PRESENT = "present."
ROUNDING = 1e-4
TOKENS = 16  # prompt, and greedy continuation
_SPLIT = 5
_SEED = 11

Feeds = Mapping[str, NDArray[Any]]
Run = Callable[[Feeds], dict[str, NDArray[Any]]]


def is_decoder(spec: GraphSpec) -> bool:
    """Whether a graph continues its own text: ids in, logits out, a cache in and out."""
    inputs, outputs = {tensor.name for tensor in spec.inputs}, {tensor.name for tensor in spec.outputs}
    own = {name.replace(PRESENT, PAST, 1) for name in outputs if name.startswith(PRESENT)}
    cache = {name for name in inputs if name.startswith(PAST)}
    return {"input_ids", "attention_mask"} <= inputs and "logits" in outputs and bool(cache) and cache == own


def check(spec: GraphSpec, run: Run, source: Run, *, vocabulary: int) -> int:
    """Holds a converted decoder against itself and its source; returns how many greedy tokens were equal.

    Raises `CacheError` when the logits with a cache differ from those without by more than `ROUNDING` of the largest
    logit, `GreedyError` when the greedy tokens part from the source's where its best two are further apart than that.
    """
    prompt = np.random.default_rng(_SEED).integers(0, vocabulary, TOKENS).tolist()
    whole = run(feeds(spec, prompt))["logits"][0, _SPLIT:]
    atol = ROUNDING * max(1.0, float(np.abs(whole).max()))
    _check_cache(spec, run, prompt, whole, atol)
    return _check_greedy(spec, run, source, prompt, atol)


def _check_cache(spec: GraphSpec, run: Run, prompt: Sequence[int], whole: NDArray[Any], atol: float) -> None:
    first = run(feeds(spec, prompt[:_SPLIT]))
    rest = run(feeds(spec, prompt[_SPLIT:], cache=first))["logits"][0]
    difference = float(np.abs(np.asarray(whole, np.float64) - rest).max())
    if not difference <= atol:
        raise CacheError(
            f"{spec.name}: with its cache the logits differ by {difference:.2e} from those without; at most {atol:.2e} "
            "is allowed. Positions or attention mask are not exported right."
        )


def _check_greedy(spec: GraphSpec, run: Run, source: Run, prompt: Sequence[int], atol: float) -> int:
    """Ours goes on with its cache; the source reads the whole text anew for each token."""
    text = list(prompt)
    step = run(feeds(spec, text))
    for count in range(TOKENS):
        ours = int(np.argmax(step["logits"][0, -1]))
        logits = np.asarray(source(feeds(spec, text))["logits"][0, -1], np.float64)
        theirs = int(np.argmax(logits))
        if ours != theirs:
            if logits[theirs] - logits[ours] <= 2 * atol:
                return count  # a tie within the tolerance: both are right, and the texts part here
            raise GreedyError(
                f"{spec.name}: greedy token {count} is {ours}, the source's is {theirs} "
                f"(by {logits[theirs] - logits[ours]:.2e})."
            )
        text.append(theirs)
        step = run(feeds(spec, [theirs], cache=step))
    return TOKENS


def feeds(spec: GraphSpec, ids: Sequence[int], *, cache: Feeds | None = None) -> dict[str, NDArray[Any]]:
    """Inputs for these tokens after what the cache of an earlier run holds; batch 1."""
    given: dict[str, NDArray[Any]] = {}
    past = 0
    for tensor in spec.inputs:
        if tensor.name.startswith(PAST):
            if cache is None:
                free = iter((1, 0))  # the batch axis comes first, the past is empty
                shape = tuple(axis if isinstance(axis, int) else next(free) for axis in tensor.shape)
                given[tensor.name] = np.zeros(shape, tensor.dtype)
            else:
                given[tensor.name] = cache[tensor.name.replace(PAST, PRESENT, 1)]
                past = given[tensor.name].shape[2]
    given["input_ids"] = np.array([ids], np.int64)
    given["attention_mask"] = np.ones((1, past + len(ids)), np.int64)
    if any(tensor.name == "position_ids" for tensor in spec.inputs):
        given["position_ids"] = np.arange(past, past + len(ids), dtype=np.int64)[None]
    return given
