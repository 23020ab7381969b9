"""Calls over one link: who waits for which answer, pictures through shared memory, slots given back in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from ..endpoint import Endpoint
from ..errors import Internal, Unavailable, VitrineError, from_wire
from ..wire.messages import ClientInfo, Done, Fail, Free, Note, Part, Pong, Profile, ServerMessage, ShmRef, Welcome
from . import pictures
from .link import Link
from .memory import Memory, map_offer
from .pictures import Pixels, Result

SLOT_WAIT_S = 5.0
PAY_S = 0.02
PAY_ALONG = 2


class Greeting(Struct, frozen=True):
    """What this client says of itself in each `hello`."""

    client: ClientInfo
    lang: str | None = None
    shm: bool = True
    profile: Profile | None = None


class Options(Struct, frozen=True):
    """How one call is to be treated; see `call` of the contract."""

    budget_ms: float | None = None
    prio: str | None = None
    key: str | None = None


class Clock(Struct, frozen=True):
    """`offset_us`: the server's clock minus ours (`time.monotonic_ns() // 1000`), right within `rtt_us` / 2."""

    offset_us: int
    rtt_us: int


class Waiting(Protocol):
    """Who waits for a call's answers; told on the event loop, never after `ended`."""

    def part(self, part: Part) -> None:
        """One of its parts."""

    def ended(self, end: Done | VitrineError) -> None:
        """Its one end."""


class Unary:
    """A call of which only the end matters; its task awaits `future`."""

    def __init__(self, connection: Connection, future: asyncio.Future[Result], out: Pixels | None) -> None:
        self._connection = connection
        self._future = future
        self._out = out

    def part(self, part: Part) -> None:
        """Nobody asked for parts."""
        self._connection.discard(part.d)

    def ended(self, end: Done | VitrineError) -> None:
        """Wakes the task, or gives back what a cancelled one will not read."""
        if self._future.done():
            if isinstance(end, Done):
                self._connection.discard(end.d)
        elif isinstance(end, Done):
            try:
                self._future.set_result(self._connection.result(end, self._out))
            except VitrineError as error:
                self._future.set_exception(error)
        else:
            self._future.set_exception(end)


