"""The server's side of a connection as a state machine without I/O: messages in, events out, bytes to send.

It never imports asyncio, sockets or clocks. The driver feeds whole WebSocket messages to `receive`, acts on the events
it gets back, calls the verbs (`welcome`, `part`, `done`, `fail`...) and writes what `next_to_send` hands out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..errors import BadRequest, Overloaded, UnknownOp, VitrineError
from . import codec
from .events import (
    READS,
    WRITES,
    Close,
    Event,
    Kind,
    LocalProtocolError,
    Opened,
    Pushed,
    Refs,
    State,
    Violation,
)
from .messages import (
    CLIENT_TYPES,
    VERSION,
    Call,
    Cancel,
    End,
    Hello,
    Limits,
    Push,
    ServerInfo,
    ShmOffer,
    ShmRef,
    Timing,
)

HELLO_BYTES = 4096
FRAME_PARTS_WAITING = 2
CLOSE_BYTES = 120  # a control frame holds 125, two of them the code
FAIL_BYTES = 300


class _OpenCall:
    __slots__ = ("kind", "parts")

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self.parts = 0


class _Unsent:
    """A message that waits; a frame part keeps its body apart, since its number is only given when it leaves."""

    __slots__ = ("call_id", "data", "slots", "tm")

    def __init__(self, data: bytes, call_id: int | None = None, tm: Timing | None = None, slots: Sequence[int] = ()):
        self.data = data
        self.call_id = call_id
        self.tm = tm
        self.slots = slots


class ServerSession:
    """One connection. `kinds` maps each op of the contract to U, S or B; `limits` is what `welcome` announces."""

    def __init__(self, *, kinds: Mapping[str, Kind], limits: Limits) -> None:
        self.state = State.FRESH
        self.limits = limits
        self._kinds = kinds
        self._calls: dict[int, _OpenCall] = {}
        self._outbox: deque[_Unsent] = deque()
        self._frames: dict[int, deque[_Unsent]] = {}
        self.unsent_bytes = 0

    @property
    def open_calls(self) -> Sequence[int]:
        """Ids that are open, oldest first."""
        return tuple(self._calls)

    # -- reading -----------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Takes one whole binary WebSocket message and returns what happened, in order."""
        if self.state is State.CLOSED:
            return []
        if self.state is not State.OPEN and len(data) > HELLO_BYTES:
            return [self._close(1009, "a first message is at most 4 KiB")]
        try:
            value = codec.decode(data)
        except codec.Malformed as error:
            return [self._close(4000, f"not one msgpack map: {error}")]
        tag = value.get("t")
        kind = CLIENT_TYPES.get(tag) if type(tag) is str else None
        if kind is None:
            return [self._close(4000, "a message has no known t")]
        if kind not in READS[self.state]:
            return [self._close(4001, f"{tag} is not allowed while the connection is {self.state.value}")]
        return self._take(kind, value, data)

    def receive_text(self) -> list[Event]:
        """Takes a text frame: the contract knows binary frames only."""
        return [] if self.state is State.CLOSED else [self._close(1003, "send binary frames")]

    def hello_late(self) -> list[Event]:
        """The driver's five seconds are over; closes if no `hello` came."""
        return [self._close(4001, "hello did not come within 5 s")] if self.state is State.FRESH else []

    def connection_lost(self) -> None:
        """The transport is gone; every verb from now on is an error of the driver."""
        self.state = State.CLOSED
        self._calls.clear()
        self._outbox.clear()
        self._frames.clear()
        self.unsent_bytes = 0

    def _close(self, code: int, reason: str) -> Close:
        self.connection_lost()
        return Close(code, _cut(reason, CLOSE_BYTES))

    def _take(self, kind: type, value: dict[str, Any], raw: bytes) -> list[Event]:
        if kind is Hello:
            return self._take_hello(value)
        try:
            refs = codec.survey(value)
            message: Any = msgspec.convert(value, kind)
        except (codec.BadValue, msgspec.ValidationError) as error:
            return self._take_invalid(kind, value, error)
        if kind is Call:
            return self._take_call(message, refs, raw)
        if kind is Push:
            return self._take_push(message, refs, raw)
        if kind is End:
            return self._take_end(message)
        if kind is Cancel and message.id not in self._calls:
            return []
        return [message]

    def _take_hello(self, value: dict[str, Any]) -> list[Event]:
        if type(value.get("v")) is not int or value["v"] != VERSION:
            return [self._close(4002, f"this server speaks version {VERSION}")]
        if type(value.get("token")) is not str:
            return [self._close(1008, "hello carries no token")]
        try:
            codec.survey(value)
            hello = msgspec.convert(value, Hello)
        except (codec.BadValue, msgspec.ValidationError) as error:
            return [self._close(4000, f"hello is not valid: {error}")]
        self.state = State.GREETED
        return [hello]

    def _take_invalid(self, kind: type, value: dict[str, Any], error: Exception) -> list[Event]:
        """A known message with a wrong field: the call that it names fails; without one the connection closes."""
        call_id = value.get("id")
        if kind not in (Call, Push, End, Cancel) or type(call_id) is not int or not 0 <= call_id < 2**32:
            return [self._close(4000, f"{value['t']} is not valid: {error}")]
        handed = [Refs(refs)] if (refs := _refs_in(value)) else []
        if kind is Call:
            if call_id in self._calls:
                return [self._close(4001, f"id {call_id} is open already")]
            self._refuse(call_id, BadRequest(f"The call is not valid: {error}."))
            return [*handed]
        if call_id not in self._calls:
            return [*handed]
        self.fail(call_id, BadRequest(f"The {value['t']} is not valid: {error}."))
        return [*handed, Violation(call_id)]

    def _take_call(self, call: Call, refs: list[ShmRef], raw: bytes) -> list[Event]:
        handed: list[Event] = [Refs(refs)] if refs else []
        if call.id in self._calls:
            return [self._close(4001, f"id {call.id} is open already")]
        kind = self._kinds.get(call.op)
        if kind is None:
            self._refuse(call.id, UnknownOp("There is no op of that name; see ops in the welcome."))
            return handed
        if len(self._calls) >= self.limits.open_calls:
            limit = self.limits.open_calls
            self._refuse(call.id, Overloaded(f"{limit} calls are open already; wait for one.", retry_ms=100))
            return handed
        self._calls[call.id] = _OpenCall(kind)
        return [Opened(call, kind, refs, raw)]

    def _take_push(self, push: Push, refs: list[ShmRef], raw: bytes) -> list[Event]:
        call = self._calls.get(push.id)
        handed: list[Event] = [Refs(refs)] if refs else []
        if call is None:
            return handed
        if call.kind != "B":
            self.fail(push.id, BadRequest("This op takes no push; send everything with the call."))
            return [*handed, Violation(push.id)]
        return [Pushed(push, refs, raw)]

    def _take_end(self, end: End) -> list[Event]:
        call = self._calls.get(end.id)
        if call is None:
            return []
        if call.kind != "B":
            self.fail(end.id, BadRequest("This op takes no end; it ends by itself."))
            return [Violation(end.id)]
        return [end]

    # -- writing -----------------------------------------------------------------------------------------------

    def welcome(self, *, session: str, server: ServerInfo, ops: Sequence[str], shm: ShmOffer | None) -> None:
        """Answers `hello`; the connection is open from here on."""
        self._allow("welcome")
        message: dict[str, Any] = {
            "t": "welcome",
            "v": VERSION,
            "session": session,
            "server": {"name": server.name, "version": server.version, "pid": server.pid},
            "ops": list(ops),
            "limits": msgspec.structs.asdict(self.limits),
        }
        if shm is not None:
            message["shm"] = msgspec.structs.asdict(shm)
        self.state = State.OPEN
        self._queue(codec.encode(message))

    def refuse(self, code: int, reason: str) -> Close:
        """Closes instead of a welcome, or closes an open connection for a reason of the driver's."""
        return self._close(code, reason)

    def part(self, call_id: int, body: bytes, tm: Timing) -> None:
        """Sends a part; `body` is the encoded map `d`."""
        call = self._call("part", call_id)
        self._number_waiting(call_id)
        self._queue(self._numbered(call_id, call, body, tm))

    def frame_part(self, call_id: int, body: bytes, tm: Timing, slots: Sequence[int] = ()) -> tuple[int, ...] | None:
        """Sends a part that a newer one may replace while it waits: at most 2 wait, the newest wins.

        `slots` are the server's slots that `body` refers to. Returns those of the part that was dropped for this one,
        or None when nothing was dropped.
        """
        self._call("frame_part", call_id)
        waiting = self._frames.setdefault(call_id, deque())
        unsent = _Unsent(body, call_id, tm, slots)
        dropped: tuple[int, ...] | None = None
        if len(waiting) >= FRAME_PARTS_WAITING:
            old = waiting.popleft()
            self._outbox.remove(old)
            self.unsent_bytes -= len(old.data)
            dropped = tuple(old.slots)
        waiting.append(unsent)
        self._outbox.append(unsent)
        self.unsent_bytes += len(body)
        return dropped

    def done(self, call_id: int, body: bytes, tm: Timing) -> None:
        """Ends a call with its result; `body` is the encoded map `d`."""
        self._call("done", call_id)
        head = {"t": "done", "id": call_id}
        self._end(call_id, codec.encode_with_raw(head, "d", body, {"tm": _timing(tm)}))

    def fail(self, call_id: int, error: VitrineError) -> None:
        """Ends a call without a result."""
        self._call("fail", call_id)
        self._end(call_id, _fail(call_id, error))

    def is_open(self, call_id: int) -> bool:
        """Whether the call still waits for its `done` or `fail`."""
        return call_id in self._calls

    def free(self, slots: Sequence[int]) -> None:
        """Gives slots back to the client."""
        self._allow("free")
        self._queue(codec.encode({"t": "free", "slots": list(slots)}))

    def pong(self, c0: int, s1: int, s2: int) -> None:
        """Answers `ping`."""
        self._allow("pong")
        self._queue(codec.encode({"t": "pong", "c0": c0, "s1": s1, "s2": s2}))

    def note(self, topic: str, d: Mapping[str, object]) -> None:
        """Tells news."""
        self._allow("note")
        self._queue(codec.encode({"t": "note", "topic": topic, "d": dict(d)}))

    def next_to_send(self) -> bytes | None:
        """The next message to write, or None; call it only while the transport takes more."""
        if not self._outbox:
            return None
        unsent = self._outbox.popleft()
        self.unsent_bytes -= len(unsent.data)
        if unsent.call_id is None:
            return unsent.data
        self._frames[unsent.call_id].popleft()
        assert unsent.tm is not None
        return self._numbered(unsent.call_id, self._calls[unsent.call_id], unsent.data, unsent.tm)

    def _numbered(self, call_id: int, call: _OpenCall, body: bytes, tm: Timing) -> bytes:
        head = {"t": "part", "id": call_id, "n": call.parts}
        call.parts += 1
        return codec.encode_with_raw(head, "d", body, {"tm": _timing(tm)})

    def _end(self, call_id: int, data: bytes) -> None:
        self._number_waiting(call_id)
        del self._calls[call_id]
        self._queue(data)

    def _number_waiting(self, call_id: int) -> None:
        """Frame parts that still wait keep their place before what follows, so their numbers are given now."""
        for unsent in self._frames.pop(call_id, ()):
            position = self._outbox.index(unsent)
            numbered = self._numbered(call_id, self._calls[call_id], unsent.data, unsent.tm or Timing())
            self.unsent_bytes += len(numbered) - len(unsent.data)
            self._outbox[position] = _Unsent(numbered)

    def _refuse(self, call_id: int, error: VitrineError) -> None:
        self._queue(_fail(call_id, error))

    def _queue(self, data: bytes) -> None:
        self._outbox.append(_Unsent(data))
        self.unsent_bytes += len(data)

    def _allow(self, verb: str) -> None:
        if self.state not in WRITES[verb]:
            raise LocalProtocolError(f"{verb} is not allowed for the server while the connection is {self.state.value}")

    def _call(self, verb: str, call_id: int) -> _OpenCall:
        if self.state is not State.OPEN:
            raise LocalProtocolError(f"{verb} is not allowed for the server while the connection is {self.state.value}")
        call = self._calls.get(call_id)
        if call is None:
            raise LocalProtocolError(f"{verb} is not allowed for the server: call {call_id} is not open")
        return call


def _fail(call_id: int, error: VitrineError) -> bytes:
    message: dict[str, Any] = {"t": "fail", "id": call_id, "code": error.code, "msg": _cut(str(error), FAIL_BYTES)}
    if error.retry_ms is not None:
        message["retry_ms"] = error.retry_ms
    return codec.encode(message)


def _cut(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8: a message may quote what the peer sent, which may be megabytes."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def _timing(tm: Timing) -> dict[str, float]:
    return {
        "queue_ms": tm.queue_ms,
        "decode_ms": tm.decode_ms,
        "infer_ms": tm.infer_ms,
        "encode_ms": tm.encode_ms,
        "total_ms": tm.total_ms,
    }


def _refs_in(value: object) -> list[ShmRef]:
    """References of a value that failed its survey, so that their slots still go back to the client."""
    refs: list[ShmRef] = []
    stack: list[tuple[object, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, ShmRef):
            refs.append(item)
        elif isinstance(item, dict) and depth < codec.MAX_DEPTH:
            stack.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list) and depth < codec.MAX_DEPTH:
            stack.extend((child, depth + 1) for child in item)
    return refs
