"""How a session is set up on each execution provider, as data: what goes in decides what comes out, nothing is asked of
the machine.

Sources: ONNX Runtime's documentation of the CUDA, TensorRT and DirectML execution providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ORT_NAMES: Mapping[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
DEVICES: Mapping[str, str] = {"tensorrt": "cuda", "cuda": "cuda", "directml": "dml", "cpu": "cpu"}


@dataclass(frozen=True)
class Shape:
    """What the choice depends on beside the provider: whether every axis is fixed, whether a graph lies in another, in
    which precision it computes, and a key of its file and sizes."""

    fixed: bool
    has_subgraphs: bool
    precision: str
    key: str


@dataclass(frozen=True)
class SessionSettings:
    """One session. `providers`: ONNX Runtime's names in order, each with its options; `config`: session entries."""

    providers: tuple[tuple[str, Mapping[str, str]], ...]
    config: Mapping[str, str]
    memory_pattern: bool = True
    captures: bool = False
    folders: tuple[Path, ...] = field(default=())


# Threads do not spin (frames have idle gaps), and the bytes are read as ONNX whatever they look like.
_CONFIG: Mapping[str, str] = {"session.intra_op.allow_spinning": "0", "session.load_model_format": "ONNX"}


def settings(
    provider: str, shape: Shape, *, vram_bytes: int | None = None, engines: Path | None = None
) -> tuple[SessionSettings, ...]:
    """The ways to set a session up on one provider, best first; a later one is tried where an earlier cannot be made.

    None of them runs on another provider than the one that was asked for. `vram_bytes` bounds what one session takes of
    the GPU; `engines` is the folder for TensorRT's compiled engines. Empty where the provider does not fit the graph.
    """
    if provider == "cpu":
        return (SessionSettings(((ORT_NAMES["cpu"], {}),), _CONFIG),)
    if provider == "directml":  # it demands both: no memory pattern, one operator after the other
        return (SessionSettings(((ORT_NAMES["directml"], {}),), _CONFIG, memory_pattern=False),)
    if provider == "tensorrt":
        return _tensorrt(shape, vram_bytes, engines)
    plain = SessionSettings(((ORT_NAMES["cuda"], _cuda(vram_bytes)),), _CONFIG)
    if not shape.fixed or shape.has_subgraphs:
        return (plain,)
    # A captured run is replayed without the cost of launching each kernel; it is only possible where all of them are
    # CUDA's, which the session says when it is made.
    captured = {**_cuda(vram_bytes), "enable_cuda_graph": "1"}
    return (SessionSettings(((ORT_NAMES["cuda"], captured),), _CONFIG, captures=True), plain)


def _cuda(vram_bytes: int | None) -> dict[str, str]:
    """Memory grows by what is asked for, since a doubling arena would cross a budget that the contents fit in."""
    options = {
        "device_id": "0",
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "do_copy_in_default_stream": "1",
    }
    return options if vram_bytes is None else options | {"gpu_mem_limit": str(vram_bytes)}


def _tensorrt(shape: Shape, vram_bytes: int | None, engines: Path | None) -> tuple[SessionSettings, ...]:
    """Compiling takes minutes, so it is done for fixed sizes only, once: engines are kept by file and sizes."""
    if not shape.fixed or engines is None:
        return ()
    folder = engines / shape.key
    options = {
        "device_id": "0",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines),
        "trt_fp16_enable": "1" if shape.precision == "fp16" else "0",
    }
    if vram_bytes is not None:
        options["trt_max_workspace_size"] = str(vram_bytes)
    providers = ((ORT_NAMES["tensorrt"], options), (ORT_NAMES["cuda"], _cuda(vram_bytes)))
    return (SessionSettings(providers, _CONFIG, folders=(engines, folder)),)
