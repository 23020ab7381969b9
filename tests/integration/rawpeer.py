"""A client that does as it is told, wrong things too: blocking, one socket, whole control of the bytes."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from contextlib import suppress
from typing import Any

import msgpack
from integration.mapped import Memory
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

SUBPROTOCOL = "vitrine.v1"
WAIT_S = 8.0


class PeerClosed(Exception):
    """The server closed the WebSocket; `code` is None when it went without a close frame."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Rejected(Exception):
    """The handshake was answered with this HTTP status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:200]!r}")
        self.status = status


def pack(message: object) -> bytes:
    """msgpack as the wire wants it."""
    return bytes(msgpack.packb(message, use_bin_type=True))


def hello(token: str, **more: Any) -> dict[str, Any]:
    """A right `hello`."""
    return {"t": "hello", "v": 1, "token": token, "client": {"name": "test", "version": "1"}, **more}


class RawPeer:
    """One connection. `recv` returns the next message as a map; `answer` the end of one call, keeping the rest."""

    def __init__(
        self,
        port: int,
        *,
        origin: str | None = None,
        host: str | None = None,
        subprotocol: str | None = SUBPROTOCOL,
        receive_buffer: int | None = None,
        handshake: bool = True,
    ) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(WAIT_S)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{port}/v1"),
            subprotocols=None if subprotocol is None else [subprotocol],  # type: ignore[list-item]
            max_size=None,
        )
        self._frames: deque[Frame] = deque()
        self._response: Response | None = None
        self._over = False
        self._next_id = 0
        self.stubborn = False  # does not close its end when the server has closed the other
        self.inbox: deque[dict[str, Any]] = deque()
        self.welcome: dict[str, Any] = {}
        self.memory: Memory | None = None
        if handshake:
            self._shake_hands(origin, host)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shake_hands(self, origin: str | None, host: str | None) -> None:
        request = self._protocol.connect()
        if origin is not None:
            request.headers["Origin"] = origin
        if host is not None:
            del request.headers["Host"]
            request.headers["Host"] = host
        self._protocol.send_request(request)
        self._flush()
        deadline = time.monotonic() + WAIT_S
        while self._response is None:
            self._raise_if_over()
            self._read(deadline)
        if self._response.status_code != 101:
            raise Rejected(self._response.status_code, self._response.body)

    # -- out -----------------------------------------------------------------------------------------------------

    def hello(self, token: str, *, shm: bool = False, map_it: bool = True) -> RawPeer:
        """Says hello and reads the welcome; with `shm` the offered memory is mapped and announced as mapped."""
        self.send(hello(token, shm=shm))
        self.welcome = self.recv()
        assert self.welcome["t"] == "welcome", self.welcome
        if shm:
            self.memory = Memory(self.welcome["shm"])
            if map_it:
                self.send({"t": "free", "slots": []})
        return self

    def send(self, message: object) -> None:
        """One message."""
        self.send_bytes(pack(message))

    def send_bytes(self, data: bytes) -> None:
        """One binary frame."""
        self._protocol.send_binary(data)
        self._flush()

    def send_text(self, text: str) -> None:
        """One text frame."""
        self._protocol.send_text(text.encode())
        self._flush()

    def send_fragments(self, pieces: list[bytes]) -> None:
        """One binary message in several frames."""
        self._protocol.send_binary(pieces[0], fin=False)
        for piece in pieces[1:-1]:
            self._protocol.send_continuation(piece, fin=False)
        self._protocol.send_continuation(pieces[-1], fin=True)
        self._flush()

    def send_ping(self, data: bytes = b"") -> None:
        """A WebSocket ping."""
        self._protocol.send_ping(data)
        self._flush()

    def send_close(self) -> None:
        """A WebSocket close frame; the socket stays open."""
        self._protocol.send_close(1000)
        self._flush()

    def send_wire(self, data: bytes) -> None:
        """Bytes under the WebSocket."""
        self._socket.sendall(data)

    def half_frame(self, length: int) -> None:
        """The head of a masked binary frame that announces `length` bytes, and ten of them."""
        self._socket.sendall(b"\x82\xff" + struct.pack(">Q", length) + b"\x00\x00\x00\x00" + b"x" * 10)

    def call(self, op: str, a: dict[str, Any] | None = None, *, id: int | None = None, **more: Any) -> int:
        """Opens a call; returns its id."""
        if id is None:
            id, self._next_id = self._next_id, self._next_id + 1
        self.send({"t": "call", "id": id, "op": op, "a": a or {}, **more})
        return id

    def ask(self, op: str, a: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Opens a call and waits for its end."""
        return self.answer(self.call(op, a, **more))

    # -- in ------------------------------------------------------------------------------------------------------

    def recv(self, timeout: float = WAIT_S) -> dict[str, Any]:
        """The next message. Raises `PeerClosed`, or `TimeoutError`."""
        if self.inbox:
            return self.inbox.popleft()
        return self._next(timeout)

    def answer(self, call_id: int, timeout: float = WAIT_S) -> dict[str, Any]:
        """The `done` or `fail` of one call; everything else stays in the inbox."""
        return self.expect(lambda m: m["t"] in ("done", "fail") and m["id"] == call_id, timeout)

    def expect(self, wanted: Any, timeout: float = WAIT_S) -> dict[str, Any]:
        """The first message for which `wanted` holds; everything else stays in the inbox."""
        for message in self.inbox:
            if wanted(message):
                self.inbox.remove(message)
                return message
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline - time.monotonic())
            if wanted(message):
                return message
            self.inbox.append(message)

    def freed(self, count: int = 1, timeout: float = WAIT_S, settle: float = 0.05) -> list[int]:
        """Slots that the server gives back, until there are `count`, and those that follow within `settle` seconds."""
        slots: list[int] = []
        while len(slots) < count:
            slots += self.expect(lambda m: m["t"] == "free", timeout)["slots"]
        with suppress(TimeoutError):
            while settle:
                slots += self.expect(lambda m: m["t"] == "free", settle)["slots"]
        return sorted(slots)

    def pong(self, timeout: float = WAIT_S) -> bytes:
        """The payload of the next WebSocket pong."""
        deadline = time.monotonic() + timeout
        while True:
            for frame in self._frames:
                if frame.opcode is Opcode.PONG:
                    self._frames.remove(frame)
                    return bytes(frame.data)
            self._raise_if_over()
            self._read(deadline)

    def close_code(self, timeout: float = WAIT_S) -> int | None:
        """Reads until the server closes; its code, None without a close frame."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._next(deadline - time.monotonic())
            except PeerClosed as closed:
                return closed.code
            except TimeoutError:
                break
        raise AssertionError("the server did not close")

    def _next(self, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while True:
            while self._frames:
                frame = self._frames.popleft()
                if frame.opcode is Opcode.BINARY:
                    value: dict[str, Any] = msgpack.unpackb(bytes(frame.data), raw=False)
                    return value
            self._raise_if_over()
            self._read(deadline)

    def _read(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        finally:
            self._socket.settimeout(WAIT_S)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._response = event
            elif isinstance(event, Frame):
                self._frames.append(event)
        self._flush()
        self._over = not data or self._protocol.close_rcvd is not None

    def _raise_if_over(self) -> None:
        closed = self._protocol.close_rcvd
        if self._over:
            raise PeerClosed(closed.code if closed is not None else None, closed.reason if closed is not None else "")

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            with suppress(OSError):
                if data:
                    self._socket.sendall(data)
                elif not self.stubborn:
                    self._socket.shutdown(socket.SHUT_WR)

    # -- going ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Leaves politely."""
        if self.memory is not None:
            self.memory.close()
            self.memory = None
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            self._flush()
        self._socket.close()

    def vanish(self) -> None:
        """Resets the TCP connection, as a killed process would."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
