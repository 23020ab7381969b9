"""Packs of real ONNX graphs of a few nodes, with an index that knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tiny_packs import SHA, digest, document

from sidecar.engine import index, manifest
from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Model, Runtime

KINDS = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}
Value = tuple[str, str, Sequence[int | str]]  # name, dtype, shape


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    constants: Mapping[str, NDArray[Any]] | None = None,
    *,
    domains: Sequence[str] = ("",),
) -> onnx.ModelProto:
    """A model of these nodes."""
    infos = [[helper.make_tensor_value_info(n, KINDS[d], list(s)) for n, d, s in side] for side in (inputs, outputs)]
    held = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "tiny", infos[0], infos[1], held)
    opsets = [helper.make_opsetid(domain, 17 if domain in ("", "ai.onnx") else 1) for domain in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@dataclass
class TinyGraph:
    """One graph of a pack: its file's bytes, and its tensors as the manifest tells them."""

    data: bytes
    inputs: Sequence[Value]
    outputs: Sequence[Value]
    name: str = "model"
    external: Mapping[str, bytes] = field(default_factory=dict)
    variants: Sequence[Mapping[str, Any]] | None = None

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.onnx"

    def entry(self) -> dict[str, Any]:
        """The graph's part of a manifest."""
        variant = {"file": self.file, "precision": "fp32", "providers": ["cuda", "cpu"]}
        if self.external:
            variant["data"] = list(self.external)
        tensors = [
            [{"name": n, "dtype": d, "shape": list(s)} for n, d, s in side] for side in (self.inputs, self.outputs)
        ]
        return {"name": self.name, "inputs": tensors[0], "outputs": tensors[1], "variants": self.variants or [variant]}


def graph_of(model: onnx.ModelProto, name: str = "model", **more: Any) -> TinyGraph:
    """A graph that the manifest tells as the file does; free axes keep their names."""
    kinds = {kind: dtype for dtype, kind in KINDS.items()}

    def told(value: onnx.ValueInfoProto) -> Value:
        tensor = value.type.tensor_type
        return value.name, kinds[tensor.elem_type], [axis.dim_param or axis.dim_value for axis in tensor.shape.dim]

    sides = {"inputs": list(map(told, model.graph.input)), "outputs": list(map(told, model.graph.output))}
    return TinyGraph(**({"data": model.SerializeToString(), "name": name} | sides | more))


def lay(
    root: Path, *graphs: TinyGraph, name: str = "tiny", files: Mapping[str, bytes] | None = None, **more: Any
) -> Registry:
    """Writes a pack of these graphs under `root`, and a registry that knows it."""
    contents = {graph.file: graph.data for graph in graphs} | dict(files or {})
    for graph in graphs:
        contents |= dict(graph.external)
    gate = {"against": "", "metric": "max_abs", "tolerance": {"all": 1.0}}
    listed = [{"name": file, "bytes": len(data)} for file, data in contents.items()]
    text = msgspec.json.encode(
        document(name, files=listed, graphs=[graph.entry() for graph in graphs], gate=gate, **more)
    )
    contents[manifest.MANIFEST_FILE] = text
    (root / name).mkdir(parents=True)
    for file, data in contents.items():
        (root / name / file).write_bytes(data)
    member = {"archive": "tiny", "path": "a", "sha256": SHA, "bytes": 1}
    entry = {
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "environment": "ready",
        "members": {"model.onnx": [member]},
        "files": {file: digest(data) for file, data in contents.items()},
    }
    source = {"registry": "npm", "package": "tiny", "version": "1", "file": "tiny-1.tgz", "sha256": SHA, "bytes": 1}
    known = {"schema": 2, "groups": {"all": [name]}, "archives": {"tiny": source}, "packs": {name: entry}}
    return Registry(root, index=index.decode(msgspec.json.encode(known)))


def runtime(registry: Registry) -> Runtime:
    """A runtime on one thread of the processor."""
    return Runtime(registry, providers=["cpu"], threads=1)


def load(root: Path, *graphs: TinyGraph, **more: Any) -> Model:
    """The pack of these graphs, loaded."""
    return runtime(lay(root, *graphs, **more)).load("tiny")


# -- graphs ----------------------------------------------------------------------------------------------------------


def double(shape: Sequence[int | str] = (1, 4), dtype: str = "float32") -> onnx.ModelProto:
    """`y` is twice `x`."""
    return model_of([helper.make_node("Add", ["x", "x"], ["y"])], [("x", dtype, shape)], [("y", dtype, shape)])


def cached() -> onnx.ModelProto:
    """A cache as decoders have it: `present` is `past` and `x` joined, `y` the sum over all of it."""
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    model = model_of(
        [
            helper.make_node("Concat", ["past", "x"], ["present"], axis=1),
            helper.make_node("ReduceSum", ["present", "axes"], ["y"], keepdims=1),
        ],
        [("x", "float32", ["batch", "sequence"]), ("past", "float32", ["batch", "past"])],
        [("y", "float32", ["batch", 1]), ("present", "float32", ["batch", "total"])],
    )
    model.graph.initializer.append(axes)
    return model


def accumulated(size: int = 4) -> onnx.ModelProto:
    """A state as recurrent models have it: `next` is `state` and `x` added."""
    return model_of(
        [helper.make_node("Add", ["state", "x"], ["next"])],
        [("x", "float32", [1, size]), ("state", "float32", [1, size])],
        [("next", "float32", [1, size])],
    )
