"""What stands around a component inside its graph, so that a runner gets what it asks for: pooling, norm, padding.

A recipe names these steps; each is a few tensor operations and knows sizes, not models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

Tensors = dict[str, torch.Tensor]
Sizes = Mapping[str, int]


def pad_tokens(inputs: Tensors, sizes: Sizes) -> Tensors:
    """Ids [batch, n] to [batch, `tokens`], masked and missing ones set to `pad_id`; the mask goes no further.

    For models that were trained on padded text without a mask and read the last position.
    """
    ids = inputs["input_ids"]
    ids = ids.masked_fill(inputs["attention_mask"] == 0, sizes["pad_id"])
    filler = torch.full((1, sizes["tokens"]), sizes["pad_id"], dtype=ids.dtype).expand(ids.shape[0], -1)
    return {"input_ids": torch.cat([ids, filler], dim=1)[:, : sizes["tokens"]]}


def zero_types(inputs: Tensors, sizes: Sizes) -> Tensors:
    """Adds `token_type_ids` of zeros, for runners that have none."""
    return inputs | {"token_type_ids": torch.zeros_like(inputs["input_ids"])}


def mean_pool(result: torch.Tensor, inputs: Tensors) -> torch.Tensor:
    """Hidden states [batch, n, width] to their mean over the tokens of the mask, [batch, width]."""
    mask = inputs["attention_mask"].unsqueeze(-1).to(result.dtype)
    return (result * mask).sum(1) / mask.sum(1)


def first_token(result: torch.Tensor, inputs: Tensors) -> torch.Tensor:
    """Hidden states [batch, n, width] to those of the first token, [batch, width]."""
    return result[:, 0]


def normalize(result: torch.Tensor, inputs: Tensors) -> torch.Tensor:
    """Vectors to length 1 along the last axis."""
    return torch.nn.functional.normalize(result, dim=-1)


BEFORE: Mapping[str, Callable[[Tensors, Sizes], Tensors]] = {"pad_tokens": pad_tokens, "zero_types": zero_types}
AFTER: Mapping[str, Callable[[torch.Tensor, Tensors], torch.Tensor]] = {
    "mean_pool": mean_pool,
    "first_token": first_token,
    "normalize": normalize,
}
