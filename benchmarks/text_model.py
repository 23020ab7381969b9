"""A decoder of the Llama and Qwen2 family as an ONNX graph that adds to one shared cache, from weights by name.

GroupQueryAttention (ONNX Runtime's own operator) turns positions, reads and writes the cache. So that every driver of
the graph is measured on the very same thing, the benchmark makes its model here, with random weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
OPSET, IR_VERSION = 17, 8


@dataclass(frozen=True)
class Shape:
    """The numbers of one decoder."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    epsilon: float = 1e-6
    rotary_base: float = 10_000.0

    @property
    def head_size(self) -> int:
        """Numbers a head."""
        return self.hidden // self.heads


def random_weights(shape: Shape, seed: int) -> dict[str, NDArray[np.float32]]:
    """Weights of Qwen2's names and sizes: normal, with logits wide enough that ties are rare."""
    random = np.random.default_rng(seed)

    def normal(*sizes: int) -> NDArray[np.float32]:
        return random.standard_normal(sizes, np.float32) * np.float32(0.04)

    shared = shape.kv_heads * shape.head_size
    ones = np.ones(shape.hidden, np.float32)
    found = {
        "model.embed_tokens.weight": normal(shape.vocabulary, shape.hidden),
        "model.norm.weight": ones,
        "lm_head.weight": normal(shape.vocabulary, shape.hidden),
    }
    for layer in range(shape.layers):
        name = f"model.layers.{layer}"
        for part, size in (("q", shape.hidden), ("k", shared), ("v", shared)):
            found[f"{name}.self_attn.{part}_proj.weight"] = normal(size, shape.hidden)
            found[f"{name}.self_attn.{part}_proj.bias"] = normal(size)
        found[f"{name}.self_attn.o_proj.weight"] = normal(shape.hidden, shape.hidden)
        for part in ("gate", "up"):
            found[f"{name}.mlp.{part}_proj.weight"] = normal(shape.feed_forward, shape.hidden)
        found[f"{name}.mlp.down_proj.weight"] = normal(shape.hidden, shape.feed_forward)
        found[f"{name}.input_layernorm.weight"] = found[f"{name}.post_attention_layernorm.weight"] = ones
    return found


def shared_cache_decoder(shape: Shape, weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The ONNX bytes, float32, under 2 GB; logits [batch, 1, vocabulary] of the last position."""
    return _Writer(shape, weights).model()


class _Writer:
    def __init__(self, shape: Shape, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._shape, self._weights = shape, weights
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs = [_info("input_ids", TensorProto.INT64, "batch", "sequence")]
        self._inputs.append(_info("attention_mask", TensorProto.INT64, "batch", "total"))
        self._outputs = [_info("logits", TensorProto.FLOAT, "batch", 1, shape.vocabulary)]

    def model(self) -> bytes:
        """The whole graph."""
        one = self._constant("one", np.array([1], np.int64))
        counted = self._node("ReduceSum", "attention_mask", one, keepdims=0)
        last = self._node("Cast", self._node("Sub", counted, one), to=TensorProto.INT32)
        axis = self._constant("axis", np.array(1, np.int64))
        width = self._node("Gather", self._node("Shape", "attention_mask"), axis)
        total = self._node("Cast", width, to=TensorProto.INT32)
        rotation = self._rotation()
        embedding = self._constant("embedding", self._weights["model.embed_tokens.weight"])
        x = self._node("Gather", embedding, "input_ids")
        for layer in range(self._shape.layers):
            x = self._layer(layer, x, last, total, *rotation)
        ends = [self._constant(f"i{value}", np.array([value], np.int64)) for value in (-1, 2**62)]
        newest = self._node("Slice", self._norm(x, "model.norm"), *ends, one)
        head = self._constant("head", self._weights["lm_head.weight"].T)
        self._node("MatMul", newest, head, outputs=["logits"])
        graph = helper.make_graph(self._nodes, "decoder", self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        found: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()
        return found

    def _layer(self, layer: int, x: str, last: str, total: str, cosine: str, sine: str) -> str:
        shape, name = self._shape, f"model.layers.{layer}"
        normed = self._norm(x, f"{name}.input_layernorm")
        query, key, value = (self._linear(normed, f"{name}.self_attn.{part}_proj") for part in "qkv")
        caches = [f"{layer}.key", f"{layer}.value"]
        mixed = self._node(
            "GroupQueryAttention", query, key, value, *(f"past_key_values.{part}" for part in caches),
            last, total, cosine, sine, domain=MICROSOFT, num_heads=shape.heads, kv_num_heads=shape.kv_heads,
            do_rotary=1, outputs=[f"mixed.{layer}", *(f"present.{part}" for part in caches)],
        )  # fmt: skip
        axes = ("batch", shape.kv_heads, "capacity", shape.head_size)
        self._inputs += [_info(f"past_key_values.{part}", TensorProto.FLOAT, *axes) for part in caches]
        self._outputs += [_info(f"present.{part}", TensorProto.FLOAT, *axes) for part in caches]
        x = self._node("Add", x, self._linear(mixed, f"{name}.self_attn.o_proj"))
        normed = self._norm(x, f"{name}.post_attention_layernorm")
        gate, up = (self._linear(normed, f"{name}.mlp.{part}_proj") for part in ("gate", "up"))
        gated = self._node("Mul", self._node("Mul", gate, self._node("Sigmoid", gate)), up)
        return self._node("Add", x, self._linear(gated, f"{name}.mlp.down_proj"))

    def _rotation(self) -> tuple[str, str]:
        shape = self._shape
        speeds = shape.rotary_base ** (-np.arange(0, shape.head_size, 2) / shape.head_size)
        angles = np.outer(np.arange(shape.context), speeds).astype(np.float32)
        return self._constant("cosine", np.cos(angles)), self._constant("sine", np.sin(angles))

    def _linear(self, x: str, name: str) -> str:
        y = self._node("MatMul", x, self._constant(f"{name}.weight", self._weights[f"{name}.weight"].T))
        bias = self._weights.get(f"{name}.bias")
        return y if bias is None else self._node("Add", y, self._constant(f"{name}.bias", bias))

    def _norm(self, x: str, name: str) -> str:
        scale = self._constant(f"{name}.weight", self._weights[f"{name}.weight"])
        return self._node("SimplifiedLayerNormalization", x, scale, axis=-1, epsilon=self._shape.epsilon, stash_type=1)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def _node(
        self, kind: str, *inputs: str, domain: str = "", outputs: list[str] | None = None, **attributes: Any
    ) -> str:
        names = outputs or [f"{kind}_{len(self._nodes)}"]
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0]


def _info(name: str, dtype: int, *shape: int | str) -> Any:
    return helper.make_tensor_value_info(name, dtype, list(shape))
