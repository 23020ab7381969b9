"""What is measured: a real sidecar in its own processes, and the floors beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sidecar.demo.host import Host

from . import loop, mapped

START_S = 20.0
STOP_S = 5.0
READY_S = 60.0
ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")


class FloorFailed(RuntimeError):
    """A floor's process did not start."""


class NotAnEcho(RuntimeError):
    """An answer was not what had been sent: what was measured is not what it says."""


def with_sidecar(packs: Path | None, work: Callable[[Host], Coroutine[None, None, T]]) -> T:
    """Starts a sidecar, waits until it is ready, runs `work` beside it. Raises `HostFailed`."""
    with Host(packs=packs) as host:
        host.wait_ready(timeout_s=READY_S)
        return loop.run(work(host))


@contextlib.asynccontextmanager
async def child(module: str, *words: str, descriptors: tuple[int, ...] = ()) -> AsyncIterator[list[str]]:
    """Runs `python -m MODULE WORDS` and yields the words of its first line; ends it with the block."""
    options: dict[str, Any] = {}
    if sys.platform != "win32":
        options = {"pass_fds": descriptors, "start_new_session": True}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *words, stdin=pipe, stdout=pipe, cwd=ROOT, **options
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        if not line:
            raise FloorFailed(f"{module} {' '.join(words)} did not start")
        yield line.decode().split()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()


class RawEcho:
    """The bare echo: one message there and back."""

    def __init__(self, peer: ClientConnection, payload: bytes) -> None:
        self._peer = peer
        self._payload = payload
        self._turn = asyncio.Lock()

    async def send(self) -> None:
        """One round trip. Raises `NotAnEcho`."""
        async with self._turn:
            await self._peer.send(self._payload)
            answer = await self._peer.recv()
        if len(answer) != len(self._payload):
            raise NotAnEcho("the raw echo came back with another length")


class CopyAndNotice:
    """Three copies of a picture through a map, in two processes, with a 16-byte notice each way."""

    def __init__(self, peer: ClientConnection, shared: NDArray[np.uint8], size: int) -> None:
        self._peer = peer
        self._there = shared[:size]
        self._back = shared[size:]
        self._picture = np.random.default_rng(1).integers(0, 255, size, np.uint8)
        self._result = np.zeros(size, np.uint8)
        self._turn = asyncio.Lock()
        self._count = 0

    async def send(self) -> None:
        """One round trip. Raises `NotAnEcho`."""
        async with self._turn:
            self._count += 1
            self._picture[0] = self._count % 256
            np.copyto(self._there, self._picture)
            await self._peer.send(b"sixteen bytes...")
            await self._peer.recv()
            np.copyto(self._result, self._back)
            if self._result[0] != self._picture[0]:
                raise NotAnEcho("the map came back with another picture")


class Hop(asyncio.Protocol):
    """From the event loop to a blocking process and back, with a message as large as the gateway's."""

    MESSAGE = bytes(200)

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._got = 0
        self._turn = asyncio.Lock()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got >= len(self.MESSAGE) and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(FloorFailed("the hop's process is gone"))

    async def send(self) -> None:
        """One round trip."""
        async with self._turn:
            assert self._transport is not None
            self._got = 0
            self._waiting = asyncio.get_running_loop().create_future()
            self._transport.write(self.MESSAGE)
            await self._waiting


@contextlib.asynccontextmanager
async def raw_echo(*sizes: int) -> AsyncIterator[tuple[list[RawEcho], str]]:
    """A raw echo for each message size, and the address of their server."""
    async with child("benchmarks.floors", "echo") as (port,):
        url = f"ws://127.0.0.1:{port}/v1"
        async with _client(url) as peer:
            yield [RawEcho(peer, os.urandom(size)) for size in sizes], url


@contextlib.asynccontextmanager
async def copy_and_notice(size: int) -> AsyncIterator[CopyAndNotice]:
    """The floor of a picture through shared memory."""
    shared, name = mapped.new(2 * size)
    floor = child("benchmarks.floors", "copy", name, str(size))
    async with floor as (port,), _client(f"ws://127.0.0.1:{port}/") as peer:
        yield CopyAndNotice(peer, np.frombuffer(shared, np.uint8), size)


@contextlib.asynccontextmanager
async def hop() -> AsyncIterator[Hop]:
    """The floor of handing work to another process."""
    here = asyncio.get_running_loop()
    if sys.platform == "win32":
        async with child("benchmarks.floors", "hop") as (port,):
            transport, protocol = await here.create_connection(Hop, "127.0.0.1", int(port))
            with contextlib.closing(transport):
                yield protocol
        return
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    async with child("benchmarks.floors", "hop", str(theirs.fileno()), descriptors=(theirs.fileno(),)):
        theirs.close()
        transport, protocol = await here.create_unix_connection(Hop, sock=ours)
        with contextlib.closing(transport):
            yield protocol


def _client(url: str) -> connect:
    return connect(
        url,
        compression=None,
        max_size=None,
        ping_interval=None,
        write_limit=8 * 2**20,
        subprotocols=[Subprotocol("vitrine.v1")],
    )
