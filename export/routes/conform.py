"""An exported file in the one form that packs have, under the recipe's names, its constants of any size beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from ..errors import GraphError
from ..recipe import GraphSpec
from . import walk
from .canonical import canonicalise

_Outside = Mapping[str, Mapping[str, str]]  # tensor -> offset, length


def conform(exported: Path, spec: GraphSpec, target: Path) -> Path:
    """Writes `target/<graph>.onnx` (and `<graph>.onnx.data` beside it where constants lie outside); returns its path.

    Raises `GraphError`, `NamesError` or `ShapeError` where the exporter made something else than the recipe says.
    """
    model = onnx.load(str(exported), load_external_data=False)
    data_file, places = _take_outside(model)
    _forget_sizes(model)
    written = target / f"{spec.name}.onnx"
    data = canonicalise(model, spec)
    if data_file is None:
        written.write_bytes(data)
        return written
    model = ModelProto.FromString(data)
    _put_back(model, places, f"{written.name}.data")
    written.write_bytes(model.SerializeToString(deterministic=True))
    shutil.move(exported.parent / data_file, target / f"{written.name}.data")
    return written


def outside(model: ModelProto) -> set[str]:
    """The files that a graph keeps constants in, as it names them."""
    marked = (tensor for tensor in walk.tensors(model) if tensor.data_location == TensorProto.EXTERNAL)
    return {entry.value for tensor in marked for entry in tensor.external_data if entry.key == "location"}


def _take_outside(model: ModelProto) -> tuple[str | None, _Outside]:
    """Unmarks the constants that lie in another file; returns that file, and where each of them lies in it."""
    places: dict[str, dict[str, str]] = {}
    files = outside(model)
    for tensor in walk.tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            del entries["location"]
            places[tensor.name] = entries
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
    if len(files) > 1 or any(Path(name).name != name for name in files):
        raise GraphError("The exporter spread its constants over several files.")
    return next(iter(files), None), places


def _put_back(model: ModelProto, places: _Outside, location: str) -> None:
    for tensor in walk.tensors(model):
        if tensor.name in places:
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in ({"location": location} | dict(places[tensor.name])).items():
                tensor.external_data.add(key=key, value=value)


def _forget_sizes(model: ModelProto) -> None:
    """Outputs lose the sizes that the exporter guessed at: it writes down those of its trace. Running them tells."""
    for value in model.graph.output:
        for axis in value.type.tensor_type.shape.dim:
            axis.Clear()
