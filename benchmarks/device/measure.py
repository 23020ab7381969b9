"""One way of running one network, from loading to letting go, its runs in turn with the CPU's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sidecar.engine.pack import Pack
from sidecar.errors import Unavailable

from ..stats import Summary, summarise
from .agreement import Distance, distances
from .memory import UNKNOWN, Held, Ledger, Peak
from .sessions import Network, Opened, Sessions, feeds, let_go
from .ways import PLAIN, Way, ways

log = logging.getLogger("vitrine.benchmarks")
T = TypeVar("T")
SETTLING = 4  # runs before any is timed: a captured graph is captured in the third
LEAST_RUNS, MOST_RUNS = 2, 2000
SEED = 20_260
NOT_MADE = "no session of it runs on this provider here"


@dataclass(frozen=True)
class Line:
    """What was found. `providers`: what the session itself said, in order; `nodes`: how many nodes ran on which;
    `why`: what it failed by, then nothing was measured after that. `cpu`: the CPU's runs between these."""

    network: str
    precision: str
    provider: str
    way: str
    providers: tuple[str, ...] = ()
    load_s: float | None = None
    first_ms: float | None = None
    runs: tuple[Summary, ...] = ()
    cpu: tuple[Summary, ...] = ()
    held: Held = UNKNOWN
    off: tuple[Distance, ...] = ()
    nodes: Mapping[str, int] = field(default_factory=dict)
    why: str = ""

    @property
    def name(self) -> str:
        """Network, precision and way."""
        return f"{self.network} {self.precision}, {self.provider} {self.way}"


@dataclass(frozen=True)
class Pace:
    """How long is measured: so many rounds of two blocks of so many seconds, one on the CPU and one not."""

    rounds: int
    block_s: float


def networks(pack: Pack, sizes: Mapping[str, int]) -> list[Network]:
    """Every graph of a pack in the variant that the CPU takes (else the first); nothing has run yet."""
    found = []
    for graph in pack.manifest.graphs:
        variant = next((one for one in graph.variants if "cpu" in one.providers), graph.variants[0])
        found.append(Network(pack, graph, variant, feeds(graph, sizes, seed=SEED), {}))
    return found


def variants(network: Network, provider: str) -> list[Network]:
    """The same network in every variant that may run on a provider; TensorRT takes what CUDA does."""
    asked = "cuda" if provider == "tensorrt" else provider
    return [replace(network, variant=one) for one in network.graph.variants if asked in one.providers]


def on_cpu(sessions: Sessions, network: Network) -> tuple[Network, Opened]:
    """The network with the CPU's answers, and the session that gave them. Raises `VitrineError` or `ValueError`."""
    (way,) = (one for one in ways("cpu", sessions.shape(network)) if one.name == PLAIN)
    opened = sessions.open(network, way)
    if opened is None:
        raise Unavailable(f"{network.name} does not run on the CPU here")
    return replace(network, answers=opened()), opened


def measure(sessions: Sessions, network: Network, way: Way, cpu: Opened, ledger: Ledger, pace: Pace) -> Line:
    """One line of the result. What fails is told in it: a provider that cannot do something is a finding."""
    line = Line(network.name, network.variant.precision, way.provider, way.name)
    before = ledger.now()
    try:
        line = _alive(sessions, network, way, cpu, ledger, pace, line)
    except Exception as error:  # ONNX Runtime raises bare classes of its own, whatever is wrong
        log.info("%s was not measured", line.name, exc_info=error)
        line = replace(line, why=reason(error))
    let_go()
    line = replace(line, held=replace(line.held, before=before, after=ledger.now()))
    return line if line.why else _with_nodes(sessions, network, way, line)


def _with_nodes(sessions: Sessions, network: Network, way: Way, line: Line) -> Line:
    """A profile needs a session of its own, so it comes when the measured one has gone."""
    try:
        return replace(line, nodes=sessions.placement(network, way))
    except Exception as error:  # as above
        log.info("%s was not profiled", line.name, exc_info=error)
        return replace(line, why=f"its nodes were not counted: {reason(error)}")
    finally:
        let_go()


def _alive(sessions: Sessions, network: Network, way: Way, cpu: Opened, ledger: Ledger, pace: Pace, line: Line) -> Line:
    """Everything while the session is there; it goes with this function."""
    with Peak(ledger) as peak:
        load_s, opened = _timed(lambda: sessions.open(network, way))
        if opened is None:
            return replace(line, why=NOT_MADE)
        loaded = ledger.now()
        first_s, answers = _timed(opened)
        for _ in range(SETTLING):
            answers = opened()
    off = tuple(distances(network.pack.manifest.gate, network.graph.name, network.answers, answers))
    cpu()
    mine, beside = in_turn(opened, cpu, pace)
    return replace(
        line, providers=tuple(opened.providers), load_s=load_s, first_ms=1000 * first_s, off=off,
        runs=mine, cpu=beside, held=Held(loaded=loaded, peak=peak.bytes),
    )  # fmt: skip


def in_turn(
    one: Callable[[], object], other: Callable[[], object], pace: Pace
) -> tuple[tuple[Summary, ...], tuple[Summary, ...]]:
    """Milliseconds of both, a summary a round; who begins changes from round to round."""
    first: list[Summary] = []
    second: list[Summary] = []
    for number in range(pace.rounds):
        both = [(one, first), (other, second)]
        for run, found in both if number % 2 == 0 else reversed(both):
            found.append(summarise(_block(run, pace.block_s)))
    return tuple(first), tuple(second)


def _block(run: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each run. The first one is not counted: clocks and caches have gone to others meanwhile."""
    run()
    spent: list[float] = []
    end = time.perf_counter() + seconds
    while len(spent) < LEAST_RUNS or (time.perf_counter() < end and len(spent) < MOST_RUNS):
        begun = time.perf_counter()
        run()
        spent.append(1000 * (time.perf_counter() - begun))
    return spent


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    result = call()
    return time.perf_counter() - begun, result


def reason(error: Exception) -> str:
    """What went wrong, in a line; what ONNX Runtime said where it was its fault."""
    lines = str(error.__cause__ or error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
