"""What a server's session tells its driver, and which step is allowed in which state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from msgspec import Struct

from .messages import Call, Cancel, End, Free, Hello, Pace, Ping, Push, ShmRef

Kind = Literal["U", "S", "B"]


class State(Enum):
    """Where a connection stands."""

    FRESH = "fresh"  # nothing read yet
    GREETED = "greeted"  # hello read, not yet welcomed
    OPEN = "open"
    CLOSED = "closed"


class LocalProtocolError(RuntimeError):
    """Our own driver asked for a step that the state does not allow; nothing was changed."""


class Close(Struct, frozen=True):
    """Event: close the WebSocket with this code; nothing more is read."""

    code: int
    reason: str


class Violation(Struct, frozen=True):
    """Event: an open call broke the contract and has been failed; its work must be stopped."""

    id: int


class Refs(Struct, frozen=True):
    """Event: references to the client's slots that the peer handed over with a message that was not taken."""

    refs: list[ShmRef]


class Opened(Struct, frozen=True):
    """Event: a call was opened; `refs` are the slots that it hands over, `raw` the whole message as read."""

    call: Call
    kind: Kind
    refs: list[ShmRef]
    raw: bytes


class Pushed(Struct, frozen=True):
    """Event: input for an open B call."""

    push: Push
    refs: list[ShmRef]
    raw: bytes


Event = Hello | Opened | Pushed | End | Cancel | Free | Ping | Pace | Violation | Refs | Close

# state -> message that may be read in it -> state after. What is not here closes the connection with 4001.
READS: Mapping[State, Mapping[type, State]] = {
    State.FRESH: {Hello: State.GREETED},
    State.GREETED: {},
    State.OPEN: {m: State.OPEN for m in (Call, Push, End, Cancel, Free, Ping, Pace)},
    State.CLOSED: {},
}
# verb of the driver -> states in which it may be used.
WRITES: Mapping[str, frozenset[State]] = {
    "welcome": frozenset({State.GREETED}),
    "part": frozenset({State.OPEN}),
    "done": frozenset({State.OPEN}),
    "fail": frozenset({State.OPEN}),
    "free": frozenset({State.OPEN}),
    "pong": frozenset({State.OPEN}),
    "note": frozenset({State.OPEN}),
}
