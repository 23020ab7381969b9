"""A graph in half precision, its inputs and outputs left in single: weights of half the size, and fast on GPUs.

ONNX Runtime's own converter rewrites the graph and knows which operators must stay in single precision. It never sees
the large weights: they stand in as inputs of the graph while it works, and are written one at a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from .constants import Writer, array, open_graph, total_bytes

_LARGE_ELEMENTS = 4096
_LARGEST = float(np.finfo(np.float16).max)


def convert(file: Path, target: Path) -> None:
    """Writes `target`, the graph of `file` in half precision."""
    model = open_graph(file)
    kept = [value.name for value in (*model.graph.input, *model.graph.output)]
    large = {tensor.name: tensor for tensor in model.graph.initializer if _is_large(tensor)}
    size = total_bytes(file)
    _set_aside(model, large, file)
    made = convert_float_to_float16(model, keep_io_types=kept)
    types = {value.name: value.type.tensor_type.elem_type for value in made.graph.input}
    own = [value for value in made.graph.input if value.name not in large]
    small = list(made.graph.initializer)
    writer = Writer(target, expected_bytes=size // 2)
    try:
        for tensor in small:
            writer.keep(tensor, file)
        for name, tensor in large.items():
            values = array(tensor, file)
            writer.add(name, _halved(values) if types[name] == TensorProto.FLOAT16 else values)
        del made.graph.input[:]
        made.graph.input.extend(own)
        writer.finish(made)
    finally:
        writer.close()


def _is_large(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims, dtype=np.int64)) >= _LARGE_ELEMENTS


def _set_aside(model: ModelProto, large: dict[str, TensorProto], file: Path) -> None:
    """Large weights become inputs; small ones come into the graph, where the converter looks at their values."""
    small = [
        numpy_helper.from_array(np.array(array(tensor, file)), tensor.name)
        for tensor in model.graph.initializer
        if tensor.name not in large
    ]
    for name, tensor in large.items():
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(tensor.dims)))
    large.update({name: TensorProto.FromString(tensor.SerializeToString()) for name, tensor in large.items()})
    del model.graph.initializer[:]
    model.graph.initializer.extend(small)


def _halved(values: NDArray[Any]) -> NDArray[np.float16]:
    """To the nearest half; what is too large becomes the largest, not infinite."""
    halved: NDArray[np.float16] = np.clip(values, -_LARGEST, _LARGEST).astype(np.float16)
    return halved