class Connection:
    """One connection, from `open` to its loss."""

    def __init__(
        self,
        greeting: Greeting,
        *,
        wait_for_slots: bool,
        on_note: Callable[[Note], None] | None,
        on_lost: Callable[[Connection, VitrineError], None],
    ) -> None:
        self.memory: Memory | None = None
        self._greeting = greeting
        self._wait_for_slots = wait_for_slots
        self._on_note = on_note
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._token = ""
        self._welcome: asyncio.Future[Welcome] = self._loop.create_future()
        self._waiting: dict[int, Waiting] = {}
        self._pongs: dict[int, asyncio.Future[tuple[Pong, int]]] = {}
        self._owed: list[int] = []
        self._payment: asyncio.TimerHandle | None = None

    # -- life ----------------------------------------------------------------------------------------------------

    async def open(self, endpoint: Endpoint, *, timeout_s: float) -> Welcome:
        """Connects, greets, maps the memory. Raises `Unavailable`, or `Unauthorized` for a wrong token."""
        self._token = endpoint.token
        try:
            return await asyncio.wait_for(self._open(endpoint), timeout_s)
        except asyncio.TimeoutError as error:
            raise Unavailable(f"The server did not answer within {timeout_s:g} s.") from error
        except OSError as error:
            raise Unavailable("The server cannot be reached; start it with `vitrine serve`.") from error
        finally:
            if not self._welcome.done() or self._welcome.cancelled() or self._welcome.exception() is not None:
                self.abort()

    async def _open(self, endpoint: Endpoint) -> Welcome:
        self._link = Link(self, endpoint)
        link = self._link
        await self._loop.create_connection(lambda: link, endpoint.host, endpoint.port)
        return await self._welcome

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._link is not None and self._link.is_open

    @property
    def link(self) -> Link:
        """The open link. Raises `Unavailable`."""
        link = self._link
        if link is None or not link.is_open:
            raise Unavailable("The connection to the server is gone.")
        return link

    async def close(self) -> None:
        """Closes politely; what waits fails with `Unavailable`."""
        if self._link is not None:
            await self._link.close()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._link is not None:
            self._link.abort()

    # -- calls ---------------------------------------------------------------------------------------------------

    async def call(self, op: str, a: Mapping[str, object], options: Options, out: Pixels | None) -> Result:
        """One call and its result; cancelling the task cancels the call."""
        if self._wait_for_slots or self.link.paused:
            await self.ready(a)
        future: asyncio.Future[Result] = self._loop.create_future()
        call_id = self.start(op, a, options, Unary(self, future, out))
        try:
            return await future
        except asyncio.CancelledError:
            self.cancel(call_id)
            raise

    async def ready(self, a: Mapping[str, object] | None = None) -> None:
        """Waits until a message may be written and, where that was chosen, until its picture finds a slot."""
        if self.link.paused:
            await self.link.drain()
        if self._wait_for_slots and self.memory is not None and a and pictures.has_pixels(a):
            await self.memory.room(SLOT_WAIT_S)

    def start(self, op: str, a: Mapping[str, object], options: Options, waiting: Waiting) -> int:
        """Sends a call; its answers go to `waiting`. Raises `Unavailable`, `BadRequest`, `TooLarge`."""
        link = self.link
        taken: list[int] = []
        try:
            arguments = pictures.to_wire(dict(a), self._placer(taken)) if a else a
            call_id, data = link.session.call(
                op, arguments, budget_ms=options.budget_ms, prio=options.prio, key=options.key
            )
            self._send(data)
        except BaseException:
            self._untake(taken)
            raise
        self._waiting[call_id] = waiting
        return call_id

    def push(self, call_id: int, d: Mapping[str, object]) -> None:
        """More input for an open B call. Raises as `start`."""
        link = self.link
        taken: list[int] = []
        try:
            self._send(link.session.push(call_id, pictures.to_wire(dict(d), self._placer(taken))))
        except BaseException:
            self._untake(taken)
            raise

    def end(self, call_id: int) -> None:
        """No more input for a B call; nothing happens if it has ended."""
        if self.is_open and self.link.session.is_open(call_id):
            self.link.send(self.link.session.end(call_id))

    def cancel(self, call_id: int) -> None:
        """Stops a call; nothing happens if it has ended."""
        if self.is_open and self.link.session.is_open(call_id):
            self.link.send(self.link.session.cancel(call_id))

    def _placer(self, taken: list[int]) -> Callable[[Pixels], ShmRef | bytes]:
        def place(pixels: Pixels) -> ShmRef | bytes:
            ref = None if self.memory is None else self.memory.place(pixels)
            if ref is None:
                return pixels.tobytes()
            taken.append(ref.slot)
            return ref

        return place

    def _untake(self, slots: list[int]) -> None:
        """Slots of a message that never left."""
        if self.memory is not None and slots:
            self.memory.freed(slots)

    # -- answers -------------------------------------------------------------------------------------------------

    def greet(self, link: Link) -> bytes:
        """The `hello`."""
        greeting = self._greeting
        return link.session.hello(
            token=self._token,
            client=greeting.client,
            lang=greeting.lang,
            shm=greeting.shm,
            profile=greeting.profile,
        )

    def received(self, message: ServerMessage) -> None:
        """Acts on one message."""
        kind = type(message)
        if kind is Done or kind is Fail:
            waiting = self._waiting.pop(message.id)  # type: ignore[union-attr]
            waiting.ended(message if isinstance(message, Done) else _error(message))  # type: ignore[arg-type]
        elif isinstance(message, Part):
            self._waiting[message.id].part(message)
        elif isinstance(message, Free):
            if self.memory is not None:
                self.memory.freed(message.slots)
        elif isinstance(message, Pong):
            waiter = self._pongs.pop(message.c0, None)
            if waiter is not None and not waiter.done():
                waiter.set_result((message, now_us()))
        elif isinstance(message, Welcome):
            self._welcomed(message)
        elif isinstance(message, Note) and self._on_note is not None:
            self._on_note(message)

    def _welcomed(self, welcome: Welcome) -> None:
        self.memory = map_offer(welcome.shm)
        if self.memory is not None and self.is_open:
            self.link.send(self.link.session.free([]))  # it says: mapped
        if not self._welcome.done():
            self._welcome.set_result(welcome)

    def lost(self, error: VitrineError) -> None:
        """Everything that waits fails."""
        if self._link is not None:
            self._link.session.connection_lost()
        waiting, self._waiting = self._waiting, {}
        gone = Unavailable(str(error)) if not isinstance(error, Unavailable) else error
        for item in waiting.values():
            item.ended(gone)
        for pong in self._pongs.values():
            if not pong.done():
                pong.set_exception(gone)
        self._pongs.clear()
        if self.memory is not None:
            self.memory.close()
            self.memory = None
        if not self._welcome.done():
            self._welcome.set_exception(error)
        self._on_lost(self, error)

    def result(self, message: Part | Done, out: Pixels | None) -> Result:
        """The message's result, its pictures copied out, its slots given back. Raises `Internal`."""
        if not message.d:
            return Result(message.d, message.tm, message.n if isinstance(message, Part) else None)
        owed: list[int] = []
        spare = [out] if out is not None else []

        def take(ref: ShmRef) -> Pixels:
            if self.memory is None:
                raise Internal("The server sent a shared-memory reference without a mapping; report this.")
            owed.append(ref.slot)
            return self.memory.take(ref, spare.pop() if spare else None)

        try:
            d = pictures.from_wire(message.d, take)
        except VitrineError:
            owed[:] = [ref.slot for ref in pictures.refs_in(message.d)]
            raise
        finally:
            if owed:
                self._owe(owed)
        return Result(d, message.tm, message.n if isinstance(message, Part) else None)

    def discard(self, d: dict[str, Any]) -> None:
        """Gives back the slots of a result that nobody will read."""
        if slots := [ref.slot for ref in pictures.refs_in(d)]:
            self._owe(slots)

    def _owe(self, slots: list[int]) -> None:
        """Slots to give back: a few at once with the next message, or alone soon, which costs each end a wake-up."""
        self._owed += slots
        if self._payment is None:  # one timer is enough; it is left to run when its debt was paid along the way
            self._payment = self._loop.call_later(PAY_S, self._pay_late)
        if self.memory is not None and 4 * len(self._owed) >= 3 * self.memory.down:
            self._loop.call_soon(self._pay)

    def _pay_late(self) -> None:
        self._payment = None
        self._pay()

    def _pay(self) -> None:
        if self._owed and self.is_open:
            self._send()

    def _send(self, *messages: bytes) -> None:
        link, owed = self.link, self._owed
        if len(owed) >= PAY_ALONG or (owed and not messages):
            self._owed = []
            messages = (link.session.free(owed), *messages)
        link.send(*messages)

    # -- clocks --------------------------------------------------------------------------------------------------

    async def ping(self, *, timeout_s: float) -> tuple[Pong, int]:
        """The server's answer and our clock when it came, microseconds."""
        c0 = now_us()
        while c0 in self._pongs:
            c0 += 1
        waiter: asyncio.Future[tuple[Pong, int]] = self._loop.create_future()
        self._pongs[c0] = waiter
        try:
            self.link.send(self.link.session.ping(c0))
            return await asyncio.wait_for(waiter, timeout_s)
        except asyncio.TimeoutError as error:
            raise Unavailable(f"The server did not answer a ping within {timeout_s:g} s.") from error
        finally:
            self._pongs.pop(c0, None)


def now_us() -> int:
    """This client's clock, microseconds."""
    return time.monotonic_ns() // 1000


def _error(fail: Fail) -> VitrineError:
    return from_wire(fail.code, fail.msg, fail.retry_ms)
