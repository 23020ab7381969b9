"""Weights rounded in blocks to 8 or 4 bits: MatMul becomes ONNX Runtime's MatMulNBits, large look-up tables gather
codes.

Only weights are rounded. Each block of 32 neighbouring weights of one output has its own scale and zero point, as
MatMulNBits defines them: weight = (code - zero) * scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from .constants import Writer, array, open_graph, total_bytes

BLOCK = 32
DOMAIN = "com.microsoft"
_LEAST_ELEMENTS = 4096  # smaller matrices cost more as blocks than they save
_LEAST_TABLE = 1 << 18
_INT8_ACTIVATIONS = 4  # accuracy_level of MatMulNBits: multiply in int8, each block of the input with its own scale
_OPSET_OF_TABLES = 13  # Unsqueeze takes its axes as an input
_TABLE_BITS = 8  # rows that are looked up go on unmultiplied, so they are kept finer


@dataclass(frozen=True)
class Blocks:
    """A matrix [outputs, inputs] in blocks: codes [outputs, blocks, BLOCK] uint8 (one code a byte), scales
    [outputs, blocks] float32, zeros [outputs, blocks] uint8."""

    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    zeros: NDArray[np.uint8]


def rounded(values: NDArray[np.float32], bits: int) -> Blocks:
    """Weights [outputs, inputs] to 2^bits steps between the least and the largest of each block and zero."""
    outputs, inputs = values.shape
    padded = np.zeros((outputs, -(-inputs // BLOCK) * BLOCK), np.float32)
    padded[:, :inputs] = values
    grouped = padded.reshape(outputs, -1, BLOCK)
    low, high = np.minimum(grouped.min(axis=2), 0), np.maximum(grouped.max(axis=2), 0)
    top = np.float32(2**bits - 1)
    scales = ((high - low) / top).astype(np.float32)
    steps = np.where(scales > 0, scales, np.float32(1))
    zeros = np.clip(np.rint(-low / steps), 0, top)
    codes = np.clip(np.rint(grouped / steps[..., None]) + zeros[..., None], 0, top)
    return Blocks(codes.astype(np.uint8), scales, zeros.astype(np.uint8))


def packed(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Codes along the last axis as MatMulNBits wants them: the first of two 4-bit codes in the low half of a byte."""
    if bits == 8:
        return codes
    if codes.shape[-1] % 2:
        codes = np.concatenate([codes, np.zeros((*codes.shape[:-1], 1), np.uint8)], axis=-1)
    return (codes[..., 0::2] | (codes[..., 1::2] << 4)).astype(np.uint8)


