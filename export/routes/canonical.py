"""One form for every ready graph: only what computes, under the recipe's names, equal bytes for equal sources.

Weights are never touched. What is left out: doc strings, metadata, shape hints, unused operator sets, outputs that the
recipe does not want and the nodes that only they need.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from sidecar.engine.graph_check import DOMAINS

from ..elements import ELEMENT
from ..errors import GraphError, NamesError, ShapeError
from ..recipe import GraphSpec, Tensor
from . import walk

OLDEST_OPSET, NEWEST_OPSET = 7, 21  # what the oldest supported ONNX Runtime (1.20) reads
OLDEST_IR, NEWEST_IR = 8, 10


def canonicalise(model: ModelProto, spec: GraphSpec) -> bytes:
    """The bytes of `model` in the one form, its inputs and outputs as `spec` says. Changes `model`.

    Raises `GraphError` for custom operators, functions or outside data, `NamesError` for a tensor that is not there,
    `ShapeError` for another type or an axis that the source fixes to another size.
    """
    _refuse(model)
    model.DiscardUnknownFields()
    graph = model.graph
    _drop_overridable_inputs(graph)
    inputs = [_found(graph.input, tensor, "input") for tensor in spec.inputs]
    outputs = [_found(graph.output, tensor, "output") for tensor in spec.outputs]
    if len(inputs) < len(graph.input):
        raise NamesError(f"The source has the inputs {[value.name for value in graph.input]}; the recipe has fewer.")
    for value, tensor in zip((*inputs, *outputs), (*spec.inputs, *spec.outputs), strict=True):
        _declare(value, tensor)
    _replace(graph.input, inputs)
    _replace(graph.output, outputs)
    _prune(graph)
    _rename(graph, {tensor.source or tensor.name: tensor.name for tensor in (*spec.inputs, *spec.outputs)})
    _strip(model)
    model.ir_version = min(max(model.ir_version, OLDEST_IR), NEWEST_IR)
    graph.name = spec.name
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _refuse(model: ModelProto) -> None:
    """What no pack may hold: custom domains, functions, training graphs, sparse or outside constants."""
    used = {node.domain for node in walk.nodes(model)}
    if not used <= DOMAINS:
        raise GraphError(f"The model uses custom operators of {', '.join(sorted(used - DOMAINS))}.")
    versions = {opset.domain: opset.version for opset in model.opset_import}
    if not used <= set(versions) | {"ai.onnx"}:
        raise GraphError("The model does not say which version of its operators it means.")
    opset = versions.get("", versions.get("ai.onnx", 0))
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise GraphError(f"The model has opset {opset}; {OLDEST_OPSET} to {NEWEST_OPSET} can be served.")
    if model.functions or model.training_info:
        raise GraphError("The model defines functions of its own, or a training graph.")
    if any(graph.sparse_initializer for graph in walk.graphs(model.graph)):
        raise GraphError("The model holds sparse constants.")
    if any(tensor.data_location == TensorProto.EXTERNAL or tensor.external_data for tensor in walk.tensors(model)):
        raise GraphError("The model keeps constants in another file. Take the form of it that is one file.")


def _drop_overridable_inputs(graph: GraphProto) -> None:
    """Old files list each constant as an input that a caller could replace; here constants are constant."""
    constants = {tensor.name for tensor in graph.initializer}
    _replace(graph.input, [value for value in graph.input if value.name not in constants])


def _found(values: Iterable[ValueInfoProto], tensor: Tensor, kind: str) -> ValueInfoProto:
    name = tensor.source or tensor.name
    for value in values:
        if value.name == name:
            return value
    raise NamesError(f"The source has no {kind} {name}; it has {', '.join(value.name for value in values)}.")


def _declare(value: ValueInfoProto, tensor: Tensor) -> None:
    """Writes the recipe's axes over the source's: a free axis may be fixed or named, a fixed one stays what it is."""
    declared = value.type.tensor_type
    if declared.elem_type != ELEMENT[tensor.dtype]:
        raise ShapeError(f"{tensor.name} is not {tensor.dtype} in the source.")
    axes = declared.shape.dim
    if declared.HasField("shape") and len(axes) != len(tensor.shape):
        raise ShapeError(f"{tensor.name} has {len(axes)} axes in the source, {len(tensor.shape)} in the recipe.")
    fixed = [axis.dim_value if axis.HasField("dim_value") else None for axis in axes] or [None] * len(tensor.shape)
    for there, here in zip(fixed, tensor.shape, strict=True):
        if there is not None and there != here:
            raise ShapeError(f"{tensor.name} has an axis of {there} in the source, {here} in the recipe.")
    del axes[:]
    for here in tensor.shape:
        axis = axes.add()
        if isinstance(here, int):
            axis.dim_value = here
        else:
            axis.dim_param = here


def _prune(graph: GraphProto) -> None:
    """Removes what no output needs, and puts the nodes into an order in which they can run.

    Converters that add nodes at the end leave files that ONNX Runtime reads and ONNX's rules do not allow.
    """
    made_by = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    if len(made_by) < sum(bool(name) for node in graph.node for name in node.output):
        raise GraphError("Two nodes of the model make the same value.")
    needed, waiting = set[int](), [value.name for value in graph.output]
    read: set[str] = set(waiting)
    before: dict[int, set[int]] = {}
    while waiting:
        index = made_by.get(waiting.pop())
        if index is None or index in needed:
            continue
        needed.add(index)
        names = set(walk.read_by(graph.node[index]))
        before[index] = {made_by[name] for name in names if name in made_by}
        waiting.extend(names - read)
        read |= names
    order = _sorted(before)
    _replace(graph.node, [graph.node[index] for index in order])
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in read])


def _sorted(before: dict[int, set[int]]) -> list[int]:
    """Nodes after all that they need (`before`), else in the order of the file. Raises `GraphError` for a circle."""
    after: dict[int, list[int]] = {}
    for index, needed in before.items():
        for other in needed:
            after.setdefault(other, []).append(index)
    missing = {index: len(needed) for index, needed in before.items()}
    ready = [index for index, count in missing.items() if not count]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for other in after.get(index, ()):
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, other)
    if len(order) < len(before):
        raise GraphError("The model's nodes need each other in a circle.")
    return order


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    """Gives values new names everywhere; what already has one of them inside the graph steps aside."""
    changed = {old: new for old, new in names.items() if old != new}
    taken = {name for inner in walk.graphs(graph) for name in _defined(inner)}
    for new in set(changed.values()) & (taken - set(names)):
        changed[new] = _free_name(new, taken | set(names.values()))
    for inner in walk.graphs(graph):
        for node in inner.node:
            node.input[:] = [changed.get(name, name) for name in node.input]
            node.output[:] = [changed.get(name, name) for name in node.output]
        for value in (*inner.input, *inner.output, *inner.initializer):
            value.name = changed.get(value.name, value.name)


def _defined(graph: GraphProto) -> Iterable[str]:
    yield from (value.name for value in (*graph.input, *graph.initializer))
    for node in graph.node:
        yield from node.output


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _strip(model: ModelProto) -> None:
    """Takes out what computes nothing."""
    used = {node.domain for node in walk.nodes(model)} | {""}
    kept = sorted((opset for opset in model.opset_import if opset.domain in used), key=lambda opset: opset.domain)
    _replace(model.opset_import, kept)
    for field in ("doc_string", "metadata_props", "producer_name", "producer_version", "domain", "model_version"):
        model.ClearField(field)
    model.producer_name = "vitrine"
    for tensor in walk.tensors(model):
        tensor.ClearField("doc_string")
    for graph in walk.graphs(model.graph):
        for unused in ("doc_string", "metadata_props", "value_info", "quantization_annotation"):
            graph.ClearField(unused)
        for value in (*graph.input, *graph.output):
            value.ClearField("doc_string")
        for node in graph.node:
            node.ClearField("doc_string")
            node.ClearField("metadata_props")
            for attribute in node.attribute:
                attribute.ClearField("doc_string")


def _replace(field: Any, items: Sequence[Any]) -> None:
    """Sets a repeated field of messages, which may be some of its own."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(copies)
