"""Small ONNX models and the recipes that import them: everything of an export but a large library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.recipe import Accuracy, GraphSpec, HubSource, Recipe, Tensor
from sidecar.engine.manifest import Licence, Precision

FILE = "model.onnx"
WIDTH = 128
GATES: Mapping[Precision, Accuracy] = {
    "fp32": Accuracy("max_abs", 1e-5),
    "fp16": Accuracy("cosine", 0.999),
    "int8": Accuracy("cosine", 0.99),
    "int4": Accuracy("cosine", 0.9),
}


def dense(*, batch: int | str = "batch", width: int = WIDTH, layers: int = 2, seed: int = 0) -> onnx.ModelProto:
    """x [batch, width] through `layers` matrices with ReLU between -> y [batch, width]."""
    rng = np.random.default_rng(seed)
    nodes, constants, value = [], [], "x"
    for layer in range(layers):
        matrix = (rng.standard_normal((width, width)) / np.sqrt(width)).astype(np.float32)
        constants.append(numpy_helper.from_array(matrix, f"w{layer}"))
        last = layer == layers - 1
        nodes.append(helper.make_node("MatMul", [value, f"w{layer}"], ["y" if last else f"m{layer}"]))
        if not last:
            nodes.append(helper.make_node("Relu", [f"m{layer}"], [f"r{layer}"]))
            value = f"r{layer}"
    return model(nodes, constants, inputs={"x": (batch, width)}, outputs={"y": (batch, width)})


def convolution(*, side: int = 24, channels: int = 16, layers: int = 3, seed: int = 0) -> onnx.ModelProto:
    """x [batch, 3, side, side] through 3x3 convolutions -> y [batch, channels, side, side]."""
    rng = np.random.default_rng(seed)
    nodes, constants, value, before = [], [], "x", 3
    for layer in range(layers):
        weights = (rng.standard_normal((channels, before, 3, 3)) / np.sqrt(9 * before)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{layer}"))
        last = layer == layers - 1
        out = "y" if last else f"c{layer}"
        nodes.append(helper.make_node("Conv", [value, f"w{layer}"], [out], pads=[1, 1, 1, 1]))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"r{layer}"]))
            value = f"r{layer}"
        before = channels
    return model(
        nodes, constants, inputs={"x": ("batch", 3, side, side)}, outputs={"y": ("batch", channels, side, side)}
    )


def table(*, rows: int = 4096, width: int = 100, seed: int = 0) -> onnx.ModelProto:
    """ids [batch, n] looked up in a table -> y [batch, n, width]; the width is no multiple of a block."""
    values = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return model(
        [helper.make_node("Gather", ["t", "ids"], ["y"])],
        [numpy_helper.from_array(values, "t")],
        inputs={"ids": ("batch", "n")},
        outputs={"y": ("batch", "n", width)},
        kinds={"ids": TensorProto.INT64},
    )


def model(
    nodes: list[onnx.NodeProto],
    constants: list[TensorProto],
    *,
    inputs: Mapping[str, tuple[int | str, ...]],
    outputs: Mapping[str, tuple[int | str, ...]],
    kinds: Mapping[str, int] = {},
    domains: tuple[str, ...] = (),
) -> onnx.ModelProto:
    """A checked model, float32 where `kinds` says nothing; `domains` are those of operators that ONNX does not have."""

    def values(named: Mapping[str, tuple[int | str, ...]]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shape)
            for name, shape in named.items()
        ]

    graph = helper.make_graph(nodes, "tiny", values(inputs), values(outputs), constants)
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(made)
    return made


def recipe(
    *,
    inputs: tuple[Tensor, ...] = (Tensor("x", "float32", ("batch", WIDTH)),),
    outputs: tuple[Tensor, ...] = (Tensor("y", "float32", ("batch", WIDTH)),),
    vary: tuple[Mapping[str, int], ...] = ({"batch": 1}, {"batch": 3}),
    gates: Mapping[Precision, Accuracy] = GATES,
    restriction: str = "none",
    spdx: str = "MIT",
    sha256: Mapping[str, str] = {},
    quantize: str = "matmul",
) -> Recipe:
    """A recipe that imports `model.onnx` of the repository `shop/tiny`."""
    return Recipe(
        name="tiny",
        title="Tiny",
        version="1.0.0",
        architecture="Tiny",
        route="ready",
        source=HubSource("shop/tiny", "main", (FILE, "labels.json"), sha256),
        licence=Licence(spdx=spdx, attribution="nobody", notice="made by a test", url="https://example.invalid"),
        restriction=restriction,  # type: ignore[arg-type]
        task="a test",
        runner="tensors",
        graphs=(GraphSpec(name="model", component=FILE, inputs=inputs, outputs=outputs, vary=vary),),
        gates=gates,
        megabytes={"fp32": 1},
        memory_mb={"fp32": 1},
        quantize=quantize,  # type: ignore[arg-type]
    )


def folder(path: Path, made: onnx.ModelProto) -> Path:
    """A source folder with this model."""
    path.mkdir(parents=True, exist_ok=True)
    (path / FILE).write_bytes(made.SerializeToString())
    return path
