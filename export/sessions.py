"""ONNX Runtime for checking and measuring: sessions that say where they run, from files of any size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from .candidates import Device
from .errors import GraphError, PrecisionError

_PROVIDERS: Mapping[Device, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class Session:
    """One graph, loaded. `inputs` and `outputs` are name -> (element type, shape) as the file declares them."""

    def __init__(self, file: Path, device: Device = "cpu") -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads()
        if device == "directml":
            options.enable_mem_pattern = False  # as its documentation asks for
        if device == "cuda" and hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # CUDA and cuDNN out of the wheels beside it
        wanted = _PROVIDERS[device]
        chosen = [wanted] if device == "cpu" else [wanted, _PROVIDERS["cpu"]]
        if wanted not in ort.get_available_providers():
            raise _no_device(device)
        try:
            self._session = ort.InferenceSession(str(file), options, providers=chosen)
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise GraphError(f"ONNX Runtime does not load {file.name}: {_first_line(error)}") from error
        if wanted not in self._session.get_providers():  # it falls back without a word
            raise _no_device(device)
        self.inputs = {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_inputs()}
        self.outputs = {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_outputs()}

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name. Raises `GraphError` when the graph cannot run on these inputs."""
        try:
            values = self._session.run(None, dict(feeds))
        except Exception as error:  # as above
            sizes = ", ".join(f"{name} {list(array.shape)}" for name, array in list(feeds.items())[:4])
            raise GraphError(f"The graph does not run on {sizes}: {_first_line(error)}") from error
        return dict(zip(self.outputs, values, strict=True))


def threads() -> int:
    """Threads of a run: as many as serving uses by default."""
    return max(1, (os.cpu_count() or 2) - 1)


def _no_device(device: Device) -> PrecisionError:
    return PrecisionError(
        f"--device {device}: ONNX Runtime cannot use one here, so nothing can be measured on it. Run the export on the "
        "machine that has it (vitrine doctor says what is missing), or use --device cpu."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
