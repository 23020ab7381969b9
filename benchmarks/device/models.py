"""Every model, network, provider, precision and way, one after the other."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.engine.pack import Pack
from sidecar.errors import VitrineError

from .here import gpus, no_gpu
from .limits import MIB, Limit, limits
from .measure import Line, Pace, measure, networks, on_cpu, reason, variants
from .memory import Ledger
from .sessions import Network, Opened, Sessions
from .ways import PLAIN, ways


@dataclass
class Measuring:
    """One run of the benchmark; `told` hears what is measured just now, `left_out` says what could not be and why."""

    options: argparse.Namespace
    sessions: Sessions
    ledger: Ledger
    folder: Path
    told: Callable[[str], None]
    providers: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def everything(self, packs: Iterable[Pack], installed: str) -> None:
        """All of these packs. Raises `Unavailable` where nothing runs on a GPU; `installed`: the ONNX Runtime."""
        packs = list(packs)
        self.providers = ["cpu"] if self.options.cpu else gpus(self.sessions, packs, self.folder / "tried")
        if not self.providers:
            raise no_gpu(installed)
        for pack in packs:
            for network in networks(pack, dict(self.options.size)):
                self._network(network)

    def _network(self, network: Network) -> None:
        self.told(f"{network.name} on the CPU")
        try:
            network, cpu = on_cpu(self.sessions, network)
        except (VitrineError, ValueError) as error:
            sizes = ", ".join(f"{name} {list(array.shape)}" for name, array in network.feeds.items())
            self.left_out.append(
                f"{network.name} was not measured: it does not run on the CPU with {sizes[:200]} "
                f"(others are chosen with --size): {reason(error)}"
            )
            return
        for provider in self.providers:
            for one in variants(network, provider):
                self._variant(one, provider, cpu)

    def _variant(self, network: Network, provider: str, cpu: Opened) -> None:
        pace, limit = Pace(self.options.rounds, self.options.seconds), self.options.vram_mb
        # A folder of its own, so that an engine that is built finds nothing of an older one.
        engines = self.folder / f"{network.name}-{network.variant.precision}"
        shape = self.sessions.shape(network)
        for way in ways(provider, shape, vram_bytes=limit and limit * MIB, engines=engines):
            self.told(f"{network.name} {network.variant.precision} on {provider}, {way.name}")
            line = measure(self.sessions, network, way, cpu, self.ledger, pace)
            self.lines.append(line)
            if provider == "cuda" and way.name == PLAIN and not line.why:
                self.limits += limits(self.sessions, network, line.held.added or 0, self.ledger)
