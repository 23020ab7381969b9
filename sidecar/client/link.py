"""The client's socket: the thin driver between asyncio, the WebSocket protocol and `ClientSession`.

Bytes go through `websockets`' protocol without I/O, whole messages through the session; no task and no queue a message.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without compiled parts
    from websockets.utils import apply_mask

from ..endpoint import Endpoint
from ..errors import Unauthorized, Unavailable, VitrineError
from ..wire import frames
from ..wire.client_session import ClientSession, ClientState, RemoteProtocolError
from ..wire.messages import PATH, SUBPROTOCOL, ServerMessage, Welcome

log = logging.getLogger("vitrine.client")
WELCOME_BYTES = 256 * 1024
MESSAGE_BYTES = 256 * 2**20
SILENT_S = 5.0  # then a ping asks whether the server still lives
DEAD_S = 15.0
STOPPED_S = 2.0  # a look that comes so late says that this process did not run
CLOSING_S = 2.0


class Owner(Protocol):
    """Who acts on what a link reads."""

    def greet(self, link: Link) -> bytes:
        """The `hello`."""

    def received(self, message: ServerMessage) -> None:
        """Acts on one message."""

    def lost(self, error: VitrineError) -> None:
        """The link is gone; called once."""


class Link(asyncio.Protocol):
    """One WebSocket connection to `endpoint`."""

    def __init__(self, owner: Owner, endpoint: Endpoint) -> None:
        self.session = ClientSession()
        self.paused = False
        self.gone = asyncio.Event()
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        self._protocol = ClientProtocol(
            parse_uri(f"ws://{host}:{endpoint.port}{PATH}"),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=WELCOME_BYTES,
            logger=log,
        )
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._fragments: list[bytes | bytearray] = []
        self._unparsed = 0  # bytes of a frame that the protocol has only begun
        self._violation: str | None = None
        self._read_at = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._look_at = 0.0

    # -- asyncio's side ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol.send_request(self._protocol.connect())
        self._write()
        self._look_later()

    def data_received(self, data: bytes) -> None:
        self._read_at = self._loop.time()
        if (messages := self._whole(data)) is not None:
            for message in messages:
                self._message(message)
            return
        self._unparsed += len(data)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._unparsed -= frames.frame_bytes(len(event.data), masked=False)
                self._frame(event)
            elif isinstance(event, Response):
                self._unparsed = 0
                self._shaken_hands()
        self._write()

    def _whole(self, data: bytes) -> list[bytes] | None:
        """The messages, when a read brought nothing but small whole binary frames, as nearly all do: parsing them here
        saves a tenth of a round trip. Everything else goes through the protocol."""
        if self._unparsed or self._fragments or self._protocol.state is not OPEN:
            return None
        return frames.split(data, unmask=None)

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fragments.clear()
        if self._watch is not None:
            self._watch.cancel()
        self.gone.set()
        self._writable.set()
        self._owner.lost(self._reason())

    def pause_writing(self) -> None:
        self.paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        self.paused = False
        self._writable.set()

    # -- the WebSocket's side ------------------------------------------------------------------------------------

    def _shaken_hands(self) -> None:
        if self._protocol.handshake_exc is not None:
            self.abort()
        elif self._protocol.subprotocol != SUBPROTOCOL:
            self._break(f"the server does not speak {SUBPROTOCOL}")
        else:
            self.send(self._owner.greet(self))

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._message(frame.data)  # type: ignore[arg-type]
        elif frame.opcode is Opcode.TEXT:
            self._break("the server sent a text frame")
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message, self._fragments = b"".join(self._fragments), []
                self._message(message)

    def _message(self, data: bytes) -> None:
        if self._violation is not None:
            return
        try:
            message = self.session.receive(data)
        except RemoteProtocolError as error:
            self._break(str(error))
            return
        if isinstance(message, Welcome):
            self._protocol.max_message_size = min(message.limits.message_bytes, MESSAGE_BYTES)
        if message is not None:
            self._owner.received(message)

    def _break(self, violation: str) -> None:
        """The server broke the contract: nothing more of it is read."""
        self._violation = violation
        if self._protocol.state is OPEN:
            self._protocol.fail(1002, "the server broke the contract")
        self._write()
        self._close_soon()

    def _look(self) -> None:
        """Asks a silent server whether it lives, and gives a dead one up.

        Where this process itself was stopped, by a sleeping computer or for want of a processor, what the server said
        meanwhile may still wait to be read: then the server is asked anew.
        """
        now = self._loop.time()
        if now - self._look_at > STOPPED_S:
            self._read_at = max(self._read_at, now - SILENT_S)
        silent_s = now - self._read_at
        if silent_s > DEAD_S:
            self.abort()
            return
        if silent_s >= SILENT_S and self._protocol.state is OPEN:
            self._protocol.send_ping(b"")
            self._write()
        self._look_later()

    def _look_later(self) -> None:
        self._look_at = self._loop.time() + SILENT_S
        self._watch = self._loop.call_later(SILENT_S, self._look)

    def _reason(self) -> VitrineError:
        close, refusal = self._protocol.close_rcvd, self._protocol.handshake_exc
        if self._violation is not None:
            return Unavailable(f"The server broke the contract: {self._violation}.")
        if close is not None:
            kind = Unauthorized if close.code == 1008 else Unavailable
            return kind(f"The server closed the connection with code {int(close.code)}: {close.reason or 'no reason'}.")
        if isinstance(refusal, InvalidStatus):
            return Unavailable(f"The server refused the connection with HTTP status {refusal.response.status_code}.")
        if isinstance(refusal, WebSocketException):
            return Unavailable("What listens there is no Vitrine server; check the port.")
        return Unavailable("The connection to the server is gone.")

    # -- what the connection uses --------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent: welcomed, and not closing."""
        return self.session.state is ClientState.OPEN and self._protocol.state is OPEN and self._violation is None

    def send(self, *messages: bytes) -> None:
        """Writes messages, in one piece. Raises `Unavailable` once the link is closing."""
        if self._protocol.state is not OPEN:
            raise Unavailable("The connection to the server is gone.")
        if self._transport is not None and sum(map(len, messages)) <= frames.SMALL:
            self._transport.write(b"".join([frames.client_frame(data, os.urandom(4), apply_mask) for data in messages]))
            return
        for data in messages:
            self._protocol.send_binary(data)
        self._write()

    async def drain(self) -> None:
        """Waits until the transport takes more; a server that reads nothing for long loses the link."""
        await self._writable.wait()

    async def close(self) -> None:
        """Closes politely, within two seconds."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000)
            self._write()
        self._close_soon()
        await self.gone.wait()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _close_soon(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_later(CLOSING_S, self.abort)

    def _write(self) -> None:
        transport, chunks = self._transport, self._protocol.data_to_send()
        if not chunks or transport is None or transport.is_closing():
            return
        for chunk in chunks:  # not `writelines`: see the server's connection
            if chunk:
                transport.write(chunk)
        if not chunks[-1] and transport.can_write_eof():  # the protocol's mark for the end
            transport.write_eof()

