"""Pictures through the real mapping: right ones come back through slots, wrong references fail their call alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
from integration.held import held_still
from integration.mapped import Memory, ref
from integration.rawpeer import RawPeer
from integration.running import Sidecar

pytestmark = pytest.mark.usefixtures("neighbour")

PIXELS = bytes(range(192))


@pytest.fixture
def client(server: Sidecar) -> Iterator[RawPeer]:
    """Goes on after the test: a right picture in slot 0 with a new sequence is echoed."""
    with server.client(shm=True) as peer:
        yield peer
        answer = peer.ask("server.echo", {"where": "engine", "image": image(memory(peer).write(0, 10_000, PIXELS))})
        assert answer["t"] == "done", answer


def memory(peer: RawPeer) -> Memory:
    assert peer.memory is not None
    return peer.memory


def image(data: object, w: int = 8, h: int = 8, f: str = "rgb8") -> dict[str, Any]:
    return {"w": w, "h": h, "f": f, "o": "top", "d": data}


def echo(peer: RawPeer, data: object, **more: Any) -> dict[str, Any]:
    return peer.ask("server.echo", {"where": "engine", "image": image(data, **more)})


@pytest.mark.parametrize("where", ["engine", "gateway"])
def test_a_picture_goes_there_and_back_through_slots(client: RawPeer, where: str) -> None:
    offer = memory(client).offer
    for round in range(30):  # more often than there are slots of either side
        sent = memory(client).write(round % offer["up"], 1 + round, PIXELS)
        answer = client.ask("server.echo", {"where": where, "image": image(sent)})
        back = answer["d"]["image"]["d"]
        assert isinstance(back, msgpack.ExtType), "it must not fall back to inline bytes"
        assert memory(client).read(back) == PIXELS
        assert client.freed(settle=0) == [round % offer["up"]]
        slot = int.from_bytes(back.data[:4], "big")
        assert offer["up"] <= slot < offer["up"] + offer["down"]
        client.send({"t": "free", "slots": [slot]})


def test_without_a_free_slot_the_bytes_come_inline(client: RawPeer) -> None:
    offer = memory(client).offer
    kinds = []
    for round in range(offer["down"] + 3):
        answer = echo(client, memory(client).write(0, 1 + round, PIXELS))
        kinds.append(type(answer["d"]["image"]["d"]))
        client.freed(settle=0)
    assert kinds == [msgpack.ExtType] * offer["down"] + [bytes] * 3
    client.send({"t": "free", "slots": list(range(offer["up"], offer["up"] + offer["down"]))})
    assert isinstance(echo(client, memory(client).write(0, 99, PIXELS))["d"]["image"]["d"], msgpack.ExtType)


WRONG: dict[str, Any] = {
    "never written": lambda m: ref(5, 192, 1),
    "stale": lambda m: (m.write(0, 7, PIXELS), ref(0, 192, 6))[1],
    "from the future": lambda m: (m.write(0, 7, PIXELS), ref(0, 192, 8))[1],
    "torn": lambda m: m.write(0, 7, PIXELS, header_sequence=0),
    "sequence 0": lambda m: m.write(0, 0, PIXELS),
    "another length": lambda m: m.write(0, 7, PIXELS, header_length=191),
    "slot of the server": lambda m: m.write(m.offer["up"], 7, PIXELS),
    "behind the last slot": lambda m: ref(m.offer["up"] + m.offer["down"], 192, 1),
    "far out": lambda m: ref(2**32 - 1, 192, 1),
    "longer than a slot": lambda m: ref(0, m.offer["slot_bytes"], 1),
    "longest": lambda m: ref(0, 2**32 - 1, 2**64 - 1),
    "too short": lambda m: msgpack.ExtType(1, b"\x00" * 15),
    "another extension": lambda m: msgpack.ExtType(2, b"\x00" * 16),
    "length of another size": lambda m: m.write(0, 7, PIXELS[:-1]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_reference_is_bad_request_and_harms_nothing(client: RawPeer, name: str) -> None:
    answer = echo(client, WRONG[name](memory(client)))
    assert (answer["t"], answer["code"]) == ("fail", "bad_request")


def test_a_slot_that_was_not_given_back_is_bad_request(server: Sidecar, client: RawPeer) -> None:
    call = {"where": "engine", "image": image(memory(client).write(2, 5, PIXELS))}
    with held_still(server.worker("frame")):
        first = client.call("server.echo", call)
        assert client.ask("server.echo", call)["code"] == "bad_request"
    assert client.answer(first)["t"] == "done" and client.freed() == [2]


def test_a_slot_written_while_it_is_read_fails_that_call_alone(server: Sidecar, client: RawPeer) -> None:
    """The writer breaks the rule: the reference was sent, and before the worker reads, the slot changes."""
    with held_still(server.worker("frame")):
        call = client.call("server.echo", {"where": "engine", "image": image(memory(client).write(2, 5, PIXELS))})
        memory(client).write(2, 6, PIXELS[::-1])
    assert client.answer(call)["code"] == "bad_request" and client.freed() == [2]


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("op", ["server.echo", "vision.segment"])
def test_encoded_pictures_do_not_travel_in_slots(client: RawPeer, form: str, op: str) -> None:
    sent = image(memory(client).write(0, 3, PIXELS), f=form)
    arguments = {"image": sent} | ({"where": "engine"} if op == "server.echo" else {})
    assert client.ask(op, arguments)["code"] == "bad_request" and client.freed() == [0]


@pytest.mark.parametrize("where", ["engine", "gateway"])
def test_a_reference_that_is_no_picture_is_bad_request(client: RawPeer, where: str) -> None:
    sent = memory(client).write(0, 3, PIXELS)
    for data in (sent, [sent], {"x": sent}):
        answer = client.ask("server.echo", {"where": where, "data": data})
        assert answer["code"] == "bad_request" and client.freed() == [0]


def test_one_connection_cannot_name_the_slots_of_another(server: Sidecar, client: RawPeer) -> None:
    with server.client(shm=True) as other:
        memory(other).write(4, 77, PIXELS)
        assert echo(client, ref(4, 192, 77))["code"] == "bad_request"
        client.freed()


def test_the_memory_cannot_be_shrunk_under_the_reader(client: RawPeer) -> None:
    import os

    try:
        fd = os.open(memory(client).offer["name"], os.O_RDWR)
    except OSError:
        return  # Windows: a named mapping has no size that could change
    try:
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 4096)
    finally:
        os.close(fd)
