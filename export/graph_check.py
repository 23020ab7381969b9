"""Names, then shapes and types, of a converted graph against its recipe, and of every run's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from .errors import NamesError, ShapeError
from .recipe import GraphSpec, Tensor
from .sessions import Session

_TYPES = {
    "float32": "tensor(float)",
    "float16": "tensor(float16)",
    "int64": "tensor(int64)",
    "int32": "tensor(int32)",
    "uint8": "tensor(uint8)",
    "bool": "tensor(bool)",
}


def check_declared(spec: GraphSpec, session: Session) -> None:
    """What the file declares. Raises `NamesError`, then `ShapeError`.

    A free axis of the recipe must be free in the file, or the graph only answers at the size it was traced with.
    """
    kinds = (("input", spec.inputs, session.inputs), ("output", spec.outputs, session.outputs))
    for kind, wanted, found in kinds:
        names = [tensor.name for tensor in wanted]
        if sorted(names) != sorted(found):
            raise NamesError(f"{spec.name}: the {kind}s are called {_some(list(found))}, not {_some(names)}.")
    for kind, wanted, found in kinds:
        for tensor in wanted:
            _check_tensor(spec, kind, tensor, *found[tensor.name])


def check_answers(spec: GraphSpec, sizes: Mapping[str, int], answers: Mapping[str, NDArray[Any]]) -> None:
    """The shapes that a run gave: fixed axes as the recipe says, equal names equal sizes. Raises `ShapeError`."""
    known = dict(sizes)
    for tensor in spec.outputs:
        shape = answers[tensor.name].shape
        wanted = [known.get(axis, axis) if isinstance(axis, str) else axis for axis in tensor.shape]
        if len(shape) != len(wanted) or any(isinstance(w, int) and w != s for w, s in zip(wanted, shape, strict=False)):
            raise ShapeError(
                f"{spec.name}: {tensor.name} came out as {list(shape)} where the recipe says {list(tensor.shape)} "
                f"({', '.join(f'{name} {size}' for name, size in known.items()) or 'all sizes fixed'})."
            )
        known |= {axis: size for axis, size in zip(tensor.shape, shape, strict=True) if isinstance(axis, str)}


def _check_tensor(spec: GraphSpec, kind: str, tensor: Tensor, declared: str, shape: Sequence[Any]) -> None:
    where = f"{spec.name}: the {kind} {tensor.name}"
    if declared != _TYPES[tensor.dtype]:
        raise ShapeError(f"{where} is {declared}, not {_TYPES[tensor.dtype]}.")
    if len(shape) != len(tensor.shape):
        raise ShapeError(f"{where} has {len(shape)} axes, the recipe names {len(tensor.shape)} ({list(tensor.shape)}).")
    for index, (found, wanted) in enumerate(zip(shape, tensor.shape, strict=True)):
        if isinstance(wanted, str) and isinstance(found, int):
            raise ShapeError(f"{where} is fixed to {found} on axis {index}; the recipe wants it free ({wanted}).")
        if isinstance(wanted, int) and isinstance(found, int) and found != wanted:
            raise ShapeError(f"{where} has {found} on axis {index}; the recipe says {wanted}.")
        if isinstance(wanted, int) and not isinstance(found, int) and kind == "input":
            raise ShapeError(f"{where} is free on axis {index}; the recipe says {wanted}.")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown
