"""Ways through an ONNX graph and the graphs inside its nodes, to a bounded depth."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from ..errors import GraphError

MAX_DEPTH = 8
MAX_NODES = 200_000


def graphs(graph: GraphProto, depth: int = 0) -> Iterator[GraphProto]:
    """The graph and every graph inside it. Raises `GraphError` where they are nested without end."""
    if depth > MAX_DEPTH or len(graph.node) > MAX_NODES:
        raise GraphError("The model nests its graphs too deeply, or has too many nodes.")
    yield graph
    for node in graph.node:
        for inner in inside(node):
            yield from graphs(inner, depth + 1)


def nodes(model: ModelProto) -> Iterator[NodeProto]:
    """Every node of the model."""
    for graph in graphs(model.graph):
        yield from graph.node


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every constant of the model: initializers, and those that nodes hold."""
    for graph in graphs(model.graph):
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def inside(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs that a node holds (the branches of an If, the body of a Loop)."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def read_by(node: NodeProto) -> Iterator[str]:
    """Every value that a node reads, also those that its inner graphs take from outside."""
    yield from node.input
    for inner in inside(node):
        for graph in graphs(inner):
            for other in graph.node:
                yield from other.input
            yield from (value.name for value in graph.output)
