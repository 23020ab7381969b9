"""Puts the server together: packs, workers, gateway, socket. The only place that knows all of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .config import ServeConfig
from .engine.memory import MIB, Amount, Budget, Memory, Place
from .engine.registry import Registry
from .server import app, auth, discovery
from .server.gateway import Gateway
from .server.keeper import Keeper
from .server.workers import Handle, Workers, resident_bytes
from .wire.ops import OPS
from .worker.supervisor import WorkerHandle, WorkerSettings

if TYPE_CHECKING:
    from .replay.recorder import Recorder

log = logging.getLogger("vitrine.serve")
LANES = ("frame", "general")
REFRESH_S = 1.0


class Packs:
    """What is installed, looked up at most once a second, since every call asks and a look reads every manifest."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._rows: list[dict[str, Any]] = []
        self._installed: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    def missing(self, models: tuple[str, ...]) -> list[str]:
        """Those of the named models that are not installed."""
        absent = [name for name in models if name not in self._installed]
        if absent:
            self._look()
            absent = [name for name in models if name not in self._installed]
        return absent

    def listing(self) -> list[dict[str, Any]]:
        """Every known model: `{name, state, device, bytes, licence}`."""
        self._look()
        return self._rows

    def _look(self) -> None:
        if time.monotonic() - self._looked_at <= REFRESH_S:
            return
        self._looked_at = time.monotonic()
        self._rows = self._registry.listing()
        self._installed = frozenset(row["name"] for row in self._rows if row["state"] == "installed")


def warm_models(lane: str, rows: list[dict[str, Any]]) -> list[str]:
    """Models that a lane's ops need and that are there; a damaged one too, so that it is seen to fail."""
    wanted = {name for rule in OPS.values() if rule.lane == lane for name in rule.models}
    return sorted(row["name"] for row in rows if row["name"] in wanted and row["state"] != "missing")


class CannotPin(RuntimeError):
    """A model that should be pinned is unknown or not installed; the message says what to do."""


def lanes_of(model: str) -> list[str]:
    """The lanes whose ops need a model; one that no op needs goes to the general one."""
    return sorted({rule.lane for rule in OPS.values() if model in rule.models} & set(LANES)) or ["general"]


def pinned_places(pins: tuple[str, ...], rows: list[dict[str, Any]]) -> list[Place]:
    """Where pinned models are loaded. Raises `CannotPin`."""
    states = {row["name"]: row["state"] for row in rows}
    for name in pins:
        if name not in states:
            raise CannotPin(f"There is no model named {name} to pin; vitrine models list names them.")
        if states[name] != "installed":
            raise CannotPin(f"The model {name} to pin is {states[name]}; run: vitrine models install {name}")
    return [(lane, name) for name in pins for lane in lanes_of(name)]


def keep_within(
    config: ServeConfig, workers: Workers, handles: list[WorkerHandle], rows: list[dict[str, Any]], warm: list[Place]
) -> None:
    """Sets a keeper over the workers where a budget or a pin was asked for."""
    budget = Budget(*(None if size is None else size * MIB for size in (config.memory_mb, config.vram_mb)))
    if budget == Budget() and not config.pins:
        return
    sizes = {row["name"]: row["bytes"] for row in rows}

    def measure() -> Amount:
        pids = [os.getpid(), *(handle.pid for handle in handles)]
        return Amount(sum(map(resident_bytes, pids)), sum(handle.vram_bytes for handle in handles))

    memory = Memory(budget, sizes, frozenset(config.pins))
    workers.keeper = Keeper(memory, workers, measure=measure, warm=warm)


def serve(
    config: ServeConfig,
    *,
    on_listening: Callable[[int], None] | None = None,
    recorder: Recorder | None = None,
) -> int:
    """Runs the server until it is told to stop. Raises `CannotListen`, `AlreadyRunning` or `CannotPin` before anything
    starts.

    `recorder` stands around the workers' handles; without one nothing of it is in the way of a call.
    """
    run_file = discovery.run_file(config.run_dir)
    discovery.refuse_second(run_file)
    registry = Registry(config.packs)
    packs = Packs(registry)
    pins = pinned_places(config.pins, packs.listing())
    listener = app.bind(config.host, config.port)
    settings = WorkerSettings(
        packs=str(registry.root),
        providers=list(config.providers),
        threads=config.threads,
        vram_bytes=None if config.vram_mb is None else config.vram_mb * MIB,
        log_level=config.log_level,
        log_format=config.log_format,
    )
    wanted = [(lane, name) for lane in LANES for name in warm_models(lane, packs.listing())] if config.warm else []
    # Under a budget a worker first shows what it takes by itself; then what fits is loaded, one by one, and measured.
    wanted = [*pins, *(place for place in wanted if place not in pins)]
    at_once, later = ([], wanted) if config.memory_mb or config.vram_mb else (wanted, [])
    real = [
        WorkerHandle(lane, settings, warm=sorted({name for place, name in at_once if place == lane})) for lane in LANES
    ]
    handles: list[Handle] = list(real)
    if recorder is not None:
        try:
            recorder.begin(packs.listing())
        except BaseException:
            listener.close()
            raise
        handles = [recorder.around(handle) for handle in handles]
    token = auth.new_token()

    async def main() -> None:
        workers = Workers(handles)
        keep_within(config, workers, real, packs.listing(), later)
        gateway = Gateway(token=token, workers=workers, packs=packs, mode=config.mode)
        workers.start()
        calm_collector()
        await app.run(
            gateway,
            listener,
            token=token,
            run_dir=config.run_dir,
            parent_pid=config.parent_pid,
            allow_hosts=config.allow_hosts,
            allow_origins=config.allow_origins,
            on_listening=on_listening or (lambda port: log.info("listening on port %d", port)),
        )

    run_on_loop(main())
    return 0


def run_on_loop(main: Coroutine[Any, Any, None]) -> None:
    """Runs a server's main task to its end, on the fastest loop that there is."""
    with asyncio.Runner(loop_factory=_loop_factory()) if sys.version_info >= (3, 11) else _Runner() as runner:
        runner.run(main)


def calm_collector() -> None:
    """What exists at start never becomes garbage, and messages make no cycles: the collector may look less often.

    Connections do make some: where it looks too seldom, a crowd that has gone stays in memory.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


class _Runner:
    """`asyncio.Runner` for Python 3.10."""

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def run(self, main: Any) -> None:
        factory = _loop_factory()
        loop = factory() if factory is not None else asyncio.new_event_loop()
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(main)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it exists; Windows has none."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def default_threads() -> int:
    """Threads of one model run: all cores but one, which the game or the gateway needs."""
    return max(1, (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2) - 1)
