"""One client's socket: the thin driver between asyncio, the WebSocket protocol and `ServerSession`.

Sockets read here, messages decided there: bytes go through `websockets`' protocol without I/O, whole messages through
the session, events to the gateway, and what they queued goes back out while the transport takes it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CLOSED, CLOSING, CONNECTING, OPEN
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without compiled parts
    from websockets.utils import apply_mask

from ..trace.tracer import Tracer
from ..wire import frames
from ..wire.events import Close, Event, State
from ..wire.messages import SUBPROTOCOL, Limits, ShmRef
from ..wire.ops import KINDS
from ..wire.session import HELLO_BYTES, ServerSession
from ..wire.shm import Lane, SlotPool
from .http import Pages, text
from .watch import Seen

log = logging.getLogger("vitrine.connections")
UNSENT_BYTES = 8 * 2**20
UNREAD_PONGS = 256
SLICE = 64 * 1024
EVENTS_AT_ONCE = 32
PAY_S = 0.005
NEVER = 1 << 62
_silent = logging.getLogger("vitrine.websocket")
_silent.setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Patience:
    """Seconds that a peer has: for its hello, for reading what it was sent, for closing its end."""

    hello_s: float = 5.0
    unsent_s: float = 5.0
    closing_s: float = 2.0


class Owner(Protocol):
    """The gateway, as a connection sees it."""

    pages: Pages
    limits: Limits
    trace: Tracer

    def admits(self, connection: Connection) -> bool:
        """Whether one more connection may wait for its welcome."""

    def handle(self, connection: Connection, event: Event) -> None:
        """Acts on one event of the session."""

    def left(self, connection: Connection) -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """One TCP connection: a plain HTTP request, or a WebSocket that speaks `vitrine.v1`.

    `ended` is told once nothing more can be answered, which may be seconds before the socket is gone.
    """

    seen: Seen  # from the welcome on

    def __init__(
        self,
        owner: Owner,
        number: int,
        *,
        patience: Patience | None = None,
        ended: Callable[[Connection], None] | None = None,
    ) -> None:
        self.number = number
        self.session = ServerSession(kinds=KINDS, limits=owner.limits)
        self.opened_at = time.monotonic()
        self.lane: Lane | None = None
        self.mapped = False
        self.down: SlotPool | None = None
        self.held: set[int] = set()
        self.client = ""
        self.ticket = False  # a dashboard's: it may look and try on, nothing else
        self.closed_with: int | None = None
        self._owner = owner
        self._patience = patience or Patience()
        self._ended = ended
        self._protocol = ServerProtocol(
            subprotocols=None,
            select_subprotocol=None,
            extensions=None,
            max_size=HELLO_BYTES,
            logger=_silent,
        )
        self._transport: asyncio.Transport | None = None
        self._paused_since: float | None = None
        self._closing_since: float | None = None
        self._closing_for_s = self._patience.closing_s
        self._fragments: bytearray | None = None
        self._backlog: list[bytes] = []
        self._resuming = False
        self._flushing = False
        self._unread_pongs = 0
        self._unparsed = 0  # bytes that the protocol has but has not made a frame of
        self._owed: list[int] = []  # slots of the client that it may use again but has not been told of
        self._payment: asyncio.TimerHandle | None = None

    # -- asyncio's side ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's transports are not subclasses of asyncio's
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=256 * 1024, low=64 * 1024)
        if not self._owner.admits(self):
            transport.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._owner.trace.on:
            self._owner.trace.received()
        if self._backlog:
            self._backlog.append(data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parses in slices, and gives the loop back between slices to a peer that sends very many small messages."""
        if (messages := self._whole(data)) is not None:
            self.cork()
            try:
                for message in messages:
                    self._act(self.session.receive(message))
            finally:
                self.uncork()
            return
        greeting = self._protocol.state is CONNECTING
        self._unparsed += len(data)
        for start in range(0, len(data), SLICE):
            self._protocol.receive_data(data[start : start + SLICE])
            if self._drain_events() > EVENTS_AT_ONCE and start + SLICE < len(data):
                self._backlog.insert(0, data[start + SLICE :])
                self._pause_reading()
                break
        if greeting and self._protocol.state is OPEN:  # the request's own bytes; what came with it keeps the slow path
            self._unparsed = 0 if data.find(b"\r\n\r\n") + 4 == len(data) else NEVER

    def _whole(self, data: bytes) -> list[bytes] | None:
        """The messages of a read that the library's protocol need not see; it has seen every read before it whole."""
        if self._unparsed or self._fragments is not None or self._protocol.state is not OPEN:
            return None
        messages = frames.split(data, unmask=apply_mask)
        return messages if messages is not None and len(messages) <= EVENTS_AT_ONCE else None

    def _pause_reading(self) -> None:
        if self._resuming:
            return
        self._resuming = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        if self._backlog:
            self._feed(self._backlog.pop(0))
        if self._backlog:
            asyncio.get_running_loop().call_soon(self._resume)
            return
        self._resuming = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._drain_events()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._backlog.clear()
        if self._payment is not None:
            self._payment.cancel()
        self._owner.left(self)
        self.session.connection_lost()
        if self.lane is not None:
            self.lane.close()
            self.lane = None

    def pause_writing(self) -> None:
        self._paused_since = time.monotonic()

    def resume_writing(self) -> None:
        self._paused_since = None
        self._unread_pongs = 0
        self.flush()

    # -- the WebSocket's side ------------------------------------------------------------------------------------

    def _drain_events(self) -> int:
        events = self._protocol.events_received()
        self.cork()  # answers to everything that one read brought leave together
        try:
            for event in events:
                if isinstance(event, Request):
                    self._shake_hands(event)
                elif isinstance(event, Frame):
                    self._unparsed -= frames.frame_bytes(len(event.data), masked=True)
                    self._frame(event)
        finally:
            self._flushing = False
        self._write()  # pongs and close frames, which the protocol answers by itself
        if self._protocol.state in (CLOSING, CLOSED):
            self._end()
        self.flush()
        return len(events)

    def _end(self) -> None:
        """Nothing can be answered any more: what was asked stops now, not when the socket is gone at last."""
        if self.session.state is not State.CLOSED:
            self.session.connection_lost()
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended(self)

    def _shake_hands(self, request: Request) -> None:
        response: Response | asyncio.Protocol | None
        bare = False
        if self._protocol.eof_sent:  # it went on before it was answered, with what is no WebSocket frame
            self.abort()
            return
        try:
            response = self._owner.pages.answer(request)
        except InvalidHandshake:
            response = text(403, "The request's headers are not valid.")
        if isinstance(response, asyncio.Protocol):
            self._hand_over(response)
            return
        if response is None:
            response = self._protocol.accept(request)
            offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
            if SUBPROTOCOL in [item.strip() for item in offered.split(",")] and response.status_code == 101:
                response.headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
            elif response.status_code == 101:
                bare = True
        self._protocol.send_response(response)
        self._write()
        if bare:
            self.close(4001, f"ask for the subprotocol {SUBPROTOCOL}")

    def _hand_over(self, successor: asyncio.Protocol) -> None:
        """The socket is somebody else's from here on: no WebSocket comes of it."""
        transport, self._transport = self._transport, None
        self._owner.left(self)
        self.session.connection_lost()
        if transport is not None and not transport.is_closing():
            transport.set_protocol(successor)
            successor.connection_made(transport)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT:
            self._act(self.session.receive_text())
        elif frame.opcode in (Opcode.BINARY, Opcode.CONT):
            if frame.fin and self._fragments is None:
                self._act(self.session.receive(bytes(frame.data)))
                return
            if self._fragments is None:
                self._fragments = bytearray()
            self._fragments += frame.data  # not a list: a million fragments of one byte are one megabyte
            if frame.fin:
                message, self._fragments = bytes(self._fragments), None
                self._act(self.session.receive(message))
        elif frame.opcode is Opcode.PING and self._paused_since is not None:
            self._unread_pongs += 1
            if self._unread_pongs > UNREAD_PONGS:
                self.close(4008, "the reader is too slow")

    def _act(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Close):
                self.close(event.code, event.reason)
            else:
                self._owner.handle(self, event)

    # -- what the gateway uses -----------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether calls can be answered."""
        return self.session.state is State.OPEN

    def welcomed(self) -> None:
        """From now on messages may be as large as the limits say."""
        self._protocol.max_message_size = self.session.limits.message_bytes

    def hold(self, refs: list[ShmRef]) -> bool:
        """Takes ownership of the slots that a message hands over; False if one is impossible or already ours."""
        lane = self.lane
        taken: list[int] = []
        for slot, length, _ in refs:
            if lane is None or slot in self.held or slot >= lane.offer.up or length > lane.capacity:
                self.held.difference_update(taken)
                return False
            self.held.add(slot)
            taken.append(slot)
        return True

    def release(self, slots: list[int]) -> None:
        """Gives the client's slots back to it, a few in one message: each alone would cost both ends 15 us a call."""
        mine = [slot for slot in slots if slot in self.held]
        self.held.difference_update(mine)
        if not mine or not self.open or self.lane is None:
            return
        self._owed += mine
        if 2 * len(self._owed) >= self.lane.offer.up:
            self._pay()
        elif self._payment is None:
            self._payment = asyncio.get_running_loop().call_later(PAY_S, self._pay_late)

    def _pay_late(self) -> None:
        self._payment = None
        self._pay()

    def _pay(self) -> None:
        if self._owed and self.open:
            owed, self._owed = self._owed, []
            self.session.free(owed)
            self.flush()

    def cork(self) -> None:
        """Holds back what is sent until `uncork`, so that it leaves in one write."""
        self._flushing = True

    def uncork(self) -> None:
        """Ends `cork` and writes."""
        self._flushing = False
        self.flush()

    def flush(self) -> None:
        """Writes what waits, as long as the transport takes it."""
        if self._flushing or self._transport is None or self._protocol.state is not OPEN:
            return
        while self._paused_since is None and (message := self.session.next_to_send()) is not None:
            chunks = [frames.server_head(len(message)), message]
            size = len(message)
            while size < SLICE and (message := self.session.next_to_send()) is not None:
                chunks += (frames.server_head(len(message)), message)
                size += len(message)
            if size < SLICE:
                self._transport.write(b"".join(chunks))
            else:
                # Not joined: a large picture is not copied once more. Not `writelines`: in some CPython 3.12 and 3.13
                # asyncio's never calls `pause_writing` (CVE-2024-12254), and a slow reader would fill our memory.
                for chunk in chunks:
                    self._transport.write(chunk)
        if self._paused_since is not None and self.session.unsent_bytes > UNSENT_BYTES:
            self.close(4008, "the reader is too slow")

    def close(self, code: int, reason: str) -> None:
        """Closes the WebSocket; nothing more is read or written after the close frame."""
        if self._closing_since is not None:
            return
        self._closing_since = time.monotonic()
        self.closed_with = code
        if self._protocol.state is OPEN:
            while self._paused_since is None and (message := self.session.next_to_send()) is not None:
                self._protocol.send_binary(message)
            self._protocol.fail(code, reason)
        if code == 4008:  # the close frame stands behind what nobody has read yet, so it takes a reader longer
            self._closing_for_s = self._patience.unsent_s
        self._end()
        self._write()

    def tick(self, now: float) -> None:
        """Called every half second: late hellos, stuck readers, peers that do not finish closing."""
        if self._transport is None:
            return
        if self._closing_since is not None:
            if now - self._closing_since > self._closing_for_s:
                self._transport.abort()
        elif self.session.state in (State.FRESH, State.GREETED) and now - self.opened_at > self._patience.hello_s:
            if self._protocol.state is OPEN:
                self._act(self.session.hello_late())
            else:
                self._transport.abort()
        elif self._paused_since is not None and now - self._paused_since > self._patience.unsent_s:
            self.close(4008, "the reader is too slow")

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self) -> None:
        transport = self._transport
        chunks = self._protocol.data_to_send()
        if not chunks or transport is None or transport.is_closing():
            return
        for chunk in chunks:
            if chunk:
                transport.write(chunk)
        if not chunks[-1]:  # the protocol's mark for the end; a full close could reset the last frame away
            transport.write_eof()
        if self._closing_since is None and self._protocol.close_expected():
            self._closing_since = time.monotonic()

