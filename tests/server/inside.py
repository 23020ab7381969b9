"""A gateway inside the test's process, on a loop in a thread, with workers that do what the test says."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integration.rawpeer import RawPeer

from sidecar.server.app import bind
from sidecar.server.connection import Connection, Patience
from sidecar.server.gateway import Gateway
from sidecar.server.http import Door, Pages
from sidecar.server.workers import Workers
from sidecar.wire import codec
from sidecar.wire.messages import Limits

TOKEN = "inside-token"


@dataclass
class Job:
    """What a worker was given."""

    number: int
    conn: int
    call: int
    step: str
    op: str
    message: dict[str, Any]
    grants: list[tuple[int, int]]
    max_side: int
    trace: int = 0


@dataclass
class Puppet:
    """A worker handle that answers when it is told to. `jobs` are those not answered yet, `told` all else it heard."""

    name: str
    events: Any = None
    state: str = "ready"
    pid: int = 0
    restarts: int = 0
    ort: str = ""
    providers: list[str] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    warm: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    told: list[tuple[Any, ...]] = field(default_factory=list)

    def start(self, events: Any) -> None:
        self.events = events
        events.worker_ready(self.name)

    def run(
        self,
        number: int,
        *,
        conn: int,
        call: int,
        step: str,
        op: str,
        raw: bytes,
        grants: Any,
        image_px: int,
        max_side: int,
        trace: int = 0,
    ) -> None:
        message = codec.decode(raw) if raw else {}
        self.jobs.append(Job(number, conn, call, step, op, message, grants, max_side, trace))

    def throttle(self, *, share: float, cores: float) -> None:
        self.told.append(("throttle", share, cores))

    def attach(self, conn: int, offer: Any, identity: int) -> None:
        self.told.append(("attach", conn))

    def detach(self, conn: int) -> None:
        self.told.append(("detach", conn))

    def close_stream(self, conn: int, call: int) -> None:
        self.told.append(("close", conn, call))

    def cancel(self, number: int) -> None:
        self.told.append(("cancel", number))

    def load(self, number: int, name: str) -> None:
        self.told.append(("load", number, name))

    def unload(self, number: int, name: str) -> None:
        self.told.append(("unload", number, name))

    def recycle(self, warm: list[str]) -> None:
        self.told.append(("recycle", warm))

    async def stop(self) -> None:
        self.state = "stopped"


class NothingMissing:
    """Every model is installed; `rows` is what `model.list` knows."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def missing(self, models: tuple[str, ...]) -> list[str]:
        return []

    def listing(self) -> list[dict[str, Any]]:
        return self.rows


class Inside:
    """The gateway's outside and inside: `peer` and `client` connect over the socket, `do` acts on its loop."""

    def __init__(self, *, patience: Patience | None = None, limits: Limits | None = None) -> None:
        self.frame, self.general = Puppet("frame"), Puppet("general")
        self._loop = asyncio.new_event_loop()
        workers = Workers([self.frame, self.general])
        self.packs = NothingMissing()
        self.gateway = Gateway(token=TOKEN, workers=workers, packs=self.packs, patience=patience, limits=limits)
        self._workers = workers
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._started.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        listener = bind("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        gateway = self.gateway
        gateway.pages = Pages(
            Door(self.port), TOKEN, gateway.readiness, gateway.metrics, trace=gateway.traces.answer
        )
        self._workers.start()
        self._server = await self._loop.create_server(self.gateway.connect, sock=listener)
        self.gateway.start_ticking()

    def __enter__(self) -> Inside:
        self._thread.start()
        assert self._started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._server.close)
        asyncio.run_coroutine_threadsafe(self.gateway.shut_down(in_ms=0), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def do(self, act: Callable[[], Any]) -> Any:
        """Runs `act` on the loop and returns its result."""

        async def run() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(5)

    def peer(self, **options: Any) -> RawPeer:
        return RawPeer(self.port, **options)

    def client(self, *, shm: bool = False, **options: Any) -> RawPeer:
        return self.peer(**options).hello(TOKEN, shm=shm)

    def connections(self) -> list[Connection]:
        """Those that the gateway knows."""
        return list(self.do(lambda: list(self.gateway._connections.values())))

    def snapshot(self) -> dict[str, Any]:
        """The result of `server.stats`."""
        found: dict[str, Any] = self.do(self.gateway.snapshot)
        return found

    # -- the workers ---------------------------------------------------------------------------------------------

    def job(self, worker: Puppet, at_least: int = 1) -> Job:
        """The newest job of a worker, once it has that many."""
        for _ in range(500):
            jobs: list[Job] = self.do(lambda: list(worker.jobs))
            if len(jobs) >= at_least:
                return jobs[-1]
            threading.Event().wait(0.01)
        raise AssertionError("the worker got no job")

    def answer(self, worker: Puppet, result: dict[str, Any] | None = None, *, used: list[int] | None = None) -> None:
        """The worker answers the job that it has."""
        job = self.job(worker)
        worker.jobs.remove(job)
        body = codec.encode({} if result is None else result)
        self.do(lambda: worker.events.worker_answered(job.number, body, (0.0, 0.0, 0.0), used or []))

    def refuse(self, worker: Puppet, code: str) -> None:
        """The worker fails the job that it has."""
        job = self.job(worker)
        worker.jobs.remove(job)
        self.do(lambda: worker.events.worker_refused(job.number, code, "It did not work.", None))

    def told(self, worker: Puppet, what: str) -> tuple[Any, ...]:
        """The newest thing of this kind that a worker was told, once it was."""
        for _ in range(500):
            found = [item for item in self.do(lambda: list(worker.told)) if item[0] == what]
            if found:
                return found[-1]
            threading.Event().wait(0.01)
        raise AssertionError(f"the worker was not told to {what}")

    def die(self, worker: Puppet) -> None:
        """The worker's process ends; `revive` brings its successor."""
        worker.state = "restarting"
        worker.jobs.clear()
        self.do(lambda: worker.events.worker_lost(worker.name))

    def revive(self, worker: Puppet) -> None:
        worker.state = "ready"
        self.do(lambda: worker.events.worker_ready(worker.name))


@contextmanager
def plain_socket(port: int) -> Iterator[socket.socket]:
    """A TCP connection that says nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection
