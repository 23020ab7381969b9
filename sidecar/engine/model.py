"""A loaded pack: its graphs, the files beside them, what its runner needs to know, and what it has done so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .graph import LoadedGraph
from .pack import Pack
from .runner_specs import RunnerSpec
from .state import ModelState

RECENT_RUNS = 256
Blob = bytes  # `Model` has a field of that name
SINGLE = "model"  # the graph of a pack that has only one


class Pace(Protocol):
    """Who watches runs and spaces them."""

    observer: Callable[[str, float, float], None] | None

    def rest(self, spent_s: float) -> None:
        """Leaves the processor to others after a run of `spent_s`."""


@dataclass
class Model:
    """A pack that is loaded. One of a single graph with a single input is called with its array, as frames are; others
    are driven by the runner that `spec` names, through `graphs` and `file`."""

    pack: Pack
    pace: Pace = field(repr=False)
    graphs: dict[str, LoadedGraph] = field(default_factory=dict)
    bytes: int = 0
    vram_bytes: int = 0
    runs: int = 0
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_RUNS))

    @property
    def name(self) -> str:
        """The pack's name."""
        return self.pack.manifest.name

    @property
    def spec(self) -> RunnerSpec:
        """Which runner drives it, and the numbers that runner needs."""
        return self.pack.manifest.runner

    @property
    def provider(self) -> str:
        """What its graphs run on, joined by a plus sign where they differ."""
        return "+".join(dict.fromkeys(graph.placed.provider for graph in self.graphs.values()))

    @property
    def precision(self) -> str:
        """In which precision they compute, joined likewise."""
        return "+".join(dict.fromkeys(graph.placed.precision for graph in self.graphs.values()))

    @property
    def file_bytes(self) -> int:
        """Size of the pack's files."""
        return sum(file.bytes for file in self.pack.manifest.files)

    def file(self, name: str) -> Blob:
        """The verified bytes of a file of the pack; raises `PackCorrupt`, or `KeyError` for one that it lacks."""
        return self.pack.read(name)

    def __call__(self, tensor: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Runs the only graph once on its only input. Raises `ValueError` for another shape or type, `Terminated`."""
        graph = self.graphs[SINGLE]
        name = graph.inputs[0].name
        return graph({name: tensor})

    def ran(self, begun_s: float, spent_s: float) -> None:
        """A run of one of its graphs ended well: it is counted, told, and rested from."""
        self.recent_ms.append(1000 * spent_s)
        self.runs += 1
        if self.pace.observer is not None:
            self.pace.observer(self.name, begun_s, spent_s)
        self.pace.rest(spent_s)

    def forget_runs(self) -> None:
        """What ran so far was warming up."""
        self.recent_ms.clear()
        self.runs = 0

    def state(self) -> ModelState:
        """The model as `model.list` and the dashboard show it."""
        p50, p95 = np.percentile(self.recent_ms, [50, 95]) if self.recent_ms else (0.0, 0.0)
        return ModelState(
            name=self.name,
            state="ready",
            provider=self.provider,
            precision=self.precision,
            device="cpu" if self.provider == "cpu" else "gpu",
            bytes=self.bytes,
            runs=self.runs,
            p50_ms=round(float(p50), 3),
            p95_ms=round(float(p95), 3),
            vram_bytes=self.vram_bytes,
        )
