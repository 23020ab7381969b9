"""A WebSocket client that sends what it is given: no more of the protocol than a hostile one needs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Any

import msgpack

from sidecar.endpoint import Endpoint
from sidecar.wire.messages import PATH, SUBPROTOCOL

WAIT_S = 20.0
BINARY, TEXT, CLOSE = 2, 1, 8
MASK = bytes(4)  # masks nothing, and is allowed
READ = 1 << 16


class Ended(Exception):
    """The server closed the connection; `code` is None when it went without saying why."""

    def __init__(self, code: int | None) -> None:
        super().__init__(str(code))
        self.code = code


def framed(data: bytes, *, opcode: int = BINARY) -> bytes:
    """One whole message as a client sends it."""
    size = len(data)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 2**16:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + MASK + data


class Peer:
    """One connection that has said hello. Raises `Ended` wherever the server has closed it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, endpoint: Endpoint, *, greeting: bytes | None = None) -> Peer:
        """A welcome connection without shared memory; with `greeting` that is sent instead of a right hello, and what
        comes of it is left to be received."""
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = cls(reader, writer)
        try:
            writer.write(
                f"GET {PATH} HTTP/1.1\r\nHost: {endpoint.host}:{endpoint.port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
            )
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
            if not answer.startswith(b"HTTP/1.1 101"):
                raise Ended(None)
            if greeting is not None:
                peer.send([framed(greeting)])
                return peer
            hello = {"t": "hello", "v": 1, "token": endpoint.token, "client": {"name": "fuzz", "version": "1"}}
            peer.send([framed(bytes(msgpack.packb(hello)))])
            await peer.receive()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            peer.vanish()
            raise Ended(None) from error
        except BaseException:
            peer.vanish()
            raise
        return peer

    def send(self, frames: Iterable[bytes]) -> None:
        """Writes frames in one go."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(b"".join(frames))

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises `Ended`, or `TimeoutError`."""
        try:
            return await asyncio.wait_for(self._receive(), WAIT_S)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Ended(None) from error

    async def _receive(self) -> dict[str, Any]:
        while True:
            first, second = await self._reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
            data = await self._reader.readexactly(size)
            opcode = first & 0x0F
            if opcode == CLOSE:
                raise Ended(struct.unpack(">H", data[:2])[0] if len(data) >= 2 else None)
            if opcode == BINARY:
                message: dict[str, Any] = msgpack.unpackb(data, raw=False)
                return message

    def vanish(self) -> None:
        """Resets the connection: nothing of it lingers in the system's tables."""
        sock = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
