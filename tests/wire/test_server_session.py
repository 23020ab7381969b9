"""The server's side: legal steps, illegal ones that change nothing, close codes, and parts under a slow reader."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sidecar.errors import BadRequest, Overloaded
from sidecar.wire import codec
from sidecar.wire.events import Close, LocalProtocolError, Opened, Pushed, Refs, State, Violation
from sidecar.wire.messages import (
    Call,
    Cancel,
    End,
    Free,
    Hello,
    Limits,
    Pace,
    Ping,
    ServerInfo,
    ShmOffer,
    ShmRef,
    Timing,
)
from sidecar.wire.ops import KINDS
from sidecar.wire.session import HELLO_BYTES, ServerSession

HELLO = {"t": "hello", "v": 1, "token": "T", "client": {"name": "n", "version": "v"}}
SERVER = ServerInfo(name="vitrine", version="1", pid=1)
EMPTY = codec.encode({})
TM = Timing()


def fresh(**limits: int) -> ServerSession:
    return ServerSession(kinds=KINDS, limits=Limits(**limits))


def welcomed(**limits: int) -> ServerSession:
    session = fresh(**limits)
    tell(session, HELLO)
    session.welcome(session="s1", server=SERVER, ops=["server.echo"], shm=None)
    assert [message["t"] for message in sent(session)] == ["welcome"]
    return session


def tell(session: ServerSession, message: dict[str, Any]) -> list[Any]:
    return list(session.receive(codec.encode(message)))


def call(session: ServerSession, call_id: int, op: str = "server.echo", **more: Any) -> list[Any]:
    return tell(session, {"t": "call", "id": call_id, "op": op, "a": {}, **more})


def sent(session: ServerSession) -> list[dict[str, Any]]:
    messages = []
    while (data := session.next_to_send()) is not None:
        messages.append(codec.decode(data))
    return messages


def frozen(session: ServerSession) -> Any:
    """Everything that a step could change."""
    plain = vars(session).keys() - {"_kinds", "_outbox", "_calls", "_frames"}
    state = copy.deepcopy({name: getattr(session, name) for name in plain})
    calls = {number: (open_call.kind, open_call.parts) for number, open_call in session._calls.items()}
    return state, calls, [unsent.data for unsent in session._outbox], {k: len(v) for k, v in session._frames.items()}


VERBS: dict[str, Callable[[ServerSession], Any]] = {
    "welcome": lambda s: s.welcome(session="s", server=SERVER, ops=[], shm=None),
    "part": lambda s: s.part(1, EMPTY, TM),
    "frame_part": lambda s: s.frame_part(1, EMPTY, TM),
    "done": lambda s: s.done(1, EMPTY, TM),
    "fail": lambda s: s.fail(1, BadRequest("no")),
    "free": lambda s: s.free([1]),
    "pong": lambda s: s.pong(1, 2, 3),
    "note": lambda s: s.note("model", {}),
}


def in_state(state: State) -> ServerSession:
    session = fresh()
    if state is not State.FRESH:
        tell(session, HELLO)
    if state in (State.OPEN, State.CLOSED):
        session.welcome(session="s", server=SERVER, ops=[], shm=None)
    if state is State.CLOSED:
        session.receive_text()
    assert session.state is state
    return session


@pytest.mark.parametrize("state", [State.FRESH, State.GREETED, State.CLOSED])
@pytest.mark.parametrize("verb", list(VERBS))
def test_an_illegal_verb_names_itself_and_changes_nothing(verb: str, state: State) -> None:
    if verb == "welcome" and state is State.GREETED:
        return  # the one legal pair here
    session = in_state(state)
    before = frozen(session)
    with pytest.raises(LocalProtocolError) as error:
        VERBS[verb](session)
    assert verb in str(error.value) and "server" in str(error.value) and state.value in str(error.value)
    assert frozen(session) == before


def test_a_second_welcome_is_illegal() -> None:
    session = in_state(State.OPEN)
    with pytest.raises(LocalProtocolError, match="welcome is not allowed for the server while the connection is open"):
        VERBS["welcome"](session)


@pytest.mark.parametrize("verb", ["part", "frame_part", "done", "fail"])
def test_answers_to_a_call_that_is_not_open_are_illegal(verb: str) -> None:
    session = welcomed()
    call(session, 2)
    before = frozen(session)
    with pytest.raises(LocalProtocolError, match=f"{verb} is not allowed for the server: call 1 is not open"):
        VERBS[verb](session)
    assert frozen(session) == before


# -- reading -----------------------------------------------------------------------------------------------------


def test_hello_then_welcome() -> None:
    session = fresh()
    (hello,) = tell(session, HELLO | {"shm": True, "unknown": 1})
    assert isinstance(hello, Hello) and hello.shm and session.state is State.GREETED
    offer = ShmOffer(name="/proc/1/fd/3", bytes=1024, slot_bytes=128, up=4, down=4)
    session.welcome(session="s1", server=SERVER, ops=["server.echo"], shm=offer)
    (welcome,) = sent(session)
    assert welcome["shm"] == {"name": "/proc/1/fd/3", "bytes": 1024, "slot_bytes": 128, "up": 4, "down": 4}
    assert welcome["limits"] == {"message_bytes": 32 * 2**20, "open_calls": 64, "image_px": 4096 * 4096}


@pytest.mark.parametrize("tag", ["call", "push", "end", "cancel", "free", "ping", "pace", "hello"])
def test_only_hello_may_come_first_and_only_once(tag: str) -> None:
    for session in (fresh(), in_state(State.GREETED)):
        if tag == "hello" and session.state is State.FRESH:
            continue
        (close,) = session.receive(codec.encode(HELLO | {"t": tag}))
        assert isinstance(close, Close) and close.code == 4001
        assert session.state is State.CLOSED


def test_text_late_hello_and_large_hello() -> None:
    assert [event.code for event in fresh().receive_text()] == [1003]
    assert [event.code for event in welcomed().receive_text()] == [1003]
    assert [event.code for event in fresh().hello_late()] == [4001]
    assert welcomed().hello_late() == [] and in_state(State.GREETED).hello_late() == []
    assert in_state(State.CLOSED).receive_text() == []
    session = fresh()
    assert [event.code for event in session.receive(bytes(HELLO_BYTES + 1))] == [1009]
    fitting = HELLO | {"pad": "x" * (HELLO_BYTES - len(codec.encode(HELLO | {"pad": ""})) - 2)}
    assert len(codec.encode(fitting)) == HELLO_BYTES
    assert isinstance(tell(fresh(), fitting)[0], Hello)


def test_refuse_closes_with_the_drivers_code_and_a_reason_that_fits_a_close_frame() -> None:
    session = in_state(State.GREETED)
    close = session.refuse(1008, "令" * 100)
    assert close.code == 1008 and len(close.reason.encode()) <= 123 and session.state is State.CLOSED


def test_what_the_peer_wrote_is_not_quoted_at_length() -> None:
    session = welcomed()
    call(session, 1, prio="x" * 1_000_000)
    (fail,) = sent(session)
    assert fail["code"] == "bad_request" and len(fail["msg"].encode()) <= 300


def test_call_push_end_cancel() -> None:
    session = welcomed()
    (opened,) = call(session, 9, "tryon.stream", budget_ms=11, prio="frame", key="k")
    assert isinstance(opened, Opened) and opened.kind == "B"
    assert opened.call == Call(id=9, op="tryon.stream", a={}, budget_ms=11, prio="frame", key="k")
    assert opened.raw == codec.encode(
        {"t": "call", "id": 9, "op": "tryon.stream", "a": {}, "budget_ms": 11, "prio": "frame", "key": "k"}
    )
    ref = ShmRef(1, 12, 3)
    (pushed,) = tell(session, {"t": "push", "id": 9, "d": {"image": {"d": ref}}})
    assert isinstance(pushed, Pushed) and pushed.refs == [ref]
    assert tell(session, {"t": "end", "id": 9}) == [End(9)]
    assert tell(session, {"t": "cancel", "id": 9}) == [Cancel(9)]
    assert session.is_open(9)
    session.done(9, EMPTY, TM)
    assert not session.is_open(9)


@pytest.mark.parametrize("message", [{"t": "push", "d": {}}, {"t": "end"}, {"t": "cancel"}, {"t": "push", "d": 7}])
def test_input_for_a_call_that_is_not_open_is_ignored(message: dict[str, Any]) -> None:
    session = welcomed()
    before = frozen(session)
    assert tell(session, {**message, "id": 5}) == []
    assert frozen(session) == before


def test_slots_of_input_that_is_not_taken_are_named_so_that_they_go_back() -> None:
    session = welcomed(open_calls=1)
    ref = ShmRef(2, 12, 1)
    d = {"image": {"d": ref}}
    assert tell(session, {"t": "push", "id": 5, "d": d}) == [Refs([ref])]
    assert call(session, 1, "server.shout", a=d) == [Refs([ref])]
    assert call(session, 1, prio="urgent", a=d) == [Refs([ref])]
    call(session, 1)
    assert call(session, 2, a=d) == [Refs([ref])]
    assert tell(session, {"t": "push", "id": 1, "d": d}) == [Refs([ref]), Violation(1)]


@pytest.mark.parametrize("op", ["server.echo", "render.image"])
@pytest.mark.parametrize("message", [{"t": "push", "d": {}}, {"t": "end"}])
def test_push_and_end_fail_calls_that_take_none(op: str, message: dict[str, Any]) -> None:
    session = welcomed()
    call(session, 1, op)
    assert tell(session, {**message, "id": 1}) == [Violation(1)]
    (fail,) = sent(session)
    assert (fail["id"], fail["code"]) == (1, "bad_request")
    assert not session.is_open(1)


def test_an_id_is_free_after_its_end_and_not_before() -> None:
    session = welcomed()
    call(session, 1)
    session.done(1, EMPTY, TM)
    assert isinstance(call(session, 1)[0], Opened)
    assert [event.code for event in call(session, 1)] == [4001]


def test_more_open_calls_than_allowed() -> None:
    session = welcomed(open_calls=2)
    call(session, 1), call(session, 2)
    assert call(session, 3) == []
    (fail,) = sent(session)
    assert fail["code"] == Overloaded.code and fail["retry_ms"] > 0
    session.done(1, EMPTY, TM)
    assert isinstance(call(session, 3)[0], Opened)


def test_free_ping_pace() -> None:
    session = welcomed()
    assert tell(session, {"t": "free", "slots": []}) == [Free([])]
    assert tell(session, {"t": "ping", "c0": -5}) == [Ping(-5)]
    assert tell(session, {"t": "pace", "refresh_hz": 90, "frame_ms": 11.1, "dropped": 1}) == [Pace(90, 11.1, 1)]


# -- writing -----------------------------------------------------------------------------------------------------


def test_parts_are_numbered_without_gaps() -> None:
    session = welcomed()
    call(session, 1, "tryon.stream"), call(session, 2, "tryon.stream")
    for number in (1, 2, 1, 1, 2):
        session.part(number, EMPTY, TM)
    session.done(1, EMPTY, TM)
    assert [(m["t"], m["id"], m.get("n")) for m in sent(session)] == [
        ("part", 1, 0),
        ("part", 2, 0),
        ("part", 1, 1),
        ("part", 1, 2),
        ("part", 2, 1),
        ("done", 1, None),
    ]


def frame(number: int) -> bytes:
    return codec.encode({"n": number})


def test_the_newest_frame_parts_win_under_a_slow_reader() -> None:
    session = welcomed()
    call(session, 1, "tryon.stream")
    dropped = [session.frame_part(1, frame(number), TM, [100 + number]) for number in range(5)]
    assert dropped == [None, None, (100,), (101,), (102,)]
    assert [(m["n"], m["d"]["n"]) for m in sent(session)] == [(0, 3), (1, 4)]
    assert session.unsent_bytes == 0
    session.frame_part(1, frame(5), TM)
    assert [(m["n"], m["d"]["n"]) for m in sent(session)] == [(2, 5)]


def test_frame_parts_of_calls_do_not_push_each_other_out() -> None:
    session = welcomed()
    call(session, 1, "tryon.stream"), call(session, 2, "tryon.stream")
    for number in range(2):
        assert session.frame_part(1, frame(number), TM) is None
        assert session.frame_part(2, frame(number), TM) is None
    assert len(sent(session)) == 4


@pytest.mark.parametrize("end", ["done", "fail", "part"])
def test_waiting_frame_parts_keep_their_place_before_what_follows(end: str) -> None:
    session = welcomed()
    call(session, 1, "tryon.stream")
    session.frame_part(1, frame(0), TM)
    assert sent(session)[0]["n"] == 0
    session.frame_part(1, frame(1), TM)
    session.note("pressure", {"level": 1, "what": "cpu"})
    session.frame_part(1, frame(2), TM)
    VERBS[end](session)
    messages = sent(session)
    assert [m["t"] for m in messages] == ["part", "note", "part", end]
    assert [m["n"] for m in messages if m["t"] == "part"] == list(range(1, 4 if end == "part" else 3))
    assert session.unsent_bytes == 0


def test_unsent_bytes_are_what_waits() -> None:
    session = welcomed()
    call(session, 1, "tryon.stream")
    session.part(1, codec.encode({"x": bytes(1000)}), TM)
    assert 1000 < session.unsent_bytes < 1200
    session.frame_part(1, bytes([0x80]), TM)
    session.frame_part(1, bytes([0x80]), TM)
    session.frame_part(1, bytes([0x80]), TM)
    sent(session)
    assert session.unsent_bytes == 0


def test_a_fail_carries_its_code_and_retry() -> None:
    session = welcomed()
    call(session, 1), call(session, 2)
    session.fail(1, Overloaded("Too much waits; try again.", retry_ms=250))
    session.fail(2, BadRequest("Send less."))
    assert sent(session) == [
        {"t": "fail", "id": 1, "code": "overloaded", "msg": "Too much waits; try again.", "retry_ms": 250},
        {"t": "fail", "id": 2, "code": "bad_request", "msg": "Send less."},
    ]


def test_a_lost_connection_forgets_its_calls() -> None:
    session = welcomed()
    call(session, 1, "tryon.stream")
    session.frame_part(1, EMPTY, TM)
    session.connection_lost()
    assert session.state is State.CLOSED and session.next_to_send() is None and session.open_calls == ()
    assert call(session, 2) == []
