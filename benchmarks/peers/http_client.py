"""A small HTTP/1.1 client that costs a peer next to nothing: kept-alive connections, one request at a time on each,
bodies received where they stay. General clients cost more than what some peers take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .environment import PeerFailed

HEAD_BYTES = 64 * 1024
BODY_BYTES = 4 * 2**20
JOINED_BYTES = 16 * 1024  # in one write with the head; more is not worth a copy
CONNECT_S = 10.0


class Connection(asyncio.BufferedProtocol):
    """One connection. An answer's body is valid until the next request."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[memoryview] | None = None
        self._scratch = memoryview(bytearray(HEAD_BYTES))
        self._storage = bytearray()
        self._start_over()

    async def request(self, path: str, *parts: bytes | memoryview) -> memoryview:
        """Posts a body in parts and returns the answer's. Raises `PeerFailed` for an answer other than 200."""
        if self._transport is None or self._waiting is not None:
            raise PeerFailed("the connection is closed or busy")
        length = sum(len(part) for part in parts)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {length}\r\n\r\n"
        ).encode("ascii")
        self._start_over()
        self._waiting = asyncio.get_running_loop().create_future()
        if length <= JOINED_BYTES:
            self._transport.write(b"".join((head, *parts)))
        else:
            self._transport.write(b"".join((head, *parts[:-1])))
            self._transport.write(parts[-1])
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def close(self) -> None:
        """Closes it; a request under way fails."""
        if self._transport is not None:
            self._transport.abort()

    # -- what the transport tells --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone; the request under way fails."""
        self._transport = None
        self._fail("it closed the connection")

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: the head's scratch, then the body itself; never nowhere, a close is read too."""
        if self._body is None:
            return self._scratch[self._got :]
        return self._body[self._got :] if self._got < len(self._body) else self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._waiting is None or self._waiting.done():
            self._fail("it sent what nobody asked for")
            return
        self._got += nbytes
        if self._body is None:
            self._read_head()
        if self._body is not None and self._got == len(self._body):
            self._waiting.set_result(self._body)

    # -- parsing -------------------------------------------------------------------------------------------------

    def _start_over(self) -> None:
        self._got = 0
        self._body: memoryview | None = None

    def _read_head(self) -> None:
        came = bytes(self._scratch[: self._got])
        end = came.find(b"\r\n\r\n")
        if end < 0:
            if self._got == HEAD_BYTES:
                self._fail("its answer has no end of head")
            return
        try:
            status, length = parse_head(came[:end])
        except PeerFailed as error:
            self._fail(str(error))
            return
        rest = came[end + 4 :]
        if status != 200:
            self._fail(f"it answered {status} {rest[:200].decode('utf-8', 'replace')}".strip())
        elif len(rest) > length:
            self._fail("its answer is longer than it says")
        else:
            self._body = self._room(length)
            self._body[: len(rest)] = rest
            self._got = len(rest)

    def _room(self, length: int) -> memoryview:
        if len(self._storage) != length:
            self._storage = bytearray(length)
        return memoryview(self._storage)

    def _fail(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(PeerFailed(why))
        if self._transport is not None:
            self._transport.abort()


def parse_head(head: bytes) -> tuple[int, int]:
    """Status and length of an answer. Raises `PeerFailed` for one that is no HTTP/1.1 or does not say its length."""
    first, *fields = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise PeerFailed("its answer is not HTTP/1.1")
    headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()) or int(length) > BODY_BYTES:
        raise PeerFailed("its answer does not say its length, or one that is too large")
    return int(words[1]), int(length)


class Pool:
    """Kept-alive connections to one peer, opened when all are busy."""

    def __init__(self, port: int, *, most: int) -> None:
        self._port = port
        self._most = most
        self._idle: list[Connection] = []
        self._all: list[Connection] = []

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._all:
            connection.close()

    def let_go_idle(self) -> None:
        """Closes connections that nothing waits on: servers close them too, when they like."""
        for connection in self._idle:
            self._all.remove(connection)
            connection.close()
        self._idle.clear()

    async def request(
        self, path: str, *parts: bytes | memoryview, read: Callable[[memoryview], None] = lambda _: None
    ) -> None:
        """One request on a free connection; `read` sees the answer's body. Raises `PeerFailed`, `OSError`."""
        connection = self._idle.pop() if self._idle else await self._open()
        try:
            read(await connection.request(path, *parts))
        except BaseException:
            self._all.remove(connection)
            connection.close()
            raise
        self._idle.append(connection)

    async def _open(self) -> Connection:
        if len(self._all) >= self._most:
            raise PeerFailed(f"more than {self._most} requests wait for an answer")
        opening = asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        _, connection = await asyncio.wait_for(opening, CONNECT_S)
        self._all.append(connection)
        return connection
