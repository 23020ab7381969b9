"""The golden vectors against the code: regenerated, decoded, encoded to the same bytes, and spoken to the sessions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from make import messages
from refusals import refused

from sidecar.errors import BY_CODE
from sidecar.wire import codec
from sidecar.wire.client_session import ClientSession, ClientState
from sidecar.wire.events import Close, State
from sidecar.wire.messages import CLIENT_TYPES, SERVER_TYPES, Limits, ServerInfo, ShmRef
from sidecar.wire.ops import KINDS, LATER, OPS
from sidecar.wire.session import ServerSession

HERE = Path(__file__).parent
MESSAGES: list[dict[str, Any]] = json.loads((HERE / "messages.json").read_bytes())["cases"]
REFUSED: list[dict[str, Any]] = json.loads((HERE / "refused.json").read_bytes())["cases"]
SERVER = ServerInfo(name="vitrine", version="1", pid=1)


def names(cases: list[dict[str, Any]]) -> list[str]:
    return [case["name"] for case in cases]


def plain(value: object) -> object:
    """The Python value of a JSON-side value."""
    if isinstance(value, dict):
        if set(value) == {"$bin"}:
            return bytes.fromhex(value["$bin"])
        if set(value) == {"$ref"}:
            return ShmRef(*value["$ref"])
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def exactly(value: object) -> str:
    """A text that tells 1 from 1.0 and 0.0 from -0.0, and the order of keys."""
    return repr(value)


def welcomed() -> ServerSession:
    session = ServerSession(kinds=KINDS, limits=Limits())
    session.receive(codec.encode({"t": "hello", "v": 1, "token": "T", "client": {"name": "n", "version": "v"}}))
    session.welcome(session="s", server=SERVER, ops=[], shm=None)
    assert session.next_to_send()
    return session


def test_files_are_what_the_scripts_write() -> None:
    assert json.loads(json.dumps(messages())) == {"cases": MESSAGES}
    assert json.loads(json.dumps(refused())) == {"cases": REFUSED}


def test_every_message_and_every_key_has_a_vector() -> None:
    for side, types in (("client", CLIENT_TYPES), ("server", SERVER_TYPES)):
        for tag, struct in types.items():
            seen: set[str] = set()
            for case in MESSAGES:
                if case["from"] == side and case["value"]["t"] == tag:
                    seen |= case["value"].keys()
            assert seen == {"t", *struct.__struct_fields__}, f"{side} {tag}"


def test_the_page_for_users_shows_real_bytes_and_misses_nothing() -> None:
    page = (HERE.parents[1] / "docs" / "wire.md").read_text("utf-8")
    shown = re.findall(r"^[0-9a-f]{20,}$", page, re.MULTILINE)
    assert len(shown) >= 5 and set(shown) <= {case["hex"] for case in MESSAGES}
    for tag, struct in {**CLIENT_TYPES, **SERVER_TYPES}.items():
        assert f"| `{tag}` |" in page
        assert all(f"`{field}`" in page for field in struct.__struct_fields__)
    assert all(f"| `{code}` |" in page for code in BY_CODE)
    assert all(f"| {code} |" in page for code in (1003, 1008, 1009, 4000, 4001, 4002, 4008))
    for op, rule in OPS.items():
        assert re.search(rf"^\| [^|]*`{re.escape(op)}`[^|]*\| {rule.kind} \|", page, re.MULTILINE), op
    assert all(f"`{op}`" in page for op in LATER)


def test_names_are_unique() -> None:
    assert len(set(names(MESSAGES))) == len(MESSAGES)
    assert len(set(names(REFUSED))) == len(REFUSED)


@pytest.mark.parametrize("case", MESSAGES, ids=names(MESSAGES))
def test_decodes_to_the_value_and_encodes_to_the_same_bytes(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    decoded = codec.decode(data)
    assert exactly(decoded) == exactly(plain(case["value"]))
    assert codec.encode(decoded) == data
    codec.survey(decoded)
    codec._skim(data)  # the walk without objects reads the same headers


@pytest.mark.parametrize("case", MESSAGES, ids=names(MESSAGES))
def test_every_proper_prefix_is_malformed(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    for end in range(len(data)):
        with pytest.raises(codec.Malformed):
            codec.decode(data[:end])
        with pytest.raises(codec.Malformed):
            codec._skim(data[:end])


@pytest.mark.parametrize("case", MESSAGES, ids=names(MESSAGES))
def test_fits_its_struct(case: dict[str, Any]) -> None:
    types: Any = CLIENT_TYPES if case["from"] == "client" else SERVER_TYPES
    message = msgspec.convert(plain(case["value"]), types[case["value"]["t"]])
    for key, value in case["value"].items():
        if key != "t" and not isinstance(value, dict):
            assert getattr(message, key) == plain(value)


@pytest.mark.parametrize("case", [case for case in MESSAGES if case["from"] == "client"], ids=lambda case: case["name"])
def test_a_server_takes_every_client_vector(case: dict[str, Any]) -> None:
    hello = case["value"]["t"] == "hello"
    session = ServerSession(kinds=KINDS, limits=Limits()) if hello else welcomed()
    if case["value"]["t"] in ("push", "end", "cancel"):
        call = {"t": "call", "id": case["value"]["id"], "op": "tryon.stream", "a": {"layers": []}}
        session.receive(codec.encode(call))
    events = session.receive(bytes.fromhex(case["hex"]))
    assert len(events) == 1
    assert not isinstance(events[0], Close)
    assert session.state is (State.GREETED if hello else State.OPEN)


@pytest.mark.parametrize("case", [case for case in MESSAGES if case["from"] == "server"], ids=lambda case: case["name"])
def test_a_client_takes_every_server_vector(case: dict[str, Any]) -> None:
    session = ClientSession()
    session.state = ClientState.WAITING if case["value"]["t"] == "welcome" else ClientState.OPEN
    if case["value"]["t"] in ("part", "done", "fail"):
        session._parts[case["value"]["id"]] = case["value"].get("n", 0)
    message = session.receive(bytes.fromhex(case["hex"]))
    assert type(message) is SERVER_TYPES[case["value"]["t"]]


def greeted_with_calls(case: dict[str, Any]) -> ServerSession:
    session = ServerSession(kinds=KINDS, limits=Limits()) if case["state"] == "fresh" else welcomed()
    for before in case.get("before", []):
        assert not [event for event in session.receive(bytes.fromhex(before)) if isinstance(event, Close)]
    return session


@pytest.mark.parametrize("case", [case for case in REFUSED if "close" in case], ids=lambda case: case["name"])
def test_refused_with_a_close_code(case: dict[str, Any]) -> None:
    session = greeted_with_calls(case)
    events = session.receive(bytes.fromhex(case["hex"]))
    assert [event.code for event in events if isinstance(event, Close)] == [case["close"]]
    assert len(events) == 1
    assert 0 < len(events[0].reason.encode()) <= 123  # what a close frame can carry
    assert session.state is State.CLOSED
    assert session.receive(bytes.fromhex(case["hex"])) == []


@pytest.mark.parametrize("case", [case for case in REFUSED if "fail" in case], ids=lambda case: case["name"])
def test_refused_with_a_fail(case: dict[str, Any]) -> None:
    session = greeted_with_calls(case)
    open_before = set(session.open_calls)
    events = session.receive(bytes.fromhex(case["hex"]))
    assert not [event for event in events if isinstance(event, Close)]
    sent = session.next_to_send()
    assert sent is not None and session.next_to_send() is None
    fail = codec.decode(sent)
    assert (fail["t"], fail["id"], fail["code"]) == ("fail", case["id"], case["fail"])
    assert len(fail["msg"]) <= 300
    assert set(session.open_calls) == open_before - {case["id"]}  # the others live on
    assert session.state is State.OPEN
