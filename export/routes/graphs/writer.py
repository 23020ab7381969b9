"""Writes one ONNX graph: nodes, constants (in the file or beside it), inputs and outputs; equal calls, equal bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from ...elements import ELEMENT
from .blocks import Blocks

OPSET = 17
IR_VERSION = 8  # the newest that every ONNX Runtime since 1.15 reads
MICROSOFT = "com.microsoft"
INT8_ACTIVATIONS = 4  # MatMulNBits: multiply in eight bits, each block of the input with its own scale
_ALIGNMENT = 4096
_INLINE_BYTES = 1024  # smaller constants stay in the graph, where shape inference can see them


class GraphWriter:
    """One graph in the making. With `data` large constants go straight into that file instead of memory."""

    def __init__(self, name: str, *, data: Path | None = None) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._constants: dict[str, TensorProto] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._renamed: dict[str, str] = {}
        self._spread: dict[str, str] = {}
        self._domains = {"": OPSET}
        self._data = data
        self._stream = data.open("wb") if data is not None else None

    def __enter__(self) -> GraphWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    # -- the border ------------------------------------------------------------------------------------------------

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        """An input of the graph; returns its name."""
        self._inputs.append(helper.make_tensor_value_info(name, ELEMENT[dtype], list(shape)))
        return name

    def output(self, value: str, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        """An output of the graph: from now on the value has this name (an Identity node would copy it)."""
        self._renamed[value] = name
        self._outputs.append(helper.make_tensor_value_info(name, ELEMENT[dtype], list(shape)))

    # -- the inside ------------------------------------------------------------------------------------------------

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A constant; a name that is there already keeps its first values."""
        if name not in self._constants:
            values = np.ascontiguousarray(values)
            outside = self._stream is not None and values.nbytes >= _INLINE_BYTES
            self._constants[name] = self._outside(name, values) if outside else numpy_helper.from_array(values, name)
        return name

    def halved(self, name: str, values: NDArray[np.float32]) -> str:
        """A float32 constant that lies in the file as float16 where that loses nothing; it is spread out on loading."""
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            return self.constant(name, values)
        if name not in self._spread:
            self._spread[name] = self.node("Cast", self.constant(name, half), to=TensorProto.FLOAT)
        return self._spread[name]

    def integers(self, *values: int) -> str:
        """A constant list of int64, named by its values."""
        return self.constant("i" + "_".join(map(str, values)).replace("-", "m"), np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A constant float32 scalar, named by its value."""
        return self.constant(f"f{float(np.float32(value))}", np.array(value, np.float32))

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; returns the output's name."""
        return self.nodes(kind, *inputs, count=1, domain=domain, **attributes)[0]

    def nodes(self, kind: str, *inputs: str, count: int, domain: str = "", **attributes: Any) -> list[str]:
        """A node with several outputs; returns their names."""
        if domain:
            self._domains[domain] = 1
        names = [f"{kind.lower()}_{len(self._nodes)}" + (f"_{i}" if count > 1 else "") for i in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def linear(
        self,
        name: str,
        value: str,
        weights: Blocks,
        bias: NDArray[np.float32] | None = None,
        *,
        level: int = INT8_ACTIVATIONS,
    ) -> str:
        """value [..., inputs] times weights [outputs, inputs], plus bias."""
        tensors = self.blocks(name, weights)
        result = self.node(
            "MatMulNBits",
            value,
            *tensors,
            domain=MICROSOFT,
            K=weights.inputs,
            N=weights.outputs,
            bits=weights.bits,
            block_size=weights.codes.shape[2],
            accuracy_level=level,
        )
        return result if bias is None else self.node("Add", result, self.constant(f"{name}.bias", bias))

    def blocks(self, name: str, weights: Blocks) -> list[str]:
        """The constants of a matrix in blocks: codes, scales and, where there are any, zeros."""
        tensors = [self.constant(f"{name}.codes", weights.packed()), self.constant(f"{name}.scales", weights.scales)]
        if weights.zeros is not None:
            tensors.append(self.constant(f"{name}.zeros", weights.zeros))
        return tensors

    def rows(self, name: str, ids: str, weights: Blocks) -> str:
        """Rows of a matrix in blocks by their number: ids [batch, sequence] -> float32 [batch, sequence, inputs]."""
        codes, scales, *zeros = (self._gathered(tensor, ids) for tensor in self.blocks(name, weights))
        axis = self.integers(-1)
        if weights.bits == 4:
            codes = self._unpacked(codes, weights)
        zero = self.node("Unsqueeze", zeros[0], axis) if zeros else self.number(weights.middle)
        spread = self.node("Mul", self.node("Sub", codes, zero), self.node("Unsqueeze", scales, axis))
        return self.node("Reshape", spread, self.integers(0, 0, weights.inputs))

    def _gathered(self, table: str, ids: str) -> str:
        return self.node("Cast", self.node("Gather", table, ids), to=TensorProto.FLOAT)

    def _unpacked(self, packed: str, weights: Blocks) -> str:
        """Two codes of four bits from each byte, as float32, by exact arithmetic on small whole numbers."""
        high = self.node("Floor", self.node("Mul", packed, self.number(1 / 16)))
        low = self.node("Sub", packed, self.node("Mul", high, self.number(16.0)))
        halves = (self.node("Unsqueeze", half, self.integers(-1)) for half in (low, high))
        pairs = self.node("Concat", *halves, axis=-1)
        _, blocks, size = weights.codes.shape
        return self.node("Reshape", pairs, self.integers(0, 0, blocks, size))

    # -- the file --------------------------------------------------------------------------------------------------

    def write(self, file: Path) -> Path:
        """Checks the graph and writes it; returns `file`."""
        if self._stream is not None:
            self._stream.close()
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [self._renamed.get(name, name) for name in names]
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(self._domains.items())]
        model: ModelProto = helper.make_model(
            graph, opset_imports=opsets, producer_name="vitrine", ir_version=IR_VERSION
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{os.getpid()}")
        part.write_bytes(model.SerializeToString(deterministic=True))
        part.replace(file)
        if self._data is None:
            checker.check_model(model)
        return file

    def _outside(self, name: str, values: NDArray[Any]) -> TensorProto:
        assert self._stream is not None and self._data is not None
        self._stream.write(bytes(-self._stream.tell() % _ALIGNMENT))
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(values.dtype), dims=values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self._data.name, "offset": self._stream.tell(), "length": values.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        values.tofile(self._stream)
        return tensor
