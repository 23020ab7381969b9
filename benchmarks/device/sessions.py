"""Sessions as the engine makes them, one way at a time: the same checks, settings and runs, but all can be chosen.

A session counts only where its own `get_providers` says that it runs.
"""

from __future__ import annotations

import gc
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from sidecar.engine import warm
from sidecar.engine.checked import Checked, check
from sidecar.engine.graph import LoadedGraph, Placed, Standing
from sidecar.engine.manifest import Graph, TensorSpec, Variant
from sidecar.engine.pack import Pack
from sidecar.engine.providers import DEVICES, Shape
from sidecar.engine.runtime import Runtime

from .ways import Way

Arrays = dict[str, NDArray[Any]]
MOST_PROFILE_BYTES = 256 * 2**20
PROFILED_RUNS = 2


class _Uncounted:
    """Runs of a benchmark are nobody's jobs."""

    def ran(self, begun_s: float, spent_s: float) -> None:
        """Nothing is done with it."""


@dataclass(frozen=True)
class Network:
    """One graph of an installed pack in one of its variants, and what it is run on.

    `answers`: what the CPU gave for `feeds`; empty as long as it has not run.
    """

    pack: Pack
    graph: Graph
    variant: Variant
    feeds: Arrays
    answers: Mapping[str, NDArray[Any]]

    @property
    def name(self) -> str:
        """`pack`, or `pack.graph` where it has several."""
        several = len(self.pack.manifest.graphs) > 1
        return f"{self.pack.manifest.name}.{self.graph.name}" if several else self.pack.manifest.name


class Opened:
    """A session that really runs on its provider, ready to be called again and again."""

    def __init__(self, network: Network, way: Way, session: Any, host: Runtime) -> None:
        self.providers: list[str] = session.get_providers()
        graph, given = network.graph, network.graph.outputs
        taken = graph.inputs
        if way.stands:  # tensors that stand need sizes: those of the arrays that they are run on
            taken, given = _sized(taken, network.feeds), _sized(given, network.answers)
        placed = Placed(way.provider, network.variant.precision, DEVICES[way.provider], captures=way.how.captures)
        self._graph = LoadedGraph(
            network.name, session, placed, inputs=taken, outputs=given, host=host, meter=_Uncounted()
        )
        # A captured graph stands by itself; of others the engine's own standing tensors are used here too.
        self._standing = Standing(self._graph) if way.stands and not way.how.captures else None
        self._feeds = network.feeds

    def __call__(self) -> Arrays:
        """One run, answers in host memory. Raises `ValueError` or `Unavailable`."""
        if self._standing is not None:
            return self._standing.run(self._feeds, self._graph.all)
        return self._graph(self._feeds)


class Sessions(Runtime):
    """Makes them. What the engine's runtime chooses by itself is chosen by the caller here."""

    def shape(self, network: Network) -> Shape:
        """What the settings depend on. Raises `PackRefused` or `PackCorrupt` for a file that the engine refuses."""
        return self._checked(network).shape

    def open(self, network: Network, way: Way) -> Opened | None:
        """The session, or None where it cannot be made or would run elsewhere. Raises what `shape` does, and what
        ONNX Runtime raises where tensors cannot be placed."""
        session = self._of(network, way, None)
        return None if session is None else Opened(network, way, session, self)

    def placement(self, network: Network, way: Way) -> dict[str, int]:
        """How many nodes of a run each provider computes, from a profile; a second session is made for it.

        Empty where there is none: runs that are replayed cannot be profiled.
        """
        if way.how.captures:
            return {}
        with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
            session = self._of(network, way, f"{folder}/run")
            if session is None:
                return {}
            opened = Opened(network, way, session, self)
            for _ in range(PROFILED_RUNS):
                opened()
            path = Path(session.end_profiling())
            data = path.read_bytes() if path.stat().st_size <= MOST_PROFILE_BYTES else b"[]"
        return placed(msgspec.json.decode(data, type=list[dict[str, Any]]))

    def _of(self, network: Network, way: Way, profile: str | None) -> Any:
        checked = self._checked(network)
        return self._made(checked.pack, checked.data, checked.external, way.how, profile)

    def _checked(self, network: Network) -> Checked:
        return check(network.pack, network.graph, network.variant)


def placed(events: list[dict[str, Any]]) -> dict[str, int]:
    """Nodes by provider, of the last run in a profile."""
    runs = [event for event in events if event.get("name") == "model_run"]
    begun = max((int(event["ts"]) for event in runs), default=0)
    kernels = [
        str(event.get("args", {}).get("provider", ""))
        for event in events
        if event.get("cat") == "Node" and str(event["name"]).endswith("_kernel_time") and int(event["ts"]) >= begun
    ]
    return dict(Counter(name.removesuffix("ExecutionProvider") for name in kernels if name))


def feeds(graph: Graph, sizes: Mapping[str, int], *, seed: int) -> Arrays:
    """Arrays for one run: floats 0..1 and bytes drawn by the seed, ones for ids, lengths and masks. `sizes`: of free
    axes, beside those that the engine warms with."""
    random = np.random.default_rng(seed)
    found: Arrays = {}
    for spec in graph.inputs:
        shape = [axis if isinstance(axis, int) else sizes.get(axis, warm.size(axis)) for axis in spec.shape]
        if spec.dtype in ("float32", "float16"):
            found[spec.name] = random.random(shape, np.float32).astype(spec.dtype)
        elif spec.dtype == "uint8":
            found[spec.name] = random.integers(0, 256, shape, np.uint8)
        else:
            found[spec.name] = np.ones(shape, np.dtype(spec.dtype))
    return found


def let_go() -> None:
    """Sessions that nobody holds any more are gone after this, and their memory with them."""
    gc.collect()


def _sized(specs: tuple[TensorSpec, ...], arrays: Mapping[str, NDArray[Any]]) -> tuple[TensorSpec, ...]:
    return tuple(msgspec.structs.replace(spec, shape=arrays[spec.name].shape) for spec in specs)
