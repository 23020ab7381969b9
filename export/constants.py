"""Large constants of ONNX files, one at a time: read where they lie, written beside the new graph when they are many.

A graph of several GB is rewritten with a single constant in memory. Above `OUTSIDE_BYTES` the constants of the new file
go into one data file beside it, since one protobuf message ends at 2 GB.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .errors import GraphError
from .routes import walk

OUTSIDE_BYTES = 1 << 30
_SMALL_BYTES = 1024
_ALIGN = 4096


def open_graph(file: Path) -> ModelProto:
    """The graph of a file, its outside constants left where they are. Raises `GraphError` for data outside its
    folder.
    """
    model = onnx.load(str(file), load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            _place(tensor, file)
    return model


def data_files(file: Path) -> list[Path]:
    """The files of a graph's outside constants, which lie beside it. Raises `GraphError`."""
    model = onnx.load(str(file), load_external_data=False)
    names = {
        _place(tensor, file)[0] for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL
    }
    return sorted(names)


def total_bytes(file: Path) -> int:
    """Size of a graph with its outside constants."""
    return file.stat().st_size + sum(path.stat().st_size for path in data_files(file))


def array(tensor: TensorProto, file: Path) -> NDArray[Any]:
    """The values of one constant of `file`, wherever they lie; a view of the disk for outside ones."""
    if tensor.data_location != TensorProto.EXTERNAL:
        inside: NDArray[Any] = numpy_helper.to_array(tensor)
        return inside
    path, offset, _ = _place(tensor, file)
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", offset=offset, shape=tuple(tensor.dims) or (1,))
    return mapped.reshape(tuple(tensor.dims))


def tidy(file: Path) -> None:
    """Brings small constants, and those that nodes hold, from the data file into the graph; the data file stays as it
    is.

    Exporters put every constant outside once one has to be there; ONNX Runtime, the converters here and the engine
    expect only initializers outside. Raises `GraphError`.
    """
    model = onnx.load(str(file), load_external_data=False)
    small = [tensor for tensor in model.graph.initializer if _bytes(tensor) < _SMALL_BYTES]
    held = islice(walk.tensors(model), len(model.graph.initializer), None)  # the graph's own come first
    changed = False
    for tensor in (*small, *held):
        if tensor.data_location == TensorProto.EXTERNAL:
            values = np.array(array(tensor, file))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
            changed = True
    if changed:
        part = file.with_name(f"{file.name}.part")
        part.write_bytes(model.SerializeToString(deterministic=True))
        part.replace(file)


def _bytes(tensor: TensorProto) -> int:
    return int(np.prod(tensor.dims, dtype=np.int64)) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


class Writer:
    """Writes a graph whose constants are given one by one."""

    def __init__(self, file: Path, *, expected_bytes: int, outside_bytes: int = OUTSIDE_BYTES) -> None:
        self._file = file
        self._kept: list[TensorProto] = []
        self._data = file.with_name(file.name + ".data")
        self._stream = self._data.open("wb") if expected_bytes > outside_bytes else None

    def add(self, name: str, values: NDArray[Any]) -> None:
        """One constant."""
        values = np.ascontiguousarray(values)
        tensor = TensorProto(name=name, dims=values.shape, data_type=helper.np_dtype_to_tensor_dtype(values.dtype))
        if self._stream is None or values.nbytes < _SMALL_BYTES:
            tensor.raw_data = values.tobytes()
        else:
            self._stream.write(bytes(-self._stream.tell() % _ALIGN))
            entries = {"location": self._data.name, "offset": self._stream.tell(), "length": values.nbytes}
            self._stream.write(values.data.cast("B"))
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=str(value))
        self._kept.append(tensor)

    def keep(self, tensor: TensorProto, file: Path) -> None:
        """One constant as it is in the old file."""
        self.add(tensor.name, array(tensor, file))

    def finish(self, model: ModelProto) -> None:
        """Writes the graph, with the constants that were given instead of its own."""
        del model.graph.initializer[:]
        model.graph.initializer.extend(self._kept)
        if self._stream is not None:
            self._stream.close()
        self._file.write_bytes(model.SerializeToString(deterministic=True))

    def close(self) -> None:
        """Lets go of the data file."""
        if self._stream is not None:
            self._stream.close()


def _place(tensor: TensorProto, file: Path) -> tuple[Path, int, int]:
    """Data file, offset and length of an outside constant, inside the folder of `file`."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    name = entries.get("location", "")
    path = file.parent / name
    if not name or Path(name).name != name or not path.is_file() or path.is_symlink():
        raise GraphError(f"{file.name} keeps constants in {name[:80]!r}, which is not a file beside it.")
    try:
        offset, size = int(entries.get("offset", "0")), path.stat().st_size
        length = int(entries.get("length", str(size - offset)))
    except ValueError as error:
        raise GraphError(f"{file.name} does not say where its constants lie.") from error
    if offset < 0 or length != _bytes(tensor) or offset + length > size:
        raise GraphError(f"{file.name} names constants that its data file does not hold.")
    return path, offset, length
