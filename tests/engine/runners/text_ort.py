"""Graphs of the engine around models that no pack holds, for tests of the text runner."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from sidecar.engine.graph import LoadedGraph, Placed
from sidecar.engine.manifest import TensorSpec
from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Runtime

DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64", "tensor(int32)": "int32"}
AXES = {"past_sequence_length + sequence_length": "total"}  # optimum's names as a manifest writes them


class Meter:
    """Counts runs; `each` is called after every one."""

    def __init__(self) -> None:
        self.runs = 0

    def ran(self, begun_s: float, spent_s: float) -> None:
        self.runs += 1


def runtime(folder: Path) -> Runtime:
    """A runtime without packs."""
    return Runtime(Registry(folder), providers=["cpu"], threads=2)


def loaded(model: Path | bytes, host: Runtime, meter: Meter | None = None) -> LoadedGraph:
    """A model as the engine would have loaded it, with the tensors that it says it has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    inputs, outputs = (tuple(map(_spec, nodes)) for nodes in (session.get_inputs(), session.get_outputs()))
    placed = Placed(provider="cpu", precision="fp32", device="cpu")
    return LoadedGraph("test", session, placed, inputs=inputs, outputs=outputs, host=host, meter=meter or Meter())


def _spec(node: onnxruntime.NodeArg) -> TensorSpec:
    shape = tuple(axis if isinstance(axis, int) else AXES.get(axis, axis) for axis in node.shape)
    return TensorSpec(name=node.name, dtype=DTYPES[node.type], shape=shape)
