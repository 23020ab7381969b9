"""Messages that break the contract: the exact close or fail, and a neighbour that notices nothing."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from integration.held import held_still
from integration.mapped import ref
from integration.rawpeer import RawPeer, hello, pack
from integration.running import Sidecar, wait_until

pytestmark = pytest.mark.usefixtures("neighbour")

NAN, INF = float("nan"), float("inf")


def with_token(server: Sidecar, **changes: Any) -> bytes:
    message = hello(server.token) | changes
    return pack({key: value for key, value in message.items() if value is not ...})


# -- before the welcome ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", "x" * 43, 7, None, ..., ["t"]])
def test_a_wrong_or_missing_token_is_1008(server: Sidecar, token: Any) -> None:
    with server.peer() as peer:
        peer.send_bytes(with_token(server, token=token))
        assert peer.close_code() == 1008


@pytest.mark.parametrize("version", [0, 2, -1, "1", None, ..., 1.0, 2**63])
def test_an_unsupported_version_is_4002(server: Sidecar, version: Any) -> None:
    with server.peer() as peer:
        peer.send_bytes(with_token(server, v=version))
        assert peer.close_code() == 4002


@pytest.mark.parametrize(
    "first",
    [
        {"t": "call", "id": 0, "op": "server.echo", "a": {}},
        {"t": "push", "id": 0, "d": {}},
        {"t": "free", "slots": []},
        {"t": "ping", "c0": 1},
    ],
    ids=lambda message: message["t"],
)
def test_anything_before_hello_is_4001(server: Sidecar, first: dict[str, Any]) -> None:
    with server.peer() as peer:
        peer.send(first)
        assert peer.close_code() == 4001


def test_a_second_hello_is_4001(server: Sidecar) -> None:
    with server.client() as peer:
        peer.send(hello(server.token))
        assert peer.close_code() == 4001


@pytest.mark.parametrize("subprotocol", [None, "vitrine.v2", "mqtt"])
def test_without_the_subprotocol_it_is_4001(server: Sidecar, subprotocol: str | None) -> None:
    with server.peer(subprotocol=subprotocol) as peer:
        assert peer.close_code() == 4001


@pytest.mark.parametrize("changes", [{"client": 1}, {"client": {}}, {"lang": "xx"}, {"profile": {"id": 1}}, {"shm": 2}])
def test_a_hello_with_wrong_fields_is_4000(server: Sidecar, changes: dict[str, Any]) -> None:
    with server.peer() as peer:
        peer.send_bytes(with_token(server, **changes))
        assert peer.close_code() == 4000


def test_unknown_keys_of_hello_are_ignored(server: Sidecar) -> None:
    with server.peer() as peer:
        peer.send_bytes(with_token(server, later={"a": [1]}))
        assert peer.recv()["t"] == "welcome"


def test_more_than_4_kib_before_the_welcome_is_1009(server: Sidecar) -> None:
    with server.peer() as peer:
        peer.send(hello(server.token) | {"filler": b"x" * 4096})
        assert peer.close_code() == 1009


def test_an_announced_length_over_4_kib_is_1009_before_its_bytes_come(server: Sidecar) -> None:
    with server.peer() as peer:
        peer.half_frame(1 << 40)
        assert peer.close_code() == 1009


# -- bytes that are no message ---------------------------------------------------------------------------------------

CALL = pack({"t": "call", "id": 0, "op": "server.echo", "a": {"data": "x" * 40}})
NOT_MESSAGES = {
    "empty": b"",
    "cut short": CALL[:-1],
    "half a call": CALL[: len(CALL) // 2],
    "bytes after it": CALL + b"\x00",
    "two messages": CALL + CALL,
    "an array": pack([1, 2, 3]),
    "a number": pack(7),
    "nil": b"\xc0",
    "never used": b"\xc1",
    "an empty map": pack({}),
    "t is missing": pack({"id": 1}),
    "t is unknown": pack({"t": "destroy"}),
    "t is of the server": pack({"t": "done", "id": 0, "d": {}}),
    "t is a number": pack({"t": 1}),
    "t is a list": pack({"t": ["call"]}),
    "t is a map": pack({"t": {}}),
    "a key is a number": pack({1: 2, "t": "ping"}),
    "bad utf-8": b"\x82\xa1t\xa4ping\xa2c0\xa2\xff\xfe",
    "depth bomb, arrays": b"\x81\xa1t" + b"\x91" * 100_000 + b"\xc0",
    "depth bomb, maps": b"\x81\xa1t" + b"\x81\xa1a" * 100_000 + b"\xc0",
    "array32 bomb": b"\x82\xa1t\xa4call\xa1a\xdd\xff\xff\xff\xff",
    "map32 bomb": b"\xdf\xff\xff\xff\xff",
    "bin32 bomb": b"\x82\xa1t\xa4call\xa1a\xc6\xff\xff\xff\xff",
    "ext32 bomb": b"\x82\xa1t\xa4call\xa1a\xc9\xff\xff\xff\xff\x01",
    "a ping without c0": pack({"t": "ping"}),
    "a ping with NaN": pack({"t": "ping", "c0": NAN}),
    "a pace with infinity": pack({"t": "pace", "refresh_hz": INF, "frame_ms": 1.0, "dropped": 0}),
    "a free of negative slots": pack({"t": "free", "slots": [-1]}),
    "a free of 5000 slots": pack({"t": "free", "slots": [0] * 5000}),
    "a call without id": pack({"t": "call", "op": "server.echo", "a": {}}),
    "a call with a negative id": pack({"t": "call", "id": -1, "op": "server.echo", "a": {}}),
    "a call with an id over 32 bits": pack({"t": "call", "id": 2**32, "op": "server.echo", "a": {}}),
    "a call with a text as id": pack({"t": "call", "id": "0", "op": "server.echo", "a": {}}),
}


@pytest.mark.parametrize("data", NOT_MESSAGES.values(), ids=NOT_MESSAGES.keys())
def test_what_is_no_message_is_4000(server: Sidecar, data: bytes) -> None:
    with server.client() as peer:
        peer.send_bytes(data)
        assert peer.close_code() == 4000


def test_a_text_frame_is_1003(server: Sidecar) -> None:
    with server.client() as peer:
        peer.send_text('{"t": "ping"}')
        assert peer.close_code() == 1003


def test_a_text_frame_before_hello_is_1003(server: Sidecar) -> None:
    with server.peer() as peer:
        peer.send_text("hello")
        assert peer.close_code() == 1003


def test_bombs_of_objects_cost_no_memory(server: Sidecar) -> None:
    """Megabytes of tiny values, each of which would become an object of fifty bytes and more."""
    empties = b"\x82\xa1t\xa4call\xa1a\xdd" + struct.pack(">I", 8_000_000) + b"\x80" * 8_000_000
    nils = b"\x82\xa1t\xa4call\xa1a\xdd" + struct.pack(">I", 16_000_000) + b"\xc0" * 16_000_000
    before = server.gateway.memory_info().rss
    for data in (empties, nils, empties):
        with server.client() as peer:
            peer.send_bytes(data)
            assert peer.close_code() == 4000
    wait_until(
        lambda: server.gateway.memory_info().rss - before < 64 * 2**20, timeout=3, what="giving the memory back"
    )


def test_a_message_over_the_limit_is_1009(server: Sidecar) -> None:
    with server.client() as peer:
        peer.half_frame(peer.welcome["limits"]["message_bytes"] + 1)
        assert peer.close_code() == 1009


def test_fragments_over_the_limit_together_are_1009(server: Sidecar) -> None:
    with server.client() as peer:
        piece = b"x" * (1 << 20)
        peer.send_fragments([piece] * (peer.welcome["limits"]["message_bytes"] // len(piece) + 1))
        assert peer.close_code() == 1009


def test_a_message_in_fragments_is_one_message(server: Sidecar) -> None:
    data = pack({"t": "call", "id": 3, "op": "server.echo", "a": {"data": "whole"}})
    with server.client() as peer:
        peer.send_fragments([data[:1], b"", data[1:9], data[9:]])
        assert peer.answer(3)["d"] == {"data": "whole"}


def test_a_million_fragments_cost_no_more_than_their_bytes(server: Sidecar) -> None:
    frame = b"\x00\x81" + b"\x00\x00\x00\x00" + b"x"  # a masked continuation of one byte
    before = server.gateway.memory_info().rss
    with server.client() as peer:
        peer.send_wire(b"\x02\x81" + b"\x00\x00\x00\x00" + b"x")
        for _ in range(20):
            peer.send_wire(frame * 20_000)
        grown = server.gateway.memory_info().rss - before
        assert grown < 16 * 2**20


def test_websocket_pings_are_answered(server: Sidecar) -> None:
    with server.client() as peer:
        peer.send_ping(b"are you there")
        assert peer.pong() == b"are you there"


def test_a_close_is_answered_with_its_code(server: Sidecar) -> None:
    with server.client() as peer:
        peer.send_close()
        assert peer.close_code() == 1000


def test_broken_websocket_framing_is_1002(server: Sidecar) -> None:
    with server.client() as peer:
        peer.send_wire(b"\xff\xff\xff\xff")
        assert peer.close_code() == 1002


# -- calls -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(server: Sidecar) -> Any:
    with server.client() as peer:
        yield peer
        assert peer.ask("server.echo", {"data": 1})["d"] == {"data": 1}, "the connection itself must go on"


def code_of(answer: dict[str, Any]) -> str:
    """The code of a fail, whose sentence is plain: no trace, no path."""
    assert answer["t"] == "fail", answer
    assert answer["msg"] and "Traceback" not in answer["msg"] and "/" not in answer["msg"].replace("w/h", "")
    assert len(answer["msg"].encode()) <= 300
    return str(answer["code"])


@pytest.mark.parametrize("op", ["", "server", "server.Echo", "nothing.here", "x" * 64, "__class__"])
def test_an_op_that_does_not_exist_is_unknown_op(client: RawPeer, op: str) -> None:
    assert code_of(client.ask(op)) == "unknown_op"


@pytest.mark.parametrize("op", ["render.image", "shop.search", "speech.listen", "user.erase"])
def test_an_op_of_a_later_version_is_not_found(client: RawPeer, op: str) -> None:
    assert op not in client.welcome["ops"]
    assert code_of(client.ask(op)) == "not_found"


def test_an_id_that_is_open_is_4001(server: Sidecar) -> None:
    with server.client() as peer:
        peer.call("tryon.stream", {"layers": []}, id=5)
        peer.call("server.echo", {"data": 1}, id=5)
        assert peer.close_code() == 4001


def test_an_id_is_free_again_after_its_end(client: RawPeer) -> None:
    for round in range(3):
        assert client.answer(client.call("server.echo", {"data": round}, id=77))["d"] == {"data": round}


@pytest.mark.parametrize("budget", [NAN, INF, -INF, -1, -0.001, "10", 1e12, [1]])
def test_a_budget_that_is_no_budget_is_bad_request(client: RawPeer, budget: Any) -> None:
    assert code_of(client.ask("server.echo", {"where": "engine", "data": 1}, budget_ms=budget)) == "bad_request"


@pytest.mark.parametrize("prio", ["", "urgent", 1, "FRAME"])
def test_an_unknown_priority_is_bad_request(client: RawPeer, prio: Any) -> None:
    assert code_of(client.ask("server.echo", {"data": 1}, prio=prio)) == "bad_request"


@pytest.mark.parametrize(
    "arguments",
    [{"data": NAN}, {"data": [[{"x": -INF}]]}, {"where": "moon"}, {"where": 1}, {"image": 3}, {"image": {"f": "rgb8"}}],
    ids=str,
)
@pytest.mark.parametrize("where", ["gateway", "engine"])
def test_arguments_that_are_not_valid_are_bad_request(client: RawPeer, arguments: dict[str, Any], where: str) -> None:
    assert code_of(client.ask("server.echo", {"where": where} | arguments)) == "bad_request"


def test_an_unknown_extension_type_is_bad_request(client: RawPeer) -> None:
    assert code_of(client.ask("server.echo", {"data": msgpack.ExtType(9, b"xx")})) == "bad_request"


def test_a_reference_without_shared_memory_is_bad_request(client: RawPeer) -> None:
    image = {"w": 1, "h": 1, "f": "rgb8", "o": "top", "d": ref(0, 3, 1)}
    assert code_of(client.ask("server.echo", {"where": "engine", "image": image})) == "bad_request"
    assert code_of(client.ask("server.echo", {"where": "gateway", "image": image})) == "bad_request"


def test_a_deep_value_is_bad_request(client: RawPeer) -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    assert code_of(client.ask("server.echo", {"data": value})) == "bad_request"


def test_a_fail_does_not_quote_megabytes(client: RawPeer) -> None:
    assert code_of(client.ask("server.echo", {"where": "x" * 1_000_000})) == "bad_request"


def test_push_and_end_on_a_unary_call_fail_it(server: Sidecar, client: RawPeer) -> None:
    for step in ({"t": "push", "d": {}}, {"t": "end"}):
        with held_still(server.worker("general")):
            call = client.call("vision.segment", {"image": {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"x"}})
            client.send({**step, "id": call})
            assert code_of(client.answer(call)) == "bad_request"


def test_push_end_and_cancel_of_what_is_not_open_are_ignored(client: RawPeer) -> None:
    for message in ({"t": "push", "d": {}}, {"t": "end"}, {"t": "cancel"}):
        client.send({**message, "id": 4_000_000})
    client.send({"t": "push", "id": 4_000_000, "d": {"x": NAN}})
