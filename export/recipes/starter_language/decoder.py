"""What the recipes of chat models share: their tensors."""

from __future__ import annotations

from ...recipe import GraphSpec, Tensor


def graph(*, layers: int, kv_heads: int, head_size: int, vocabulary: int) -> GraphSpec:
    """Graph `model`, with the caches of all layers."""
    cache = ("batch", kv_heads, "past", head_size)
    grown = ("batch", kv_heads, "total", head_size)
    parts = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
    return GraphSpec(
        name="model",
        component="",
        inputs=(
            Tensor("input_ids", "int64", ("batch", "sequence"), "the tokens that the cache does not hold yet"),
            Tensor(
                "attention_mask", "int64", ("batch", "total"), "1 for each token so far, 0 for padding before the first"
            ),
            *(Tensor(f"past_key_values.{part}", "float32", cache) for part in parts),
        ),
        outputs=(
            Tensor("logits", "float32", ("batch", 1, vocabulary), "of the token after the last"),
            *(Tensor(f"present.{part}", "float32", grown) for part in parts),
        ),
        providers=("cpu",),  # where it was measured; the graphics card is the picture's
    )
