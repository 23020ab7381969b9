"""A ready graph after it was brought into one form, against the file that it came from: names, shapes, values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ..errors import AgreementError, AtolError, CosineError, NamesError, ShapeError
from ..recipe import Accuracy, GraphSpec, Recipe, Tensor
from ..route import Reference

_SEED = 20240229
_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}
_LARGEST_ID = 8


def check(
    recipe: Recipe, sessions: Mapping[str, ort.InferenceSession], reference: Reference, accuracy: Accuracy
) -> dict[str, float]:
    """What the metric measured at its worst, by `graph.output`.

    `agreement` is the share of values that lie on the same side of one half, as a mask's do.
    """
    measured: dict[str, float] = {}
    for spec in recipe.graphs:
        _check_tensors(recipe, spec, sessions[spec.name])
        for sizes in spec.vary:
            for feeds in _probes(spec, sizes):
                expected = reference(spec.name, feeds)
                names = [tensor.name for tensor in spec.outputs]
                found = dict(zip(names, sessions[spec.name].run(names, feeds), strict=True))
                for tensor in spec.outputs:
                    key = f"{spec.name}.{tensor.name}"
                    value = _compare(recipe, tensor, found[tensor.name], expected[tensor.name], accuracy, key)
                    keep = max if accuracy.metric == "max_abs" else min
                    measured[key] = keep(measured.get(key, value), value)
    return measured


def _check_tensors(recipe: Recipe, spec: GraphSpec, session: ort.InferenceSession) -> None:
    for kind, found, wanted in (
        ("input", session.get_inputs(), spec.inputs),
        ("output", session.get_outputs(), spec.outputs),
    ):
        if [value.name for value in found] != [tensor.name for tensor in wanted]:
            raise NamesError(f"{recipe.name}: the {kind}s of {spec.name} are {[value.name for value in found]}.")
        for value, tensor in zip(found, wanted, strict=True):
            if _TYPES.get(value.type) != tensor.dtype or tuple(value.shape) != tensor.shape:
                raise ShapeError(f"{recipe.name}: {spec.name}.{tensor.name} is {value.type} {value.shape}.")


def _compare(
    recipe: Recipe,
    tensor: Tensor,
    found: NDArray[Any],
    expected: NDArray[Any],
    accuracy: Accuracy,
    key: str,
) -> float:
    if found.shape != expected.shape or len(found.shape) != len(tensor.shape):
        raise ShapeError(f"{recipe.name}: {key} has the shape {found.shape}, its source {expected.shape}.")
    bound = accuracy.by_output.get(key, accuracy.bound)
    a, b = found.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    if accuracy.metric == "cosine":
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        value = float(a @ b) / lengths if lengths else float(np.array_equal(a, b))
        if not value >= bound:
            raise CosineError(f"{recipe.name}: {key} has a cosine of {value:.4f} to its source; {bound} is asked for.")
    elif accuracy.metric == "agreement":
        value = float(((a > 0.5) == (b > 0.5)).mean())
        if not value >= bound:
            raise AgreementError(f"{recipe.name}: {value:.1%} of {key} agree with its source; {bound:.1%} must.")
    else:
        value = float(np.abs(a - b).max())
        if not value <= bound:  # also when it is NaN
            raise AtolError(f"{recipe.name}: {key} differs from its source by {value:.2e}.")
    return value


def _probes(spec: GraphSpec, sizes: Mapping[str, int]) -> Iterator[dict[str, NDArray[Any]]]:
    """Inputs of the graph's types and of these sizes: noise, zeros and, where a picture goes in, a drawn one."""
    rng = np.random.default_rng(_SEED)
    kinds = ["noise", "zeros"] + ["drawn"] * any(_is_picture(tensor) for tensor in spec.inputs)
    for kind in kinds:
        yield {tensor.name: _values(tensor, sizes, kind, rng) for tensor in spec.inputs}


def _values(tensor: Tensor, sizes: Mapping[str, int], kind: str, rng: np.random.Generator) -> NDArray[Any]:
    shape = tuple(axis if isinstance(axis, int) else sizes[axis] for axis in tensor.shape)
    if tensor.dtype in ("int64", "int32", "uint8", "bool"):
        ids = rng.integers(0, _LARGEST_ID, shape) if kind != "zeros" else np.zeros(shape)
        return ids.astype(tensor.dtype)
    if kind == "zeros":
        return np.zeros(shape, tensor.dtype)
    if kind == "drawn" and _is_picture(tensor):
        return _drawn(shape, rng).astype(tensor.dtype)
    return rng.random(shape).astype(tensor.dtype)


def _is_picture(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and 3 in (tensor.shape[1], tensor.shape[3])


def _drawn(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """A shirt-like shape on a bright background, -0.5..0.5, in the layout that the shape has."""
    first = shape[1] == 3
    height, width = (shape[2], shape[3]) if first else (shape[1], shape[2])
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    body = (np.abs(x - 0.5) < 0.2) & (y > 0.25) & (y < 0.85)
    sleeves = (np.abs(x - 0.5) < 0.38) & (np.abs(y - 0.25 - 0.45 * np.abs(x - 0.5)) < 0.09)
    neck = (x - 0.5) ** 2 + (y - 0.2) ** 2 < 0.006
    cloth = ((body | sleeves) & ~neck)[..., None]
    folds = 0.08 * np.sin(24.0 * x + 5.0 * y)[..., None]
    picture = np.where(cloth, rng.random(3) * 0.6 - 0.4 + folds, 0.42 - 0.05 * y[..., None])
    picture = np.broadcast_to(picture, (shape[0], height, width, 3))
    return picture.transpose(0, 3, 1, 2) if first else picture
