"""Looks into an ONNX file before ONNX Runtime does: only what a manifest can vouch for is let through.

Refused are operators from outside the domains that every ONNX Runtime has, programs of a device inside the file,
functions of the file's own, data anywhere but in the file or in the listed ones, and graphs that nest without end. A
subgraph (of an `If`, say) is held to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .manifest import Graph, TensorSpec
from .protobuf import Malformed, Reader, Span

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
# Nodes that carry a compiled program of a device, or the path of one.
FORBIDDEN_OPERATORS = frozenset({"EPContext", "PythonOp", "PythonOpGrad"})
MAX_DEPTH = 8
MAX_NAME_BYTES = 4096
MAX_RANK = 64
ORT_FORMAT = b"ORTM"  # at byte 4 of ONNX Runtime's own format, which it would read in place of this one
ELEMENTS = {1: "float32", 10: "float16", 7: "int64", 6: "int32", 2: "uint8", 9: "bool"}
_EXTERNAL = 1
_KEYS = frozenset({"location", "offset", "length", "checksum"})

# Field numbers of onnx.proto (release 1.19).
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 20, 25
_GRAPH_NODES, _GRAPH_INITIALIZERS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = 5, 6, 10, 11, (22, 23)
_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 8, 13, 14
_MODEL = frozenset({_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_TRAINING, _MODEL_FUNCTIONS})
_GRAPH = frozenset({_GRAPH_NODES, _GRAPH_INITIALIZERS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_SPARSE})
_NODE = frozenset({_NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN})
_ATTRIBUTE = frozenset({_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, *_ATTRIBUTE_SPARSE})
_TENSOR = frozenset({_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION})
_FIRST, _FIRST_TWO = frozenset({1}), frozenset({1, 2})


class GraphRefused(ValueError):
    """The graph is not one that the engine runs; the message ends the sentence `The model X is refused: `."""


@dataclass(frozen=True)
class Declared:
    """A tensor as the file declares it; an axis that is free is None, and so is a shape that is not told."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass
class Facts:
    """What a graph was found to be."""

    inputs: dict[str, Declared] = field(default_factory=dict)
    outputs: dict[str, Declared] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    has_subgraphs: bool = False


def look(data: bytes, external: Mapping[str, int]) -> Facts:
    """Reads the whole structure of an ONNX file; weights are passed over. `external`: sizes of the listed data files.

    Raises `GraphRefused`.
    """
    if data[4:8] == ORT_FORMAT:
        raise GraphRefused("it is not an ONNX file")
    try:
        return _Look(Reader(data), external).model()
    except Malformed as error:
        raise GraphRefused(f"its graph cannot be read, since {error}") from error


def compare(facts: Facts, graph: Graph) -> None:
    """Holds what the file declares against the manifest: names, then types, then shapes. Raises `GraphRefused`."""
    for kind, found, wanted in (("inputs", facts.inputs, graph.inputs), ("outputs", facts.outputs, graph.outputs)):
        names = {tensor.name for tensor in wanted}
        if found.keys() != names:
            odd = ", ".join(sorted(found.keys() ^ names)[:4])
            raise GraphRefused(f"the {kind} of its graph {graph.name} are not those of its manifest ({odd[:120]})")
        for tensor in wanted:
            _compare(graph.name, tensor, found[tensor.name])


def _compare(graph: str, tensor: TensorSpec, found: Declared) -> None:
    if found.dtype != tensor.dtype:
        raise GraphRefused(f"{graph}.{tensor.name} is {found.dtype}, and {tensor.dtype} in its manifest")
    if found.shape is None:
        return
    fits = len(found.shape) == len(tensor.shape)
    for have, want in zip(found.shape, tensor.shape, strict=False):
        # What the file leaves free, a manifest may fix; what the file fixes can be nothing else.
        fits = fits and (have is None or have == want)
    if not fits:
        shown = [axis if axis is not None else "free" for axis in found.shape[:8]]
        raise GraphRefused(f"{graph}.{tensor.name} is {shown}, and {list(tensor.shape)} in its manifest")


