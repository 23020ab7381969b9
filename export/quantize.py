"""Makes a candidate's file from a converted graph."""

from __future__ import annotations

import logging
from pathlib import Path

from onnx import TensorProto

from . import half, weight_blocks
from .candidates import Candidate
from .constants import open_graph, total_bytes
from .errors import PrecisionError

# Dynamic quantisation holds the whole graph in memory several times over.
DYNAMIC_MAX_BYTES = 1 << 31
# Convolutions stay as they are: their int8 kernels were slower than float ones wherever it was measured.
_DYNAMIC_OPERATORS = ["MatMul", "Gemm", "Gather"]

# What it leaves where it has rounded something.
_ROUNDED = frozenset({"MatMulInteger", "DequantizeLinear", "DynamicQuantizeLinear"})


def make(candidate: Candidate, file: Path, target: Path) -> None:
    """Writes the candidate's file from the converted one. Raises `PrecisionError` where it cannot be made."""
    if candidate.method == "half":
        half.convert(file, target)
    elif candidate.method == "dynamic":
        _dynamic(file, target)
    else:
        count = weight_blocks.quantize(file, target, bits=8 if candidate.method == "blocks8" else 4)
        if not count:
            raise _nothing_to_round()


def _dynamic(file: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if total_bytes(file) > DYNAMIC_MAX_BYTES:
        raise PrecisionError("the graph is too large for it")
    logging.getLogger().setLevel(logging.ERROR)  # it recommends a step that the conversion has made already
    quantize_dynamic(
        file,
        target,
        op_types_to_quantize=_DYNAMIC_OPERATORS,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},  # behind operators that shape inference does not know
    )
    if not {node.op_type for node in open_graph(target).graph.node} & _ROUNDED:
        raise _nothing_to_round()


def _nothing_to_round() -> PrecisionError:
    return PrecisionError("there is no MatMul with constant weights")
