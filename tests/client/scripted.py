"""A server whose every answer the test chooses: the real `Connection` with an owner that does as it is told."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import psutil

from sidecar.endpoint import Endpoint
from sidecar.server.connection import Connection
from sidecar.server.http import Door, Pages
from sidecar.trace.tracer import Tracer
from sidecar.wire import codec
from sidecar.wire.events import Opened, Pushed, Refs, Violation
from sidecar.wire.messages import Call, Cancel, End, Free, Hello, Limits, Ping, Push, ServerInfo, ShmRef, Timing
from sidecar.wire.shm import SlotPool, create_lane

TOKEN = "scripted-token"


class Scripted:
    """Answers `server.echo`, pictures through its down slots; `tryon.stream` echoes each push as a part.

    `seen` are the events of all connections. `on_call` may take a call over (return True).
    """

    def __init__(self, *, slot_bytes: int = 1 << 20, up: int = 4, down: int = 4, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.pages: Pages
        self.trace = Tracer()
        self.seen: list[Any] = []
        self.connections: list[Connection] = []
        self.on_call: Callable[[Connection, Call], bool] = lambda connection, call: False
        self.hold_slots = False
        self.token = TOKEN
        self.greet = True
        self._sizes = (slot_bytes, up, down)
        self._server: asyncio.AbstractServer | None = None
        self._port = 0
        self._number = 0

    async def __aenter__(self) -> Scripted:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self.pages = Pages(Door(self._port), self.token, dict, lambda: b"")
        self._server = await asyncio.get_running_loop().create_server(self._connect, sock=listener)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            connection.abort()
        await asyncio.sleep(0.01)

    @property
    def endpoint(self) -> Endpoint:
        started = psutil.Process().create_time()
        return Endpoint("127.0.0.1", self._port, TOKEN, os.getpid(), started, "1")

    def events(self, kind: type) -> list[Any]:
        return [event for event in self.seen if type(event) is kind]

    def _connect(self) -> Connection:
        self._number += 1
        connection = Connection(self, self._number)
        self.connections.append(connection)
        return connection

    # -- the owner that `Connection` knows -------------------------------------------------------------------------

    def admits(self, connection: Connection) -> bool:
        return True

    def left(self, connection: Connection) -> None:
        self.seen.append("left")

    def handle(self, connection: Connection, event: Any) -> None:
        self.seen.append(event)
        if isinstance(event, Hello):
            self._hello(connection, event)
        elif isinstance(event, Opened):
            self._opened(connection, event)
        elif isinstance(event, Pushed):
            self._pushed(connection, event.push, event.refs)
        elif isinstance(event, End):
            self.done(connection, event.id, {})
        elif isinstance(event, Free):
            connection.mapped = True
            if connection.down is not None:
                connection.down.give_back(event.slots)
        elif isinstance(event, Ping):
            connection.session.pong(event.c0, event.c0 + 1_000_000, event.c0 + 1_000_100)
        elif isinstance(event, (Cancel, Refs, Violation)):
            pass
        connection.flush()

    def _hello(self, connection: Connection, hello: Hello) -> None:
        if hello.token != self.token:
            connection.close(1008, "the token is wrong; read it from run.json")
            return
        if not self.greet:
            return
        slot_bytes, up, down = self._sizes
        if hello.shm:
            connection.lane = create_lane(slot_bytes=slot_bytes, up=up, down=down)
            connection.down = SlotPool(range(up, up + down))
        offer = connection.lane.offer if connection.lane else None
        connection.session.welcome(session="s", server=ServerInfo("scripted", "1", 1), ops=["server.echo"], shm=offer)
        connection.welcomed()

    def _opened(self, connection: Connection, event: Opened) -> None:
        connection.hold(event.refs)
        if self.on_call(connection, event.call) or event.kind == "B":
            return
        self.done(connection, event.call.id, self.echoed(connection, event.call.a))
        self._free(connection, event.refs)

    def _pushed(self, connection: Connection, push: Push, refs: list[ShmRef]) -> None:
        connection.hold(refs)
        self.part(connection, push.id, self.echoed(connection, push.d))
        self._free(connection, refs)

    def _free(self, connection: Connection, refs: list[ShmRef]) -> None:
        if not self.hold_slots:
            connection.release([ref.slot for ref in refs])

    # -- answers ---------------------------------------------------------------------------------------------------

    def echoed(self, connection: Connection, value: Any) -> Any:
        """The same value, shared pixels copied from the client's slot into one of ours (inline when none is free)."""
        if isinstance(value, dict):
            return {key: self.echoed(connection, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.echoed(connection, item) for item in value]
        if isinstance(value, ShmRef):
            assert connection.lane is not None
            return self.placed(connection, bytes(connection.lane.read(value)))
        return value

    def placed(self, connection: Connection, data: bytes) -> ShmRef | bytes:
        assert connection.lane is not None and connection.down is not None
        taken = connection.down.take() if connection.mapped else None
        return data if taken is None else connection.lane.write(*taken, data)

    def part(self, connection: Connection, call_id: int, d: dict[str, Any]) -> None:
        if connection.session.is_open(call_id):
            connection.session.part(call_id, codec.encode(d), Timing())
            connection.flush()

    def done(self, connection: Connection, call_id: int, d: dict[str, Any]) -> None:
        connection.session.done(call_id, codec.encode(d), Timing(total_ms=1.5))
        connection.flush()
