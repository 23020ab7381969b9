"""Vitrine beside other servers with the same try-on behind them: FastAPI, LitServe, BentoML, Ray Serve.

Each peer gets an environment of its own (400 to 700 MB, made from the package index, deleted again without --keep) and
the project's own try-on session on the same models and as many threads, so that only the serving differs. A small call
of 64 bytes; a 640x480 frame there and back; a headset that posts at 90 Hz and never waits, and how old its frames are
when they come back. In every round a peer is started, measured in turns with Vitrine, and ended; it may listen on
loopback only, else it is left out. Shown are ratios, peer over Vitrine, of pairs measured beside each other.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from sidecar.client import Vitrine, connect
from sidecar.demo.host import Host
from sidecar.engine.registry import Registry

from .. import environment as machine
from .. import loop
from ..frames import Bank
from ..report import Report
from ..streams import one_at_a_time
from ..target import READY_S
from . import environment
from .cases import FRAME, OVERLOAD, SMALL_CALL, Found, Seconds, turn_of_peer, turn_of_vitrine
from .environment import PeerFailed
from .process import Running, free_port, running
from .protocol import PACKS, PORT, THREADS
from .ratios import Beside, PeersOutcome
from .servers import SERVERS, Server

CASES = (SMALL_CALL, FRAME, OVERLOAD)
WARM_UP_S = 1.0
LONGEST_OVERLOAD_S = 7.0  # 630 frames: what waits at a peer is bounded
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--rounds", type=_rounds, default=3, help="in each every peer is started anew (default 3)")
    parser.add_argument("--seconds", type=_seconds, default=4.0, help="of small calls and of frames (default 4)")
    fed = f"of the 90 Hz headset, up to {LONGEST_OVERLOAD_S:g} (default 6)"
    parser.add_argument("--overload-seconds", type=_overload, default=6.0, help=fed)
    keys = [server.key for server in SERVERS]
    parser.add_argument("--only", action="append", choices=keys, help="this peer; again for more (default: all)")
    parser.add_argument("--keep", action="store_true", help="keep the peers' environments for the next run")


def run(options: argparse.Namespace) -> PeersOutcome:
    """Measures everything. Raises `PeerFailed` when no peer can be measured, `HostFailed` or `VitrineError`."""
    chosen = [server for server in SERVERS if not options.only or server.key in options.only]
    before = machine.fingerprint()
    beside = Beside({server.key: server for server in chosen})
    with Console(stderr=True).status("making the peers' environments") as status:
        try:
            pythons = _environments(chosen, beside, status.console)
            threads = max(1, machine.usable_cores() - 1)
            measure = Measurement(options, beside, pythons, threads, status.update)
            served = _beside_vitrine(measure, options.packs, threads)
        finally:
            if not options.keep:
                status.update("deleting the peers' environments")
                for server in chosen:
                    environment.remove(server)
    report = Report("peers", before, _plain(options))
    report.environment |= {"server": served, "packs": machine.packs_of(options.packs), "peers": beside.versions}
    report.warnings += machine.warnings(before)
    return beside.outcome(report)


def _environments(chosen: Sequence[Server], beside: Beside, console: Console) -> dict[str, Path]:
    """Interpreters of the peers; who has none is left out."""
    found = {}
    for server in chosen:
        try:
            python = environment.make(server, told=lambda text: console.print(text, markup=False, highlight=False))
            beside.versions[server.key] = environment.versions(python, server.shown)
            found[server.key] = python
        except PeerFailed as error:
            beside.leave_out(server, str(error))
    if not found:
        raise PeerFailed(f"no peer can be measured: {'; '.join(beside.left_out.values())}")
    return found


def _beside_vitrine(measure: Measurement, packs: Path | None, threads: int) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="vp-", ignore_cleanup_errors=True) as folder,
        Host(packs=packs, arguments=["--provider", "cpu", "--threads", str(threads)]) as host,
    ):
        host.wait_ready(timeout_s=READY_S)
        return loop.run(measure.all(host, Path(folder)))


class Measurement:
    """The rounds: each peer started, measured in turns with Vitrine, ended."""

    def __init__(
        self, options: argparse.Namespace, beside: Beside, pythons: dict[str, Path], threads: int, told: Told
    ) -> None:
        self._options = options
        self._beside = beside
        self._pythons = pythons
        self._told = told
        self._bank = Bank()
        self._seconds = Seconds(options.seconds, options.seconds, options.overload_seconds)
        self._settings = {PACKS: str(Registry(options.packs).root), THREADS: str(threads)}

    async def all(self, host: Host, folder: Path) -> dict[str, Any]:
        """Every round. Returns what the sidecar says of itself."""
        code = await asyncio.to_thread(environment.copied_code, folder / "code")
        async with await connect(endpoint=host.endpoint, reconnect=False) as vitrine:
            await one_at_a_time(vitrine, self._bank, seconds=WARM_UP_S)
            for turn in range(self._options.rounds):
                for server in self._in_turn(turn):
                    await self._one(vitrine, server, code, folder / f"{server.key}{turn}", turn)
            if not self._beside.measured():
                raise PeerFailed(f"no peer could be measured: {'; '.join(self._beside.left_out.values())}")
            return machine.of_server((await vitrine.call("server.stats")).d)

    def _in_turn(self, turn: int) -> list[Server]:
        """Who is still in it, another one first each round."""
        left = [server for key, server in self._beside.servers.items() if key not in self._beside.left_out]
        shift = turn % max(1, len(left))
        return [*left[shift:], *left[:shift]]

    async def _one(self, vitrine: Vitrine, server: Server, code: Path, folder: Path, turn: int) -> None:
        folder.mkdir()
        port = free_port()
        settings = {name: value.format(folder=folder) for name, value in server.settings.items()}
        variables = environment.variables(code, {**settings, **self._settings, PORT: str(port)})
        self._told(f"round {turn + 1} of {self._options.rounds}: starting {server.name}")
        command = server.command(str(self._pythons[server.key]), port)
        start = running(command, port=port, echo=server.echo, variables=variables, folder=folder)
        try:
            async with start as peer:
                await self._compare(vitrine, peer, server, turn)
        except (PeerFailed, OSError, asyncio.TimeoutError) as error:
            self._beside.leave_out(server, str(error) or "it did not answer in time")

    async def _compare(self, vitrine: Vitrine, peer: Running, server: Server, turn: int) -> None:
        ours: Found = {}
        theirs: Found = {}
        await self._warm_up(peer, server)
        peer.check_loopback()  # once more: some ports are opened late
        for number, case in enumerate(CASES):
            self._told(f"round {turn + 1} of {self._options.rounds}: {server.name}, {case}")

            async def measure_ours(case: str = case) -> None:
                ours.update(await turn_of_vitrine(vitrine, self._bank, case, self._seconds))

            async def measure_theirs(case: str = case) -> None:
                theirs.update(await turn_of_peer(peer, server, self._bank, case, self._seconds))

            await _in_order([measure_ours, measure_theirs], swapped=(turn + number) % 2 == 1)
        self._beside.add(server, ours, theirs)

    async def _warm_up(self, peer: Running, server: Server) -> None:
        brief = Seconds(WARM_UP_S, WARM_UP_S, WARM_UP_S)
        for case in (SMALL_CALL, FRAME):
            await turn_of_peer(peer, server, self._bank, case, brief)


async def _in_order(measures: list[Callable[[], Awaitable[None]]], *, swapped: bool) -> None:
    for measure in reversed(measures) if swapped else measures:
        await measure()


def _rounds(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 20:
        raise argparse.ArgumentTypeError("1 to 20 rounds")
    return value


def _seconds(text: str) -> float:
    return _within(text, 60.0)


def _overload(text: str) -> float:
    return _within(text, LONGEST_OVERLOAD_S)


def _within(text: str, most: float) -> float:
    value = float(text)
    if not 0.5 <= value <= most:
        raise argparse.ArgumentTypeError(f"0.5 to {most:g} seconds")
    return value


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    plain = {name: value for name, value in vars(options).items() if isinstance(value, (int, float, bool))}
    return plain | ({"only": options.only} if options.only else {})


