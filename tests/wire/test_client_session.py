"""The client's side: legal steps, illegal ones that change nothing, and a server that breaks the contract."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sidecar.errors import TooLarge
from sidecar.wire import codec
from sidecar.wire.client_session import ClientSession, ClientState, Gone, LocalProtocolError, RemoteProtocolError
from sidecar.wire.messages import ClientInfo, Done, Fail, Note, Part, Pong, Profile, Welcome

WHO = ClientInfo(name="n", version="v")
TM = dict.fromkeys(("queue_ms", "decode_ms", "infer_ms", "encode_ms", "total_ms"), 0.0)
LIMITS = {"message_bytes": 10_000, "open_calls": 64, "image_px": 100}
WELCOME = {"t": "welcome", "v": 1, "session": "s", "server": {"name": "n", "version": "v", "pid": 1}, "ops": []}
WELCOME |= {"limits": LIMITS}


def hear(session: ClientSession, message: dict[str, Any]) -> Any:
    return session.receive(codec.encode(message))


def opened() -> ClientSession:
    session = ClientSession()
    session.hello(token="T", client=WHO)
    assert isinstance(hear(session, WELCOME), Welcome)
    return session


def in_state(state: ClientState) -> ClientSession:
    if state in (ClientState.OPEN, ClientState.CLOSED):
        session = opened()
        if state is ClientState.CLOSED:
            session.connection_lost()
        return session
    session = ClientSession()
    if state is ClientState.WAITING:
        session.hello(token="T", client=WHO)
    return session


VERBS: dict[str, Callable[[ClientSession], Any]] = {
    "hello": lambda s: s.hello(token="T", client=WHO),
    "call": lambda s: s.call("server.echo", {}),
    "push": lambda s: s.push(0, {}),
    "end": lambda s: s.end(0),
    "cancel": lambda s: s.cancel(0),
    "free": lambda s: s.free([]),
    "ping": lambda s: s.ping(0),
    "pace": lambda s: s.pace(90.0, 11.1, 0),
}


@pytest.mark.parametrize("state", list(ClientState))
@pytest.mark.parametrize("verb", list(VERBS))
def test_an_illegal_verb_names_itself_and_changes_nothing(verb: str, state: ClientState) -> None:
    legal = state is ClientState.FRESH if verb == "hello" else state is ClientState.OPEN
    if legal:
        return
    session = in_state(state)
    before = copy.deepcopy(vars(session))
    with pytest.raises(LocalProtocolError) as error:
        VERBS[verb](session)
    assert verb in str(error.value) and "client" in str(error.value) and state.value in str(error.value)
    assert vars(session) == before


@pytest.mark.parametrize("verb", ["push", "end", "cancel"])
def test_input_for_a_call_that_is_not_open_is_illegal(verb: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"{verb} is not allowed for the client: call 0 is not open"):
        VERBS[verb](opened())


def test_hello_writes_what_is_set_and_nothing_else() -> None:
    assert codec.decode(ClientSession().hello(token="T", client=WHO)) == {
        "t": "hello",
        "v": 1,
        "token": "T",
        "client": {"name": "n", "version": "v"},
    }
    full = ClientSession().hello(
        token="T",
        client=ClientInfo(name="n", version="v", device="d", refresh_hz=90),
        lang="zh",
        shm=True,
        profile=Profile(id="p", consent=False),
    )
    assert list(codec.decode(full)) == ["t", "v", "token", "client", "lang", "shm", "profile"]


def test_a_call_from_start_to_end() -> None:
    session = opened()
    call_id, data = session.call("tryon.stream", {"layers": []}, budget_ms=11.0, prio="frame", key="k")
    assert list(codec.decode(data)) == ["t", "id", "op", "a", "budget_ms", "prio", "key"]
    assert codec.decode(session.push(call_id, {"n": 1})) == {"t": "push", "id": call_id, "d": {"n": 1}}
    for n in range(2):
        part = hear(session, {"t": "part", "id": call_id, "n": n, "d": {}, "tm": TM})
        assert isinstance(part, Part) and part.n == n
    assert codec.decode(session.end(call_id)) == {"t": "end", "id": call_id}
    assert isinstance(hear(session, {"t": "done", "id": call_id, "d": {}, "tm": TM}), Done)
    assert session.open_calls == () and not session.is_open(call_id)


def test_ids_in_use_are_passed_over_when_they_wrap() -> None:
    session = opened()
    session._next_id = 2**32 - 1
    ids = [session.call("server.echo", {})[0] for _ in range(2)]
    assert ids == [2**32 - 1, 0]
    session._next_id = 2**32 - 1
    assert session.call("server.echo", {})[0] == 1
    assert len(session.open_calls) == 3


def test_a_call_that_cannot_be_encoded_or_is_too_large_opens_nothing() -> None:
    session = opened()
    with pytest.raises(TypeError):
        session.call("server.echo", {"x": object()})
    with pytest.raises(TooLarge):
        session.call("server.echo", {"x": bytes(10_000)})
    assert session.open_calls == ()
    call_id, _ = session.call("tryon.stream", {})
    with pytest.raises(TooLarge):
        session.push(call_id, {"x": bytes(10_000)})
    assert session.is_open(call_id)


@pytest.mark.parametrize(
    "message",
    [
        {"t": "done", "id": 7, "d": {}, "tm": TM},
        {"t": "fail", "id": 7, "code": "internal", "msg": "m"},
        {"t": "part", "id": 7, "n": 0, "d": {}, "tm": TM},
        {"t": "part", "id": 0, "n": 1, "d": {}, "tm": TM},
        {"t": "part", "id": 0, "n": 0, "d": [], "tm": TM},
        {"t": "done", "id": 0},
        {"t": "done", "id": -1, "d": {}, "tm": TM},
        {"t": "free", "slots": ["x"]},
        {"t": "pong", "c0": 1},
        WELCOME,
    ],
)
def test_a_server_that_breaks_the_contract(message: dict[str, Any]) -> None:
    session = opened()
    session.call("server.echo", {})
    with pytest.raises(RemoteProtocolError):
        hear(session, message)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x90", b"\x81\xa1t\xa4done\x00", b"\x81\xa1t"])
def test_a_server_that_sends_no_map(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        opened().receive(data)


def test_nothing_but_a_welcome_of_version_1_may_come_first() -> None:
    for message in ({"t": "note", "topic": "x", "d": {}}, {**WELCOME, "v": 2}):
        session = in_state(ClientState.WAITING)
        with pytest.raises(RemoteProtocolError):
            hear(session, message)
        assert session.state is ClientState.WAITING


def test_unknown_messages_and_keys_of_a_later_server_are_passed_over() -> None:
    session = opened()
    for tag in ("novelty", 7, ["done"], None):
        assert hear(session, {"t": tag}) is None
    assert isinstance(hear(session, {"t": "note", "topic": "new", "d": {}, "more": 1}), Note)
    assert isinstance(hear(session, {"t": "pong", "c0": 1, "s1": 2, "s2": 3, "s3": 4}), Pong)


def test_a_fail_ends_the_call() -> None:
    session = opened()
    call_id, _ = session.call("server.echo", {})
    fail = hear(session, {"t": "fail", "id": call_id, "code": "overloaded", "msg": "m", "retry_ms": 5})
    assert fail == Fail(call_id, "overloaded", "m", 5)
    assert session.open_calls == ()


def test_connection_lost_names_the_calls_without_an_answer() -> None:
    session = opened()
    ids = [session.call("server.echo", {})[0] for _ in range(3)]
    assert session.connection_lost() == Gone(ids)
    assert session.connection_lost() == Gone([])
