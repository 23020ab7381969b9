"""Every message of the contract as one frozen Struct, validated once when it is decoded."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

VERSION = 1
SUBPROTOCOL = "vitrine.v1"
PATH = "/v1"

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Short = Annotated[str, Meta(max_length=256)]
Priority = Literal["frame", "voice", "chat", "render", "batch"]
PRIORITIES: tuple[Priority, ...] = ("frame", "voice", "chat", "render", "batch")
Milliseconds = Annotated[float, Meta(ge=0, le=86_400_000)]


class ShmRef(NamedTuple):
    """A payload that lies in a shared-memory slot: slot number, length in bytes, sequence of the slot's header."""

    slot: int
    length: int
    sequence: int


class ClientInfo(Struct, frozen=True):
    """Who connects; `refresh_hz` is the headset's."""

    name: Short
    version: Short
    device: Short | None = None
    refresh_hz: Annotated[float, Meta(gt=0, le=1000)] | None = None


class Profile(Struct, frozen=True):
    """A person's profile; without consent nothing is kept."""

    id: Short
    consent: bool


class Hello(Struct, frozen=True, tag_field="t", tag="hello"):
    """First message of a client."""

    v: int
    token: str
    client: ClientInfo
    lang: Literal["zh", "en"] | None = None
    shm: bool = False
    profile: Profile | None = None


class Call(Struct, frozen=True, tag_field="t", tag="call"):
    """Starts an op; `budget_ms` counts from the server's reading of the message."""

    id: U32
    op: Annotated[str, Meta(max_length=64)]
    a: dict[str, Any]
    budget_ms: Milliseconds | None = None
    prio: Priority | None = None
    key: Short | None = None


class Push(Struct, frozen=True, tag_field="t", tag="push"):
    """More input for an open B call."""

    id: U32
    d: dict[str, Any]


class End(Struct, frozen=True, tag_field="t", tag="end"):
    """No more input for a B call."""

    id: U32


class Cancel(Struct, frozen=True, tag_field="t", tag="cancel"):
    """Stops a call at every layer."""

    id: U32


class Free(Struct, frozen=True, tag_field="t", tag="free"):
    """Slots given back to their writer; the client's first one also says that it has mapped the memory."""

    slots: Annotated[list[U32], Meta(max_length=1024)]


class Ping(Struct, frozen=True, tag_field="t", tag="ping"):
    """Clock probe; `c0` is the client's clock in microseconds."""

    c0: int


class Pace(Struct, frozen=True, tag_field="t", tag="pace"):
    """The game's frame timing, for the governor."""

    refresh_hz: Annotated[float, Meta(gt=0, le=1000)]
    frame_ms: Annotated[float, Meta(ge=0, le=60_000)]
    dropped: Annotated[int, Meta(ge=0)]


ClientMessage = Hello | Call | Push | End | Cancel | Free | Ping | Pace
CLIENT_TYPES: dict[str, type[ClientMessage]] = {
    "hello": Hello,
    "call": Call,
    "push": Push,
    "end": End,
    "cancel": Cancel,
    "free": Free,
    "ping": Ping,
    "pace": Pace,
}


class ServerInfo(Struct, frozen=True):
    """Who answers."""

    name: str
    version: str
    pid: int


class Limits(Struct, frozen=True):
    """What one connection may ask for: bytes of a message, calls open at once, pixels of an image."""

    message_bytes: int = 32 * 2**20
    open_calls: int = 64
    image_px: int = 4096 * 4096


class ShmOffer(Struct, frozen=True):
    """A mapping: slots 0..up-1 are the client's to write, the next `down` the server's."""

    name: str
    bytes: int
    slot_bytes: int
    up: int
    down: int


class Welcome(Struct, frozen=True, tag_field="t", tag="welcome"):
    """The server's answer to `hello`."""

    v: int
    session: str
    server: ServerInfo
    ops: list[str]
    limits: Limits
    shm: ShmOffer | None = None


class Timing(Struct, frozen=True):
    """Where a call's time went, milliseconds."""

    queue_ms: float = 0.0
    decode_ms: float = 0.0
    infer_ms: float = 0.0
    encode_ms: float = 0.0
    total_ms: float = 0.0


class Part(Struct, frozen=True, tag_field="t", tag="part"):
    """One of a call's answers, numbered from 0 without gaps."""

    id: U32
    n: U32
    d: dict[str, Any]
    tm: Timing


class Done(Struct, frozen=True, tag_field="t", tag="done"):
    """A call's end, with its result."""

    id: U32
    d: dict[str, Any]
    tm: Timing


class Fail(Struct, frozen=True, tag_field="t", tag="fail"):
    """A call's end, without a result."""

    id: U32
    code: str
    msg: str
    retry_ms: int | None = None


class Pong(Struct, frozen=True, tag_field="t", tag="pong"):
    """Answer to `ping`: the server's clock at reading and at sending, microseconds."""

    c0: int
    s1: int
    s2: int


class Note(Struct, frozen=True, tag_field="t", tag="note"):
    """News that nobody asked for: `model`, `pressure`, `shutdown`."""

    topic: str
    d: dict[str, Any]


ServerMessage = Welcome | Part | Done | Fail | Free | Pong | Note
SERVER_TYPES: dict[str, type[ServerMessage]] = {
    "welcome": Welcome,
    "part": Part,
    "done": Done,
    "fail": Fail,
    "free": Free,
    "pong": Pong,
    "note": Note,
}
