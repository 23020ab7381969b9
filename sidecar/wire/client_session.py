"""The client's side of a connection as a state machine without I/O: the mirror of `session.ServerSession`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from ..errors import TooLarge
from . import codec
from .events import LocalProtocolError
from .messages import (
    SERVER_TYPES,
    VERSION,
    ClientInfo,
    Done,
    Fail,
    Free,
    Note,
    Part,
    Pong,
    Profile,
    ServerMessage,
    Welcome,
)


class ClientState(Enum):
    """Where the connection stands for its client."""

    FRESH = "fresh"
    WAITING = "waiting"  # hello sent, welcome not yet read
    OPEN = "open"
    CLOSED = "closed"


class RemoteProtocolError(Exception):
    """The server broke the contract; the connection cannot go on."""


class Gone(Struct, frozen=True):
    """Event: these calls will get no answer, since the connection ended."""

    ids: list[int]


READS: Mapping[ClientState, frozenset[type]] = {
    ClientState.FRESH: frozenset(),
    ClientState.WAITING: frozenset({Welcome}),
    ClientState.OPEN: frozenset({Part, Done, Fail, Free, Pong, Note}),
    ClientState.CLOSED: frozenset(),
}


class ClientSession:
    """One connection: verbs return the bytes of one message to send; `receive` returns the message that was read."""

    def __init__(self) -> None:
        self.state = ClientState.FRESH
        self.welcome: Welcome | None = None
        self._parts: dict[int, int] = {}
        self._next_id = 0

    @property
    def open_calls(self) -> Sequence[int]:
        """Ids that wait for their `done` or `fail`."""
        return tuple(self._parts)

    def receive(self, data: bytes) -> ServerMessage | None:
        """Takes one whole binary message. Raises `RemoteProtocolError`; an unknown `t` is skipped with None."""
        try:
            value = codec.decode(data)
            tag = value.get("t")
            kind = SERVER_TYPES.get(tag) if type(tag) is str else None
            if kind is None:
                return None
            message: ServerMessage = msgspec.convert(value, kind)
        except (codec.Malformed, msgspec.ValidationError) as error:
            raise RemoteProtocolError(f"the server sent an invalid message: {error}") from error
        if kind not in READS[self.state]:
            raise RemoteProtocolError(f"{tag} came while the connection is {self.state.value}")
        self._account(message)
        return message

    def _account(self, message: ServerMessage) -> None:
        if isinstance(message, Welcome):
            if message.v != VERSION:
                raise RemoteProtocolError(f"the server speaks version {message.v}")
            self.state, self.welcome = ClientState.OPEN, message
        elif isinstance(message, (Part, Done, Fail)):
            if message.id not in self._parts:
                raise RemoteProtocolError(f"an answer names call {message.id}, which is not open")
            if isinstance(message, Part):
                if message.n != self._parts[message.id]:
                    raise RemoteProtocolError(f"part {message.n} of call {message.id} is out of order")
                self._parts[message.id] += 1
            else:
                del self._parts[message.id]

    def connection_lost(self) -> Gone:
        """The transport is gone; names the calls that get no answer."""
        ids = list(self._parts)
        self._parts.clear()
        self.state = ClientState.CLOSED
        return Gone(ids)

    def hello(
        self,
        *,
        token: str,
        client: ClientInfo,
        lang: str | None = None,
        shm: bool | None = None,
        profile: Profile | None = None,
    ) -> bytes:
        """First message."""
        self._allow("hello", ClientState.FRESH)
        info = {k: v for k, v in msgspec.structs.asdict(client).items() if v is not None}
        message: dict[str, Any] = {"t": "hello", "v": VERSION, "token": token, "client": info}
        _add(message, lang=lang, shm=shm, profile=None if profile is None else msgspec.structs.asdict(profile))
        self.state = ClientState.WAITING
        return codec.encode(message)

    def call(
        self,
        op: str,
        a: Mapping[str, object],
        *,
        budget_ms: float | None = None,
        prio: str | None = None,
        key: str | None = None,
    ) -> tuple[int, bytes]:
        """Opens a call; returns its id and the message. Raises `TooLarge` over the server's limit."""
        self._allow("call", ClientState.OPEN)
        call_id = self._next_id
        while call_id in self._parts:
            call_id = (call_id + 1) % 2**32
        message: dict[str, Any] = {"t": "call", "id": call_id, "op": op, "a": a}
        _add(message, budget_ms=budget_ms, prio=prio, key=key)
        data = self._fitting(codec.encode(message))
        self._next_id = (call_id + 1) % 2**32
        self._parts[call_id] = 0
        return call_id, data

    def push(self, call_id: int, d: Mapping[str, object]) -> bytes:
        """More input for an open B call. Raises `TooLarge` over the server's limit."""
        return self._fitting(self._of_call("push", call_id, d=d))

    def end(self, call_id: int) -> bytes:
        """No more input."""
        return self._of_call("end", call_id)

    def cancel(self, call_id: int) -> bytes:
        """Stops a call; its answer will still come."""
        return self._of_call("cancel", call_id)

    def free(self, slots: Sequence[int]) -> bytes:
        """Slots of the server that were read; the first one also says that the memory is mapped."""
        self._allow("free", ClientState.OPEN)
        return codec.encode({"t": "free", "slots": list(slots)})

    def ping(self, c0: int) -> bytes:
        """Clock probe, microseconds."""
        self._allow("ping", ClientState.OPEN)
        return codec.encode({"t": "ping", "c0": c0})

    def pace(self, refresh_hz: float, frame_ms: float, dropped: int) -> bytes:
        """The game's frame timing."""
        self._allow("pace", ClientState.OPEN)
        return codec.encode(
            {"t": "pace", "refresh_hz": float(refresh_hz), "frame_ms": float(frame_ms), "dropped": dropped}
        )

    def is_open(self, call_id: int) -> bool:
        """Whether the call still waits for its end."""
        return call_id in self._parts

    def _fitting(self, data: bytes) -> bytes:
        if self.welcome is not None and len(data) > self.welcome.limits.message_bytes:
            raise TooLarge(f"The message is over the server's {self.welcome.limits.message_bytes} bytes; send less.")
        return data

    def _of_call(self, verb: str, call_id: int, **more: object) -> bytes:
        self._allow(verb, ClientState.OPEN)
        if call_id not in self._parts:
            raise LocalProtocolError(f"{verb} is not allowed for the client: call {call_id} is not open")
        return codec.encode({"t": verb, "id": call_id, **more})

    def _allow(self, verb: str, state: ClientState) -> None:
        if self.state is not state:
            raise LocalProtocolError(f"{verb} is not allowed for the client while the connection is {self.state.value}")


def _add(message: dict[str, Any], **optional: object) -> None:
    for key, value in optional.items():
        if value is not None:
            message[key] = value
