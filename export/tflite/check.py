"""A converted model against its source interpreter: names, then shapes, then values on fixed probes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from ..errors import AtolError, GraphError, NamesError, ShapeError
from ..recipe import Recipe
from .reference import Reference

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
NOISE_FACTOR = 4.0
ROUNDING = 1e-5
_SEED = 20240229


def check(recipe: Recipe, source: bytes, converted: bytes) -> dict[str, float]:
    """Checks a converted model and returns, by output, the largest absolute difference from the source interpreter.

    Raises `GraphError`, `NamesError`, `ShapeError` or `AtolError`, in this order of checks.
    """
    check_graph(onnx.load_model_from_string(converted))
    session = _session(converted)
    check_tensors(recipe, session)
    return check_values(recipe, Reference(source), session)


def check_graph(model: onnx.ModelProto) -> None:
    """Refuses custom operator domains, local functions, subgraphs and data outside the file."""
    domains = {opset.domain for opset in model.opset_import} | {node.domain for node in model.graph.node}
    if not domains <= ALLOWED_DOMAINS:
        raise GraphError(f"The model uses the operator domains {sorted(domains - ALLOWED_DOMAINS)}.")
    if model.functions:
        raise GraphError("The model defines functions of its own.")
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                raise GraphError(f"The node {node.name} holds a graph of its own.")
            tensors.extend([attribute.t, *attribute.tensors])
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data for tensor in tensors):
        raise GraphError("The model keeps data outside its file.")
    if model.graph.sparse_initializer:
        raise GraphError("The model holds sparse initializers.")


def check_tensors(recipe: Recipe, session: ort.InferenceSession) -> None:
    """Compares names, then shapes and types, of inputs and outputs with the recipe."""
    spec = recipe.graphs[0]
    for kind, found, wanted in (
        ("input", session.get_inputs(), spec.inputs),
        ("output", session.get_outputs(), spec.outputs),
    ):
        if [tensor.name for tensor in found] != [tensor.name for tensor in wanted]:
            raise NamesError(f"{recipe.name}: the {kind}s are called {[tensor.name for tensor in found]}.")
        for tensor, want in zip(found, wanted, strict=True):
            if tuple(tensor.shape) != want.shape or tensor.type != "tensor(float)":
                raise ShapeError(f"{recipe.name}: the {kind} {want.name} is {tensor.type} {tensor.shape}.")


def check_values(recipe: Recipe, reference: Reference, session: ort.InferenceSession) -> dict[str, float]:
    """Runs both on every probe and compares each output with its tolerance (the manifest's `Gate` says how)."""
    spec, gate = recipe.graphs[0], recipe.gates["fp32"]
    worst = {output.name: 0.0 for output in spec.outputs}
    for probe in probes(recipe):
        expected = reference.run(probe)
        found = dict(zip(worst, session.run(list(worst), {spec.inputs[0].name: probe}), strict=True))
        for output in spec.outputs:
            want = expected[output.source]
            difference = float(np.abs(found[output.name] - want.values.reshape(output.shape)).max())
            worst[output.name] = max(worst[output.name], difference)
            bound = gate.by_output.get(f"{spec.name}.{output.name}", gate.bound)
            allowed = bound + ROUNDING * float(np.abs(want.values).max()) + NOISE_FACTOR * want.noise
            if not difference <= allowed:  # also when it is NaN
                raise AtolError(f"{recipe.name}: {output.name} differs from the source by {difference:.2e}.")
    return worst


def probes(recipe: Recipe) -> Iterator[NDArray[np.float32]]:
    """Inputs in the recipe's range: noise, black, and smooth scenes that look like a head over shoulders."""
    pixels = recipe.preprocessing
    assert pixels is not None and pixels.height is not None and pixels.width is not None
    height, width = pixels.height, pixels.width
    rng = np.random.default_rng(_SEED)
    pictures = [rng.random((height, width, 3)), np.zeros((height, width, 3))]
    pictures += [_scene(rng, height, width) for _ in range(3)]
    for picture in pictures:
        yield (picture * (pixels.high - pixels.low) + pixels.low).astype(np.float32)[None]


def _scene(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """A shaded background with a skin-coloured ellipse, eyes and a garment: edges and gradients as in a photo."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    scene = rng.random(3) * 0.5 + 0.4 * (x * rng.random() + y * rng.random())[..., None]
    cx, cy, r = 0.5 + 0.1 * rng.standard_normal(), 0.35 + 0.05 * rng.standard_normal(), 0.15 + 0.05 * rng.random()
    shade = 1.0 - 0.5 * np.abs(x - cx)[..., None]
    for ox, oy, rx, ry, colour in (
        (0.0, 3.0, 2.6, 1.8, rng.random(3)),  # garment
        (0.0, 0.0, 1.0, 1.3, np.array([0.85, 0.65, 0.55])),  # face
        (-0.4, -0.2, 0.18, 0.10, np.array([0.1, 0.1, 0.1])),  # eyes and mouth
        (0.4, -0.2, 0.18, 0.10, np.array([0.1, 0.1, 0.1])),
        (0.0, 0.6, 0.35, 0.10, np.array([0.6, 0.2, 0.25])),
    ):
        distance = ((x - cx - ox * r) / (rx * r)) ** 2 + ((y - cy - oy * r) / (ry * r)) ** 2
        cover = np.clip((1.2 - distance) * 4.0, 0.0, 1.0)[..., None]
        scene = scene * (1.0 - cover) + colour * shade * cover
    grainy: NDArray[np.float64] = np.clip(scene + 0.02 * rng.standard_normal(scene.shape), 0.0, 1.0)
    return grainy


def _session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
