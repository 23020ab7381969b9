"""TFLite models of a few operators, built through the schema's own classes."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

TYPES = {np.dtype("f4"): schema.TensorType.FLOAT32, np.dtype("f2"): schema.TensorType.FLOAT16}
TYPES[np.dtype("i4")] = schema.TensorType.INT32


class TinyModel:
    """A model under construction; tensors are numbered in the order in which they are added."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.buffers = [schema.BufferT()]
        self._model.operatorCodes = []
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]

    def tensor(self, name: str, shape: tuple[int, ...], data: NDArray[Any] | None = None, sparsity: Any = None) -> int:
        """Adds an activation, or a constant if `data` is given."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name.encode(), np.array(shape, np.int32)
        tensor.type = TYPES[np.dtype("f4") if data is None else data.dtype]
        tensor.buffer, tensor.sparsity = 0, sparsity
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, data: Any, dtype: str = "f4") -> int:
        """Adds a constant."""
        array = np.asarray(data, dtype)
        return self.tensor(f"c{len(self._graph.tensors)}", array.shape, array)

    def add(self, kind: str, inputs: list[int], outputs: list[int], custom: bytes = b"", **options: Any) -> None:
        """Adds an operator; `kind` is the schema's name, or `custom:NAME`."""
        code = schema.OperatorCodeT()
        operator = schema.OperatorT()
        if kind.startswith("custom:"):
            code.builtinCode, code.customCode = schema.BuiltinOperator.CUSTOM, kind.removeprefix("custom:").encode()
            operator.customOptions = np.frombuffer(custom, np.uint8)
        else:
            code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 3 if kind == "RESIZE_BILINEAR" else 1
        self._model.operatorCodes.append(code)
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options:
            name = options.pop("table")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = getattr(schema, f"{name}T")()
            for key, value in options.items():
                assert hasattr(operator.builtinOptions, key), key
                setattr(operator.builtinOptions, key, value)
        self._graph.operators.append(operator)

    def bytes(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The flatbuffer."""
        self._graph.inputs, self._graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
