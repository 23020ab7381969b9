"""ONNX Runtime behind one door: sessions that say where they run, runs that can be stopped, memory that comes back.

The only importer of `onnxruntime`.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil
from numpy.typing import NDArray

from ..errors import NotFound, Unavailable, VitrineError
from .kernels import Kernel, profiled
from .manifest import TensorSpec, Variant
from .pack import Pack
from .registry import Registry
from .state import ModelState
from .vram import Reading, Vram, open_nvml

log = logging.getLogger("vitrine.runtime")
ORT_NAMES = {"cuda": "CUDAExecutionProvider", "directml": "DmlExecutionProvider", "cpu": "CPUExecutionProvider"}
RECENT_RUNS = 256
WARM_RUNS = 2
WARMING_THREADS = 2
LEAST_SHARE = 0.02
LONGEST_REST_S = 0.5
# Allocators keep some pages; a model below this cannot be told from noise.
NOISE_BYTES = 4 * 2**20


class Terminated(Exception):
    """A run was stopped because its call was cancelled."""


@dataclass
class Model:
    """A loaded model: call it with its input tensor, get its outputs by name."""

    name: str
    provider: str
    precision: str
    session: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    runtime: Runtime = field(repr=False)
    bytes: int = 0
    vram_bytes: int = 0
    file_bytes: int = 0
    runs: int = 0
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_RUNS))

    def __call__(self, tensor: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Runs once. `tensor`: float32 of the manifest's shape. Raises `ValueError` for another shape, `Terminated`."""
        spec = self.inputs[0]
        if tensor.dtype != np.float32 or list(tensor.shape) != list(spec.shape):
            raise ValueError(f"{self.name} takes float32 {list(spec.shape)}, not {tensor.dtype} {list(tensor.shape)}")
        start = time.perf_counter()
        results = self.runtime.run(self.session, self.outputs, {spec.name: tensor})
        spent_s = time.perf_counter() - start
        self.recent_ms.append(1000 * spent_s)
        self.runs += 1
        if self.runtime.observer is not None:
            self.runtime.observer(self.name, start, spent_s)
        self.runtime.rest(spent_s)
        return dict(zip(self.outputs, results, strict=True))


