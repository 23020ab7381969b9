"""Small ONNX files as others publish them, with what the route must put right or refuse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor
from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

WEIGHTS = np.random.default_rng(11).standard_normal((4, 3, 3, 3)).astype(np.float32)
SPEC = GraphSpec(
    name="model",
    component="net.onnx",
    inputs=(Tensor("image", "float32", ("batch", 3, "height", "width"), source="x:0"),),
    outputs=(Tensor("mask", "float32", ("batch", 4, "height", "width"), source="7"),),
    vary=({"batch": 1, "height": 8, "width": 12}, {"batch": 2, "height": 6, "width": 4}),
)


def value(name: str, shape: Sequence[int | str | None], kind: int = TensorProto.FLOAT) -> object:
    return helper.make_tensor_value_info(name, kind, list(shape))


def net(**changes: object) -> ModelProto:
    """Conv -> Relu -> `7`; Relu -> Neg -> `unused`."""
    nodes = [
        helper.make_node("Conv", ["x:0", "w"], ["c"], name="conv", pads=[1, 1, 1, 1], doc_string="from a framework"),
        helper.make_node("Relu", ["c"], ["7"]),
        helper.make_node("Neg", ["7"], ["unused"]),
    ]
    options: dict[str, object] = {
        "nodes": nodes,
        "inputs": [value("x:0", ["N", 3, "H", "W"])],
        "outputs": [value("7", ["N", 4, "H", "W"]), value("unused", ["N", 4, "H", "W"])],
        "weights": [numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(WEIGHTS[0], "orphan")],
        "opset": 17,
        "doc": "",
    } | changes
    graph = helper.make_graph(
        options["nodes"], "torch-jit-export", options["inputs"], options["outputs"], options["weights"]
    )
    graph.doc_string = str(options["doc"])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", options["opset"])], producer_name="somebody", ir_version=8
    )
    model.doc_string = str(options["doc"])
    return model


def with_nodes(nodes: Sequence[NodeProto]) -> ModelProto:
    return net(nodes=list(nodes))


def recipe(**changes: object) -> Recipe:
    options: dict[str, object] = {
        "name": "tiny-net",
        "title": "A tiny net",
        "version": "1.0.0",
        "architecture": "onnx",
        "route": "ready",
        "source": (
            RegistrySource(
                registry="pypi",
                package="tiny",
                version="1",
                file="tiny-1-py3-none-any.whl",
                sha256="0" * 64,
                bytes=1,
                members={"net.onnx": ("tiny/net.onnx", "0" * 64, 1)},
            ),
        ),
        "licence": Licence(spdx="MIT", attribution="nobody", notice="none", url="https://example.org"),
        "restriction": "none",
        "task": "tests",
        "runner": "tensors",
        "graphs": (SPEC,),
        "gates": {"fp32": Accuracy(metric="max_abs", bound=1e-6)},
        "megabytes": {"fp32": 1},
        "memory_mb": {"fp32": 1},
        "preprocessing": Preprocessing(
            colour="rgb", low=0.0, high=1.0, layout="nchw", width=None, height=None, fit="stretch"
        ),
        "quantize": "none",
    } | changes
    return Recipe(**options)  # type: ignore[arg-type]


def source(folder: Path, model: ModelProto) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder
