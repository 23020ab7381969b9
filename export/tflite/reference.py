"""The source interpreter: LiteRT running the original TFLite bytes, for conversions to be held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from ..errors import UnsupportedOp

_TRANSPOSE_CONV_BIAS = b"Convolution2DTransposeBias"


@dataclass(frozen=True)
class Answer:
    """One output of the source model, and how far the interpreter's own two kernel sets disagree about it."""

    values: NDArray[np.float32]
    noise: float


class Reference:
    """One loaded source model, run by LiteRT's plain kernels and, for the noise, by its XNNPACK kernels too.

    Both compute the same sums in another order. Where a model blows such differences up (some do on pictures that show
    no person), no conversion can be closer to the source than the source is to itself.
    """

    def __init__(self, blob: bytes) -> None:
        content = with_builtin_operators(blob)
        self._plain = _interpreter(content, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        self._fast = _interpreter(content, OpResolverType.BUILTIN)

    def run(self, image: NDArray[np.float32]) -> dict[str, Answer]:
        """Outputs by the source graph's own names, in the source's own shapes."""
        plain, fast = _outputs(self._plain, image), _outputs(self._fast, image)
        return {name: Answer(values, float(np.abs(values - fast[name]).max())) for name, values in plain.items()}


def _interpreter(content: bytes, resolver: OpResolverType) -> Interpreter:
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver, num_threads=2)
    interpreter.allocate_tensors()
    return interpreter


def _outputs(interpreter: Interpreter, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return {
        detail["name"].split(":")[0]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_output_details()
    }


def with_builtin_operators(blob: bytes) -> bytes:
    """The same model with MediaPipe's custom transposed convolution written as the builtin that computes it.

    LiteRT has no kernel for the custom operator; TRANSPOSE_CONV takes the same weights and bias, and needs the shape of
    its output as a constant. Raises `UnsupportedOp` on any other custom operator.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(blob, 0))
    custom = [code for code in model.operatorCodes if code.builtinCode == schema.BuiltinOperator.CUSTOM]
    if not custom:
        return blob
    for code in custom:
        if code.customCode != _TRANSPOSE_CONV_BIAS:
            raise UnsupportedOp(f"The source interpreter cannot run the operator {code.customCode.decode()}.")
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex] in custom:
            _make_builtin(model, operator)
    for code in custom:
        code.builtinCode = schema.BuiltinOperator.TRANSPOSE_CONV
        code.deprecatedBuiltinCode = schema.BuiltinOperator.TRANSPOSE_CONV
        code.customCode = None
        code.version = 3  # the first with a bias
    builder = flatbuffers.Builder(len(blob) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _make_builtin(model: Any, operator: Any) -> None:
    subgraph = model.subgraphs[0]
    source, weights, bias = operator.inputs
    shape = np.asarray(subgraph.tensors[operator.outputs[0]].shape, np.int32)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(shape.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name = b"transposed_convolution_shape"
    tensor.type = schema.TensorType.INT32
    tensor.shape = np.array([len(shape)], np.int32)
    tensor.buffer = len(model.buffers) - 1
    subgraph.tensors.append(tensor)
    padding, stride_w, stride_h = np.frombuffer(bytes(np.asarray(operator.customOptions, np.uint8))[:12], "<i4")
    options = schema.TransposeConvOptionsT()
    options.padding = schema.Padding.SAME if padding == 1 else schema.Padding.VALID
    options.strideW, options.strideH = int(stride_w), int(stride_h)
    operator.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
    operator.builtinOptions = options
    operator.customOptions = None
    operator.inputs = np.array([len(subgraph.tensors) - 1, weights, source, bias], np.int32)
