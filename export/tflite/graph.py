"""A TFLite model as plain data: tensors, constants and operators of its only subgraph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from ..errors import SourceError
from .sparsity import densify

IDENTIFIER = b"TFL3"
DTYPES: Mapping[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.FLOAT16: np.dtype("<f2"),
    schema.TensorType.INT32: np.dtype("<i4"),
    schema.TensorType.INT64: np.dtype("<i8"),
    schema.TensorType.UINT8: np.dtype("u1"),
    schema.TensorType.INT8: np.dtype("i1"),
    schema.TensorType.BOOL: np.dtype("?"),
}
_OP_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


@dataclass(frozen=True)
class Tensor:
    """One tensor; `data` holds the dense values of a constant, and is None for an activation."""

    name: str
    shape: tuple[int, ...]
    data: NDArray[Any] | None = None


@dataclass(frozen=True)
class Operator:
    """One operator; `kind` is the schema's name (`CONV_2D`) or `custom:` and the custom code."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: bytes = b""


@dataclass(frozen=True)
class Graph:
    """Tensors by index, operators in execution order, the indices of inputs and outputs."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(blob: bytes) -> Graph:
    """Reads a flatbuffer; sparse constants come back dense.

    Raises `SourceError` if it is not a TFLite model of one subgraph, or holds a tensor type that no recipe needs.
    """
    if blob[4:8] != IDENTIFIER:
        raise SourceError("The file is not a TFLite model.")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(blob, 0))
    if len(model.subgraphs) != 1:
        raise SourceError(f"The model has {len(model.subgraphs)} subgraphs; one is supported.")
    subgraph = model.subgraphs[0]
    return Graph(
        tensors=tuple(_tensor(tensor, model.buffers) for tensor in subgraph.tensors),
        operators=tuple(_operator(operator, model.operatorCodes) for operator in subgraph.operators),
        inputs=_indices(subgraph.inputs),
        outputs=_indices(subgraph.outputs),
    )


def _tensor(tensor: Any, buffers: list[Any]) -> Tensor:
    name = tensor.name.decode()
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    raw = buffers[tensor.buffer].data
    if raw is None or len(raw) == 0:
        return Tensor(name, shape)
    dtype = DTYPES.get(tensor.type)
    if dtype is None:
        raise SourceError(f"The tensor {name} has the type {tensor.type}, which is not supported.")
    values: NDArray[Any] = np.frombuffer(np.asarray(raw, np.uint8).tobytes(), dtype)
    data = values.reshape(shape) if tensor.sparsity is None else densify(values, shape, tensor.sparsity)
    return Tensor(name, shape, data)


def _operator(operator: Any, codes: list[Any]) -> Operator:
    code = codes[operator.opcodeIndex]
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    custom = builtin == schema.BuiltinOperator.CUSTOM
    kind = f"custom:{code.customCode.decode()}" if custom else _OP_NAMES[builtin]
    return Operator(
        kind=kind,
        inputs=_indices(operator.inputs),
        outputs=_indices(operator.outputs),
        options={} if operator.builtinOptions is None else dict(vars(operator.builtinOptions)),
        custom=b"" if operator.customOptions is None else bytes(np.asarray(operator.customOptions, np.uint8)),
    )


def _indices(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(value) for value in values)
