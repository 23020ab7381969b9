"""The ONNX graph while it is being built, with the layout of each activation tracked.

A TFLite activation is NHWC. Here an image activation lives as NCHW as long as its users can take it, and is turned
back only where the order of its values matters (a reshape, an output).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..errors import UnsupportedOp
from ..tflite.graph import Graph, Operator

Layout = Literal["nchw", "plain"]
Attribute = int | float | str | list[int]
TO_NCHW = [0, 3, 1, 2]
TO_NHWC = [0, 2, 3, 1]
_WORTH_HALVING = 64


class Handler(Protocol):
    """Lowers one operator: reads values and constants of the `Lowering`, emits nodes, defines the outputs."""

    def __call__(self, lowering: Lowering, operator: Operator, /) -> None: ...


@dataclass(frozen=True)
class Value:
    """Where an activation lives: an ONNX name, and the layout of what the name holds."""

    name: str
    layout: Layout


class Lowering:
    """Collects nodes and initializers. Names come from counters, so the same source gives the same bytes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._values: dict[tuple[int, Layout], Value] = {}
        self._first: dict[int, Value] = {}
        self._folded: dict[int, NDArray[Any]] = {}
        self._shared: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def run(self, handlers: dict[str, Handler]) -> None:
        """Lowers every operator in order; raises `UnsupportedOp` on one that has no handler."""
        for operator in self.graph.operators:
            handler = handlers.get(operator.kind)
            if handler is None:
                raise UnsupportedOp(f"The operator {operator.kind} is not supported.")
            handler(self, operator)

    # -- constants -----------------------------------------------------------------------------------------------

    def constant(self, index: int) -> NDArray[Any] | None:
        """The dense values of a constant tensor in TFLite's own layout, or None for an activation."""
        return self._folded.get(index, self.graph.tensors[index].data)

    def require_constant(self, operator: Operator, place: int) -> NDArray[Any]:
        """The constant that an operator takes at `place`; raises `UnsupportedOp` if it is computed at run time."""
        data = self.constant(operator.inputs[place])
        if data is None:
            raise UnsupportedOp(f"{operator.kind} with a computed input {place} is not supported.")
        return data

    def fold(self, index: int, data: NDArray[Any]) -> None:
        """Makes a tensor a constant, known while converting."""
        self._folded[index] = data

    def initializer(self, data: NDArray[Any]) -> str:
        """The name of a constant with these values; equal ones are stored once.

        Floats that half precision holds exactly are stored so and cast, which every runtime does once, at load.
        """
        array = np.ascontiguousarray(data, np.float32 if data.dtype.kind == "f" else np.int64).reshape(data.shape)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._shared:
            self._shared[key] = self._store(array)
        return self._shared[key]

    def _store(self, array: NDArray[Any]) -> str:
        name = f"c{len(self.initializers)}"
        if array.dtype == np.float32 and array.size >= _WORTH_HALVING and _fits_half(array):
            self.initializers.append(numpy_helper.from_array(array.astype(np.float16), name))
            return self.emit("Cast", [name], to=TensorProto.FLOAT)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    # -- activations ---------------------------------------------------------------------------------------------

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape that TFLite gives the tensor (NHWC for images)."""
        return self.graph.tensors[index].shape

    def layout(self, index: int) -> Layout:
        """The layout in which the activation was made."""
        return self._first[index].layout

    def define(self, index: int, name: str, layout: Layout) -> None:
        """Says under which ONNX name, and in which layout, an activation lives."""
        value = Value(name, layout)
        self._first[index] = value
        self._values[index, layout] = value

    def value(self, index: int, layout: Layout) -> str:
        """The activation in the layout that is wanted, converted once if need be."""
        known = self._values.get((index, layout))
        if known is None:
            known = Value(self._convert(index, layout), layout)
            self._values[index, layout] = known
        return known.name

    def in_plain_order(self, index: int) -> str:
        """A name whose values lie in NHWC order, whatever the shape it has: no transposition if none is needed."""
        first = self._first[index]
        if first.layout == "nchw" and self._order_is_free(index):
            return first.name
        return self.value(index, "plain")

    def _order_is_free(self, index: int) -> bool:
        _, height, width, channels = self.shape(index)
        return height * width == 1 or channels == 1

    def _convert(self, index: int, layout: Layout) -> str:
        shape = self.shape(index)
        if len(shape) != 4:
            raise UnsupportedOp(
                f"The tensor {self.graph.tensors[index].name} is used as an image but has no four axes."
            )
        source = self._first[index].name
        perm = TO_NCHW if layout == "nchw" else TO_NHWC
        target = [shape[axis] for axis in TO_NCHW] if layout == "nchw" else list(shape)
        if self._order_is_free(index):
            return self.emit("Reshape", [source, self.initializer(np.array(target))])
        return self.emit("Transpose", [source], perm=perm)

    # -- nodes ---------------------------------------------------------------------------------------------------

    def emit(self, op_type: str, inputs: list[str], **attributes: Attribute) -> str:
        """Adds a node with one output and returns the output's name."""
        number = len(self.nodes)
        output = f"v{number}"
        rest: dict[str, Any] = dict(attributes)
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=f"n{number}_{op_type}", **rest))
        return output

    def rename(self, old: str, new: str) -> None:
        """Gives an activation its final name in every node that makes or takes it."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == old:
                        names[place] = new


def _fits_half(array: NDArray[Any]) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(array.astype(np.float16).astype(np.float32), array))