class Runtime:
    """The models of one process. Models run in one thread; `terminate` may come from another."""

    def __init__(
        self, registry: Registry, *, providers: list[str], threads: int, vram: Vram | None = None
    ) -> None:
        self.pid = os.getpid()
        on_gpu = {ORT_NAMES[name] for name in providers if name != "cpu"} & set(ort.get_available_providers())
        self._vram = vram or (open_nvml(pid=self.pid) if on_gpu else None)
        self.flavour = f"onnxruntime {ort.__version__}"
        self._registry = registry
        self._allowed = providers
        self._threads = threads
        self._models: dict[str, Model] = {}
        self._failed: dict[str, str] = {}
        self._options: Any = None
        self._stopped = False
        self._lock = threading.Lock()
        self.share = 1.0  # of the time in which models may run
        self.observer: Callable[[str, float, float], None] | None = None  # of runs: model, begin and length, seconds
        self._roused = threading.Event()
        ort.set_default_logger_severity(3)

    # -- running -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new job starts: nothing of an older cancel may touch it."""
        with self._lock:
            self._stopped = False
            self._options = None
            self._roused.clear()

    def throttle(self, share: float) -> None:
        """From now on compute for at most this share of the time, 0..1; may come from another thread."""
        self.share = min(1.0, max(LEAST_SHARE, share))
        self._roused.set()  # a rest under the old share ends here

    def rest(self, spent_s: float) -> None:
        """Leaves the processor, or the GPU, to others after a run of `spent_s`, as `throttle` asks: a diffusion step or
        a token is one run, so they are spaced. A cancel ends the rest."""
        if self.share < 1.0:
            self._roused.wait(min(LONGEST_REST_S, spent_s * (1 / self.share - 1)))
            if not self._stopped:
                self._roused.clear()

    def terminate(self) -> None:
        """Stops what runs now at its next node, and every further run of the same job."""
        with self._lock:
            self._stopped = True
            self._roused.set()
            if self._options is not None:
                self._options.terminate = True

    def run(self, session: Any, outputs: tuple[str, ...], feeds: dict[str, Any]) -> list[Any]:
        """One run under the current job's options. Raises `Terminated`, or `Unavailable` when the provider failed."""
        with self._lock:
            if self._stopped:
                raise Terminated
            if self._options is None:
                self._options = ort.RunOptions()
        try:
            return list(session.run(list(outputs), feeds, self._options))
        except Exception as error:  # onnxruntime raises bare classes of its own for termination and for real faults
            if self._stopped:
                raise Terminated from error
            log.exception("a model run failed")
            raise Unavailable("The model failed to run here; run: vitrine doctor") from error

    # -- loading -------------------------------------------------------------------------------------------------

    def load(self, name: str) -> Model:
        """The model, loaded and warmed up on its first use. Raises the registry's error when it may not be loaded."""
        model = self._models.get(name)
        if model is None:
            try:
                model = self._load(name)
            except VitrineError as error:
                self._failed[name] = str(error)
                raise
            self._failed.pop(name, None)
            self._models[name] = model
        return model

    def start_warming(self, names: list[str]) -> list[Future[None]]:
        """Begins to load models in threads, largest first, while the process does other things.

        Nothing may run until every future is done. What cannot be loaded is logged and shows as failed in `states`.
        The models share the memory that they added by the size of their files, since they were loaded at once.
        """
        packs = self._registry.index.packs
        sizes = {name: packs[name].total_bytes if name in packs else 0 for name in names}
        before = _rss()

        def load(name: str) -> None:
            try:
                self.load(name)
            except VitrineError as error:
                log.error("model %s cannot be loaded: %s", name, error)
            added = max(0, _rss() - before)
            loaded = [sizes[other] for other in self._models if other in sizes]
            for model in list(self._models.values()):
                model.bytes = added * sizes.get(model.name, 0) // max(1, sum(loaded))

        pool = ThreadPoolExecutor(min(WARMING_THREADS, os.cpu_count() or 1), thread_name_prefix="warm")
        futures = [pool.submit(load, name) for name in sorted(names, key=lambda name: -sizes[name])]
        pool.shutdown(wait=False)
        return futures

    def _load(self, name: str) -> Model:
        before, gpu_before = _rss(), self._read_vram()
        pack = self._registry.open(name)
        model = self._first_that_runs(pack)
        shape = [int(size) for size in model.inputs[0].shape]
        for _ in range(WARM_RUNS):
            model(np.zeros(shape, np.float32))
        model.recent_ms.clear()
        model.runs = 0
        model.bytes = max(0, _rss() - before)
        model.vram_bytes = _grown(gpu_before, self._read_vram()) if model.provider != "cpu" else 0
        model.file_bytes = sum(file.bytes for file in pack.manifest.files)
        return model

    def _first_that_runs(self, pack: Pack) -> Model:
        """Tries the manifest's variants and providers in their order; what does not run is said in the log."""
        manifest = pack.manifest
        tried: list[str] = []
        for provider, variant in self._candidates(pack):
            session = self._session(pack, variant, provider)
            if session is None:
                tried.append(provider)
                log.warning("%s does not run on %s here", manifest.name, provider)
                continue
            level = logging.WARNING if tried else logging.DEBUG
            log.log(level, "%s runs on %s (%s)", manifest.name, provider, variant.precision)
            outputs = tuple(spec.name for spec in manifest.outputs)
            return Model(manifest.name, provider, variant.precision, session, tuple(manifest.inputs), outputs, self)
        raise NotFound(
            f"{manifest.name} has no variant for {', '.join(self._allowed)} that runs here; run: vitrine doctor"
        )

    def _candidates(self, pack: Pack) -> Iterator[tuple[str, Variant]]:
        available = set(ort.get_available_providers())
        for variant in pack.manifest.variants:
            for provider in variant.providers:
                if provider in self._allowed and ORT_NAMES[provider] in available:
                    yield provider, variant

    def _session(self, pack: Pack, variant: Variant, provider: str, *, profile: str | None = None) -> Any:
        """A session that really runs on `provider`, or None: ONNX Runtime falls back without a word if it cannot.

        `profile`: where a profile goes, which makes it slower.
        """
        options = ort.SessionOptions()
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if provider == "directml":  # its documented requirements
            options.enable_mem_pattern = False
            options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        data = pack.read(variant)
        try:
            session = ort.InferenceSession(data, options, providers=[ORT_NAMES[provider]])
        except Exception as error:  # as above: bare classes of its own
            log.warning("%s on %s: %s", pack.manifest.name, provider, type(error).__name__)
            return None
        session.disable_fallback()
        return session if session.get_providers()[0] == ORT_NAMES[provider] else None

    def unload(self, name: str) -> bool:
        """Lets a model go; says whether at least half of what it had added left the resident set, and the GPU.

        There half of the file's size is enough: what the first model added holds the driver's own share, which stays.
        """
        model = self._models.pop(name, None)
        self._failed.pop(name, None)
        if model is None:
            return True
        cost, on_gpu = model.bytes, min(model.vram_bytes, model.file_bytes)
        before, gpu_before = _rss(), self._read_vram()
        del model
        gc.collect()
        _trim()
        left_gpu = on_gpu <= NOISE_BYTES or _shrunk(gpu_before, self._read_vram()) >= on_gpu // 2
        return left_gpu and (cost <= NOISE_BYTES or before - _rss() >= cost // 2)

    def kernels(self, name: str) -> list[Kernel]:
        """The kernels of one run of a loaded model, on zeros.

        ONNX Runtime profiles a session from its making or not at all, so a second one is made for this and let go
        again. Raises `NotFound` when the model is not loaded, `Unavailable` when it does not run a second time.
        """
        model = self._models.get(name)
        if model is None:
            raise NotFound("The model is not loaded any more.")
        pack = self._registry.open(name)
        feeds = {model.inputs[0].name: np.zeros([int(size) for size in model.inputs[0].shape], np.float32)}
        with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
            for provider, variant in self._candidates(pack):
                if (provider, variant.precision) != (model.provider, model.precision):
                    continue
                session = self._session(pack, variant, provider, profile=f"{folder}/profile")
                if session is None:
                    break
                for _ in range(WARM_RUNS):
                    self.run(session, model.outputs, feeds)
                run = partial(self.run, session, model.outputs, feeds)
                return profiled(session, run, time.perf_counter_ns)
        raise Unavailable("The model does not run a second time here.")

    # -- looking -------------------------------------------------------------------------------------------------

    def known(self) -> list[str]:
        """Names of every model that could be loaded."""
        return sorted(self._registry.installed())

    def providers(self) -> list[str]:
        """Providers that this ONNX Runtime has and the settings allow; only a session tells what really runs."""
        available = set(ort.get_available_providers())
        return [name for name in self._allowed if ORT_NAMES[name] in available]

    def vram_bytes(self) -> int:
        """GPU memory of this process: the driver's number, else what its models added."""
        reading = self._read_vram()
        if reading is not None and reading.own is not None:
            return reading.own
        return sum(model.vram_bytes for model in self._models.values())

    def _read_vram(self) -> Reading | None:
        return None if self._vram is None else self._vram.read()

    def states(self) -> list[ModelState]:
        """Every model that is loaded or failed to."""
        states = [_state(model) for model in self._models.values()]
        return states + [ModelState(name, "failed") for name in self._failed]


def _state(model: Model) -> ModelState:
    p50, p95 = np.percentile(model.recent_ms, [50, 95]) if model.recent_ms else (0.0, 0.0)
    return ModelState(
        name=model.name,
        state="ready",
        provider=model.provider,
        precision=model.precision,
        device="cpu" if model.provider == "cpu" else "gpu",
        bytes=model.bytes,
        runs=model.runs,
        p50_ms=round(float(p50), 3),
        p95_ms=round(float(p95), 3),
        vram_bytes=model.vram_bytes,
    )


def _grown(before: Reading | None, after: Reading | None) -> int:
    return 0 if before is None or after is None else before.grown_to(after)


def _shrunk(before: Reading | None, after: Reading | None) -> int:
    return 0 if before is None or after is None else before.shrunk_to(after)


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


def _trim() -> None:
    """glibc keeps freed pages of its arenas; this gives them back. Other platforms' allocators do so by themselves."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