def quantize(file: Path, target: Path, *, bits: int) -> int:
    """Writes `target`, the graph of `file` with its weights in blocks; returns how many matrices were rounded.

    A matrix that more than these operators read stays as it is too.
    """
    model = open_graph(file)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    opset = max(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    rewrite = _Rewrite(tensors, file, bits, tables=opset >= _OPSET_OF_TABLES)
    writer = Writer(target, expected_bytes=total_bytes(file) * (bits + 1) // 32)
    try:
        nodes: list[NodeProto] = []
        for node in model.graph.node:
            nodes.extend(rewrite.node(node, writer))
        used = {name for node in nodes for name in node.input} | {value.name for value in model.graph.output}
        used |= {name for node in nodes for name in _inner(node)}
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        for tensor in tensors.values():
            if tensor.name in used:
                writer.keep(tensor, file)
        if not any(opset.domain == DOMAIN for opset in model.opset_import):
            model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        writer.finish(model)
    finally:
        writer.close()
    return rewrite.count


class _Rewrite:
    def __init__(self, tensors: dict[str, TensorProto], file: Path, bits: int, *, tables: bool) -> None:
        self._tensors, self._file, self._bits, self._tables = tensors, file, bits, tables
        self._written: dict[tuple[str, str], list[str]] = {}
        self.count = 0

    def node(self, node: NodeProto, writer: Writer) -> list[NodeProto]:
        """The nodes that take this one's place."""
        if node.op_type == "MatMul" and self._matrix(node.input[1], _LEAST_ELEMENTS):
            return [self._matmul(node, writer)]
        if self._tables and node.op_type == "Gather" and self._matrix(node.input[0], _LEAST_TABLE) and not _axis(node):
            return self._gather(node, writer)
        return [node]

    def _matrix(self, name: str, least: int) -> bool:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2:
            return False
        return bool(tensor.dims[0] * tensor.dims[1] >= least)

    def _matmul(self, node: NodeProto, writer: Writer) -> NodeProto:
        inputs, outputs = self._tensors[node.input[1]].dims
        names = self._constants(node.input[1], "matmul", writer)
        return helper.make_node(
            "MatMulNBits",
            [node.input[0], *names],
            list(node.output),
            name=node.name,
            domain=DOMAIN,
            K=inputs,
            N=outputs,
            bits=self._bits,
            block_size=BLOCK,
            accuracy_level=_INT8_ACTIVATIONS,
        )

    def _gather(self, node: NodeProto, writer: Writer) -> list[NodeProto]:
        """Row = (code - zero) * scale, in operators of ONNX itself: [...] ids -> [..., width]."""
        table, ids, result = node.input[0], node.input[1], node.output[0]
        codes, scales, zeros, shape, axis, begin, end = self._constants(table, "table", writer)

        def name(part: str) -> str:
            return f"{result}_{part}"

        def row(source: str, part: str) -> NodeProto:
            return helper.make_node("Gather", [source, ids], [name(part)], axis=0)

        kind = TensorProto.FLOAT
        return [
            row(codes, "codes"),
            row(scales, "scales"),
            row(zeros, "zeros"),
            helper.make_node("Cast", [name("codes")], [name("codes_f")], to=kind),
            helper.make_node("Cast", [name("zeros")], [name("zeros_f")], to=kind),
            helper.make_node("Unsqueeze", [name("zeros_f"), axis], [name("zeros_u")]),
            helper.make_node("Unsqueeze", [name("scales"), axis], [name("scales_u")]),
            helper.make_node("Sub", [name("codes_f"), name("zeros_u")], [name("steps")]),
            helper.make_node("Mul", [name("steps"), name("scales_u")], [name("blocks")]),
            helper.make_node("Shape", [ids], [name("ids_shape")]),
            helper.make_node("Concat", [name("ids_shape"), shape], [name("shape")], axis=0),
            helper.make_node("Reshape", [name("blocks"), name("shape")], [name("padded")]),
            helper.make_node("Slice", [name("padded"), begin, end, axis], [result], name=node.name),
        ]

    def _constants(self, source: str, kind: str, writer: Writer) -> list[str]:
        """The names of the constants that stand for a matrix, written when they are first asked for."""
        if (source, kind) not in self._written:
            values = array(self._tensors[source], self._file)
            made = self._of_matmul(values) if kind == "matmul" else self._of_table(values)
            for part, constant in made.items():
                writer.add(f"{source}_{kind}_{part}", constant)
            self._written[source, kind] = [f"{source}_{kind}_{part}" for part in made]
            self.count += 1
        return self._written[source, kind]

    def _of_matmul(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        blocks = rounded(np.ascontiguousarray(values.T), self._bits)
        zeros = packed(blocks.zeros, self._bits)
        return {
            "codes": packed(blocks.codes, self._bits),
            "scales": blocks.scales.reshape(-1),
            "zeros": zeros.reshape(-1),
        }

    @staticmethod
    def _of_table(values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        blocks = rounded(np.asarray(values, np.float32), _TABLE_BITS)
        width = blocks.codes.shape[1] * BLOCK
        return {
            "codes": blocks.codes,
            "scales": blocks.scales,
            "zeros": blocks.zeros,
            "shape": np.array([width], np.int64),
            "axis": np.array([-1], np.int64),
            "begin": np.array([0], np.int64),
            "end": np.array([values.shape[1]], np.int64),
        }


def _axis(node: NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _inner(node: NodeProto) -> list[str]:
    """Names that graphs inside a node read; what they take from outside must stay."""
    found: list[str] = []
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            for inner in graph.node:
                found += [*inner.input, *_inner(inner)]
            found += [value.name for value in graph.output]
    return found
