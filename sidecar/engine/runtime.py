"""ONNX Runtime behind one door: sessions that say where they run, runs that can be stopped, memory that comes back.

The only importer of `onnxruntime`.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil
from numpy.typing import NDArray

from ..errors import NotFound, Unavailable, VitrineError
from . import warm
from .allocator import give_back
from .checked import Checked, check
from .graph import LoadedGraph, Placed
from .kernels import Kernel, profiled
from .manifest import Graph, Variant
from .model import SINGLE, Model
from .pack import Pack
from .providers import DEVICES, ORT_NAMES, SessionSettings, settings
from .registry import Registry, home
from .runners.graph import Terminated
from .state import ModelState
from .vram import Reading, Vram, open_nvml

__all__ = ["Model", "Runtime", "Terminated"]

log = logging.getLogger("vitrine.runtime")
WARM_RUNS = 2
WARMING_THREADS = 2
LEAST_SHARE = 0.02
LONGEST_REST_S = 0.5
# Allocators keep some pages; a model below this cannot be told from noise.
NOISE_BYTES = 4 * 2**20
_FATAL = 4  # ONNX Runtime's severity for what may be said of a run with guessed sizes


class Runtime:
    """The models of one process. Models run in one thread; `terminate` may come from another.

    `vram_bytes`: the most that one session takes of the GPU. `engines`: where TensorRT keeps what it compiled.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        providers: list[str],
        threads: int,
        vram: Vram | None = None,
        vram_limit: int | None = None,
        engines: Path | None = None,
    ) -> None:
        self.pid = os.getpid()
        on_gpu = {ORT_NAMES[name] for name in providers if name != "cpu"} & set(ort.get_available_providers())
        self._vram = vram or (open_nvml(pid=self.pid) if on_gpu else None)
        self.flavour = f"onnxruntime {ort.__version__}"
        self._registry = registry
        self._allowed = providers
        self._threads = threads
        self._vram_limit = vram_limit
        self._engines = engines or home() / "engines"
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

    def run(self, session: Any, outputs: tuple[str, ...], feeds: Mapping[str, Any]) -> list[Any]:
        """One run under the current job's options. Raises `Terminated`, or `Unavailable` when the provider failed."""
        options = self._job_options()
        try:
            return list(session.run(outputs, feeds, options))
        except Exception as error:  # onnxruntime raises bare classes of its own for termination and for real faults
            raise self._fault(error) from error

    def run_bound(self, session: Any, binding: Any) -> None:
        """As `run`, on an I/O binding."""
        options = self._job_options()
        try:
            session.run_with_iobinding(binding, options)
        except Exception as error:  # as above
            raise self._fault(error) from error

    def place(self, array: NDArray[Any], device: str) -> Any:
        """A copy of the array in the device's memory, as a value that sessions can be bound to."""
        return ort.OrtValue.ortvalue_from_numpy(np.array(array, order="C"), device, 0)

    def _job_options(self) -> Any:
        with self._lock:
            if self._stopped:
                raise Terminated
            if self._options is None:
                self._options = ort.RunOptions()
            return self._options

    def _fault(self, error: Exception) -> Exception:
        if self._stopped:
            return Terminated()
        log.error("a model run failed", exc_info=error)
        return Unavailable("The model failed to run here; run: vitrine doctor")

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
        model = self._assemble(self._registry.open(name))
        self._warm(model)
        model.forget_runs()
        model.bytes = max(0, _rss() - before)
        model.vram_bytes = _grown(gpu_before, self._read_vram()) if model.provider != "cpu" else 0
        return model

    def _assemble(self, pack: Pack) -> Model:
        model = Model(pack, self)
        for graph in pack.manifest.graphs:
            model.graphs[graph.name] = self._first_that_runs(model, graph)
        return model

    def _first_that_runs(self, model: Model, graph: Graph) -> LoadedGraph:
        """Tries a graph's variants and providers in the manifest's order; what does not run is said in the log."""
        called = _called(model, graph)
        tried: list[str] = []
        checked: Checked | None = None  # one variant's files at a time: each is read and looked into once
        for provider, variant in self._candidates(graph):
            if checked is None or checked.variant is not variant:
                checked = None  # the last one's bytes go before the next one's come
                checked = check(model.pack, graph, variant)
            session, how = self._session(checked, provider)
            if session is None:
                tried.append(provider)
                log.warning("%s does not run on %s here", called, provider)
                continue
            level = logging.WARNING if tried else logging.DEBUG
            log.log(level, "%s runs on %s (%s)", called, provider, variant.precision)
            placed = Placed(provider, variant.precision, DEVICES[provider], captures=how.captures)
            return LoadedGraph(
                called, session, placed, inputs=graph.inputs, outputs=graph.outputs, host=self, meter=model
            )
        raise NotFound(f"{called} has no variant for {', '.join(self._allowed)} that runs here; run: vitrine doctor")

    def _candidates(self, graph: Graph) -> Iterator[tuple[str, Variant]]:
        """What is allowed and there; TensorRT runs what CUDA does, and is tried before it where it is allowed."""
        for variant in graph.variants:
            for provider in variant.providers:
                if provider == "cuda" and self._can("tensorrt"):
                    yield "tensorrt", variant
                if self._can(provider):
                    yield provider, variant

    def _can(self, provider: str) -> bool:
        return provider in self._allowed and ORT_NAMES[provider] in ort.get_available_providers()

    def _session(self, checked: Checked, provider: str, *, profile: str | None = None) -> tuple[Any, SessionSettings]:
        """A session that really runs on `provider` and how it was set up, or None: ONNX Runtime falls back without a
        word if it cannot. `profile`: where a profile goes, which makes it slower."""
        for how in settings(provider, checked.shape, vram_bytes=self._vram_limit, engines=self._engines):
            session = self._made(checked.pack, checked.data, checked.external, how, profile)
            if session is not None:
                return session, how
        return None, SessionSettings((), {})

    def _made(
        self, pack: Pack, data: bytes, external: Mapping[str, bytes], how: SessionSettings, profile: str | None
    ) -> Any:
        options = ort.SessionOptions()
        if profile is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.enable_mem_pattern = how.memory_pattern
        for key, value in how.config.items():
            options.add_session_config_entry(key, value)
        if external:
            options.add_external_initializers_from_files_in_memory(
                list(external), list(external.values()), [len(content) for content in external.values()]
            )
        for folder in how.folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = how.providers[0][0]
        try:
            session = ort.InferenceSession(
                data, options, providers=[(name, dict(more)) for name, more in how.providers]
            )
        except Exception as error:  # as above: bare classes of its own
            log.warning("%s on %s: %s", pack.manifest.name, wanted, type(error).__name__)
            return None
        session.disable_fallback()
        return session if session.get_providers()[0] == wanted else None

    def _warm(self, model: Model) -> None:
        """Runs each graph on zeros and holds its answers against the manifest; sizes of free axes are guessed, so a
        failure there says nothing."""
        for name, graph in model.graphs.items():
            feeds = warm.feeds(graph.inputs)
            for _ in range(WARM_RUNS):
                try:
                    answers = graph(feeds) if graph.is_fixed else self._try(graph, feeds)
                    for output, array in (answers or {}).items():
                        graph.given.check(output, array, {})
                except ValueError as error:
                    raise model.pack.refused(f"its graph {name} answers with other tensors: {error}") from error

    def _try(self, graph: LoadedGraph, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]] | None:
        options = ort.RunOptions()
        options.log_severity_level = _FATAL
        try:
            return dict(zip(graph.all, graph.session.run(graph.all, feeds, options), strict=True))
        except Exception as error:  # as above
            log.debug("warming with guessed sizes failed (%s)", type(error).__name__)
            return None

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
        give_back()
        left_gpu = on_gpu <= NOISE_BYTES or _shrunk(gpu_before, self._read_vram()) >= on_gpu // 2
        return left_gpu and (cost <= NOISE_BYTES or before - _rss() >= cost // 2)

    def kernels(self, name: str) -> list[Kernel]:
        """The kernels of one run of each graph of a loaded model, on zeros.

        ONNX Runtime profiles a session from its making or not at all, so second ones are made for this and let go
        again. Raises `NotFound` when the model is not loaded, `Unavailable` when it does not run a second time.
        """
        model = self._models.get(name)
        if model is None:
            raise NotFound("The model is not loaded any more.")
        found: list[Kernel] = []
        with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
            for graph in model.pack.manifest.graphs:
                found += self._profiled(model, graph, f"{folder}/{graph.name}")
        return found

    def _profiled(self, model: Model, graph: Graph, profile: str) -> list[Kernel]:
        loaded = model.graphs[graph.name]
        feeds = warm.feeds(graph.inputs)
        for provider, variant in self._candidates(graph):
            if (provider, variant.precision) != (loaded.placed.provider, loaded.placed.precision):
                continue
            session, _ = self._session(check(model.pack, graph, variant), provider, profile=profile)
            if session is None:
                break
            for _ in range(WARM_RUNS):
                self.run(session, loaded.all, feeds)
            return profiled(session, partial(self.run, session, loaded.all, feeds), time.perf_counter_ns)
        raise Unavailable("The model does not run a second time here.")

    # -- looking -------------------------------------------------------------------------------------------------

    def known(self) -> list[str]:
        """Names of every model that could be loaded."""
        return sorted(self._registry.installed())

    def providers(self) -> list[str]:
        """Providers that this ONNX Runtime has and the settings allow; only a session tells what really runs."""
        return [name for name in self._allowed if self._can(name)]

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
        states = [model.state() for model in self._models.values()]
        return states + [ModelState(name, "failed") for name in self._failed]


def _called(model: Model, graph: Graph) -> str:
    return model.name if graph.name == SINGLE else f"{model.name}.{graph.name}"


def _grown(before: Reading | None, after: Reading | None) -> int:
    return 0 if before is None or after is None else before.grown_to(after)


def _shrunk(before: Reading | None, after: Reading | None) -> int:
    return 0 if before is None or after is None else before.shrunk_to(after)


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)