class _Look:
    def __init__(self, reader: Reader, external: Mapping[str, int]) -> None:
        self._reader = reader
        self._listed = external
        self._facts = Facts()

    def model(self) -> Facts:
        graphs: list[Span] = []
        for number, value in self._reader.fields(self._reader.whole, _MODEL):
            if number in (_MODEL_FUNCTIONS, _MODEL_TRAINING):
                raise GraphRefused("it defines functions of its own")
            if number == _MODEL_GRAPH and isinstance(value, Span):
                graphs.append(value)
            elif number == _MODEL_OPSETS and isinstance(value, Span):
                self._domain(self._text(value, 1))
        if len(graphs) != 1:
            raise GraphRefused("it is not an ONNX file")
        self._graph(graphs[0], depth=0)
        return self._facts

    def _graph(self, span: Span, *, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise GraphRefused(f"its graphs nest deeper than {MAX_DEPTH}")
        values: dict[int, list[Span]] = {_GRAPH_INPUTS: [], _GRAPH_OUTPUTS: []}
        initializers: set[str] = set()
        for number, value in self._reader.fields(span, _GRAPH):
            if not isinstance(value, Span):
                continue
            if number == _GRAPH_NODES:
                self._node(value, depth=depth)
            elif number == _GRAPH_INITIALIZERS:
                initializers.add(self._tensor(value))
            elif number == _GRAPH_SPARSE:
                raise GraphRefused("it holds sparse constants")
            elif number in values and depth == 0:
                values[number].append(value)
        if depth == 0:
            for number, found in ((_GRAPH_INPUTS, self._facts.inputs), (_GRAPH_OUTPUTS, self._facts.outputs)):
                for value in values[number]:
                    self._declared(value, found, initializers if number == _GRAPH_INPUTS else set())

    def _node(self, span: Span, *, depth: int) -> None:
        attributes: list[Span] = []
        for number, value in self._reader.fields(span, _NODE):
            if not isinstance(value, Span):
                continue
            if number == _NODE_DOMAIN:
                self._domain(self._reader.text(value, most=MAX_NAME_BYTES))
            elif number == _NODE_OPERATOR:
                operator = self._reader.text(value, most=MAX_NAME_BYTES)
                if operator in FORBIDDEN_OPERATORS:
                    raise GraphRefused(f"it uses the operator {operator}, which can load programs")
            elif number == _NODE_ATTRIBUTES:
                attributes.append(value)
        for attribute in attributes:
            self._attribute(attribute, depth=depth)

    def _attribute(self, span: Span, *, depth: int) -> None:
        for number, value in self._reader.fields(span, _ATTRIBUTE):
            if not isinstance(value, Span):
                continue
            if number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                self._facts.has_subgraphs = True
                self._graph(value, depth=depth + 1)
            elif number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                self._tensor(value)
            elif number in _ATTRIBUTE_SPARSE:
                raise GraphRefused("it holds sparse constants")

    def _tensor(self, span: Span) -> str:
        """Checks where a constant lies; returns its name."""
        name, outside = "", False
        entries: dict[str, str] = {}
        for number, value in self._reader.fields(span, _TENSOR):
            if number == _TENSOR_LOCATION and not isinstance(value, Span):
                outside = outside or value == _EXTERNAL
            elif not isinstance(value, Span):
                continue
            elif number == _TENSOR_NAME:
                name = self._reader.text(value, most=MAX_NAME_BYTES)
            elif number == _TENSOR_EXTERNAL:
                key, text = self._text(value, 1), self._text(value, 2)
                if key in entries or key not in _KEYS:
                    raise GraphRefused(f"a constant says {key[:40]!r} of where it lies")
                entries[key] = text
        if outside or entries:
            self._external(entries)
        return name

    def _external(self, entries: Mapping[str, str]) -> None:
        location = entries.get("location", "")
        size = self._listed.get(location)
        if size is None:
            raise GraphRefused(f"it keeps data in {location[:80]!r}, which is not a file of the pack")
        offset, length = _count(entries.get("offset", "0")), _count(entries.get("length", str(size)))
        if offset > size or ("length" in entries and length > size - offset):
            raise GraphRefused(f"a constant lies beyond the end of {location}")
        self._facts.external.add(location)

    def _domain(self, domain: str) -> None:
        if domain not in DOMAINS:
            raise GraphRefused(f"it uses operators of {domain[:80]!r}, which are not ONNX Runtime's own")

    def _declared(self, span: Span, found: dict[str, Declared], initializers: set[str]) -> None:
        """A value of the graph: its name, and a tensor's type and shape. A default for an input is no input."""
        name, element = "", 0
        shape: tuple[int | None, ...] | None = None
        for number, value in self._reader.fields(span, _FIRST_TWO):
            if number == 1 and isinstance(value, Span):
                name = self._reader.text(value, most=MAX_NAME_BYTES)
            elif number == 2 and isinstance(value, Span):
                element, shape = self._type(value)
        if name in initializers:
            return
        if element not in ELEMENTS or name in found:
            raise GraphRefused(f"{name[:80]!r} is twice in it, or of a type that no manifest can name")
        found[name] = Declared(ELEMENTS[element], shape)

    def _type(self, span: Span) -> tuple[int, tuple[int | None, ...] | None]:
        element = 0
        shape: list[int | None] | None = None
        for number, tensor in self._reader.fields(span, _FIRST):
            if number != 1 or not isinstance(tensor, Span):
                continue  # a sequence, a map: no element type, so it is refused
            for key, value in self._reader.fields(tensor, _FIRST_TWO):
                if key == 1 and not isinstance(value, Span):
                    element = value
                elif key == 2 and isinstance(value, Span):
                    shape = shape or []
                    shape += [
                        self._axis(axis) for _, axis in self._reader.fields(value, _FIRST) if isinstance(axis, Span)
                    ]
        if shape is not None and len(shape) > MAX_RANK:
            raise GraphRefused(f"a tensor has more than {MAX_RANK} axes")
        return element, None if shape is None else tuple(shape)

    def _axis(self, span: Span) -> int | None:
        size: int | None = None
        for number, value in self._reader.fields(span, _FIRST_TWO):
            if number == 1 and not isinstance(value, Span):
                size = value if 0 < value < 1 << 32 else None
            elif number == 2:
                size = None
        return size

    def _text(self, span: Span, wanted: int) -> str:
        """The string in field `wanted` of a small message; empty where it is absent."""
        text = ""
        for number, value in self._reader.fields(span, frozenset({wanted})):
            if number == wanted and isinstance(value, Span):
                text = self._reader.text(value, most=MAX_NAME_BYTES)
        return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise GraphRefused("a constant lies at an offset that is no number")
    return int(text)
