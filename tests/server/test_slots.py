"""Every slot that a client hands over comes back exactly once, whatever becomes of the call that it came with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from integration.mapped import ref
from integration.rawpeer import RawPeer
from integration.running import wait_until
from server.inside import Inside

from sidecar.wire.ops import OPS

NAN = float("nan")
LAYERS: dict[str, Any] = {"layers": []}


@pytest.fixture
def client(inside: Inside) -> Iterator[RawPeer]:
    with inside.client(shm=True) as peer:
        yield peer
        assert inside.connections()[0].held == set(), "no slot stays with the server"


def image(reference: object) -> dict[str, Any]:
    return {"w": 1, "h": 1, "f": "rgb8", "o": "top", "d": reference}


def echo(client: RawPeer, slot: int, **more: Any) -> int:
    return client.call("server.echo", {"where": "engine", "image": image(ref(slot, 3, 1))}, **more)


def frame(client: RawPeer, call: int, n: int, slot: int, **more: Any) -> None:
    client.send({"t": "push", "id": call, "d": {"n": n, "t_us": n, "image": image(ref(slot, 3, 1))} | more})


def stream(inside: Inside, client: RawPeer, **more: Any) -> int:
    """An open stream whose worker has opened it."""
    call = client.call("tryon.stream", LAYERS, **more)
    inside.answer(inside.frame)
    return call


def test_after_done(inside: Inside, client: RawPeer) -> None:
    call = echo(client, 3)
    inside.answer(inside.frame)
    assert client.answer(call)["t"] == "done" and client.freed() == [3]


def test_after_a_fail_of_the_worker(inside: Inside, client: RawPeer) -> None:
    call = echo(client, 2)
    inside.refuse(inside.frame, "bad_request")
    assert client.answer(call)["code"] == "bad_request" and client.freed() == [2]


def test_after_cancel_only_once_the_worker_has_read(inside: Inside, client: RawPeer) -> None:
    call = echo(client, 1)
    inside.job(inside.frame)
    client.send({"t": "cancel", "id": call})
    assert client.answer(call)["code"] == "cancelled"
    with pytest.raises(TimeoutError):
        client.expect(lambda m: m["t"] == "free", 0.1)
    inside.answer(inside.frame)
    assert client.freed() == [1]


def test_after_cancel_while_it_waits(inside: Inside, client: RawPeer) -> None:
    first, second = echo(client, 0), echo(client, 1)
    client.send({"t": "cancel", "id": second})
    assert client.answer(second)["code"] == "cancelled" and client.freed() == [1]
    inside.answer(inside.frame)
    assert client.answer(first)["t"] == "done" and client.freed() == [0]


def test_after_superseded_by_its_key(inside: Inside, client: RawPeer) -> None:
    running = echo(client, 0, key="k")
    waiting, newer = echo(client, 1, key="k"), echo(client, 2, key="k")
    assert client.answer(waiting)["code"] == "superseded" and client.freed() == [1]
    inside.answer(inside.frame)
    inside.answer(inside.frame)
    assert [client.answer(call)["t"] for call in (running, newer)] == ["done", "done"]
    assert client.freed(2) == [0, 2]


def test_after_a_superseded_stream_that_had_not_begun(inside: Inside, client: RawPeer) -> None:
    blocker = echo(client, 7)
    older = client.call("tryon.stream", LAYERS, key="k")
    frame(client, older, 0, 4)
    frame(client, older, 1, 5, layers=[])
    newer = client.call("tryon.stream", LAYERS, key="k")
    assert client.answer(older)["code"] == "superseded" and client.freed(2) == [4, 5]
    client.send({"t": "cancel", "id": newer})
    inside.answer(inside.frame)
    assert client.answer(blocker)["t"] == "done" and client.freed() == [7]


def test_after_a_deadline_in_the_queue(inside: Inside, client: RawPeer) -> None:
    first, late = echo(client, 0), echo(client, 1, budget_ms=20)
    assert client.answer(late)["code"] == "deadline" and client.freed() == [1]
    inside.answer(inside.frame)
    assert client.answer(first)["t"] == "done" and client.freed() == [0]


def test_dropped_frames_give_theirs_back_and_are_counted(inside: Inside, client: RawPeer) -> None:
    call = stream(inside, client)
    for n in range(5):
        frame(client, call, n, n)
    assert client.freed(3) == [1, 2, 3]
    for n in (0, 4):
        inside.answer(inside.frame, {"n": n})
        assert client.expect(lambda m: m["t"] == "part")["d"] == {"n": n}
    client.send({"t": "end", "id": call})
    inside.answer(inside.frame)
    assert client.answer(call)["d"] == {"frames_in": 5, "frames_out": 2, "superseded": 3}
    assert client.freed(2) == [0, 4]


def test_a_frame_with_layers_is_counted_too(inside: Inside, client: RawPeer) -> None:
    call = stream(inside, client)
    frame(client, call, 0, 0, layers=[])
    inside.answer(inside.frame, {"n": 0})
    client.send({"t": "end", "id": call})
    inside.answer(inside.frame)
    assert client.answer(call)["d"] == {"frames_in": 1, "frames_out": 1, "superseded": 0}
    assert client.freed() == [0]


def test_after_the_end_of_a_stream(inside: Inside, client: RawPeer) -> None:
    """What is pushed behind `end` is ignored; its slots are not kept."""
    call = stream(inside, client)
    client.send({"t": "end", "id": call})
    frame(client, call, 0, 6)
    assert client.freed() == [6]
    inside.answer(inside.frame)
    assert client.answer(call)["d"] == {"frames_in": 0, "frames_out": 0, "superseded": 0}
    frame(client, call, 1, 6)
    assert client.freed() == [6]


def test_a_stream_leaves_nothing_in_the_scheduler(inside: Inside, client: RawPeer) -> None:
    for _ in range(3):
        call = stream(inside, client)
        client.send({"t": "end", "id": call})
        inside.answer(inside.frame)
        client.answer(call)
    assert inside.do(lambda: dict(inside.gateway._scheduler._streams)) == {}


def test_after_the_worker_died(inside: Inside, client: RawPeer) -> None:
    call = stream(inside, client)
    frame(client, call, 0, 0)
    frame(client, call, 1, 1)
    inside.job(inside.frame)
    inside.die(inside.frame)
    assert client.answer(call)["code"] == "unavailable" and client.freed(2) == [0, 1]
    waiting = echo(client, 2)
    inside.revive(inside.frame)
    inside.answer(inside.frame)
    assert client.answer(waiting)["t"] == "done" and client.freed() == [2]


REFUSED: dict[str, Callable[[RawPeer], int]] = {
    "unknown op": lambda c: c.call("no.such.op", {"image": image(ref(5, 3, 1))}),
    "op of a later version": lambda c: c.call("render.cutout", {"image": image(ref(5, 3, 1))}),
    "op of the gateway": lambda c: c.call("server.stats", {"image": image(ref(5, 3, 1))}),
    "NaN beside it": lambda c: c.call("server.echo", {"data": NAN, "image": image(ref(5, 3, 1))}),
    "wrong budget": lambda c: echo(c, 5, budget_ms=-1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_that_is_refused_gives_back_what_came_with_it(client: RawPeer, name: str) -> None:
    client.answer(REFUSED[name](client))
    assert client.freed() == [5]


def test_a_push_that_fails_its_call_gives_back_what_came_with_it(inside: Inside, client: RawPeer) -> None:
    call = stream(inside, client)
    client.send({"t": "push", "id": call, "d": {"n": NAN, "image": image(ref(5, 3, 1))}})
    assert client.answer(call)["code"] == "bad_request" and client.freed() == [5]
    assert ("close", 1, call) in inside.frame.told


@pytest.mark.parametrize(
    "reference",
    [ref(8, 3, 1), ref(15, 3, 1), ref(16, 3, 1), ref(2**32 - 1, 3, 1), ref(0, 2**32 - 1, 1)],
    ids=["of the server", "its last", "behind the last", "far out", "too long"],
)
def test_a_reference_outside_is_bad_request(client: RawPeer, reference: object) -> None:
    answer = client.ask("server.echo", {"where": "engine", "image": image(reference)})
    assert answer["code"] == "bad_request"
    client.inbox.clear()


def test_a_slot_that_was_not_given_back_is_bad_request_and_stays_with_its_call(inside: Inside, client: RawPeer) -> None:
    first = echo(client, 3)
    second = echo(client, 3)
    assert client.answer(second)["code"] == "bad_request"
    inside.answer(inside.frame)
    assert client.answer(first)["t"] == "done" and client.freed() == [3]


def test_one_slot_twice_in_a_call_is_bad_request(client: RawPeer) -> None:
    answer = client.ask("server.echo", {"where": "engine", "image": image(ref(4, 3, 1)), "data": ref(4, 3, 1)})
    assert answer["code"] == "bad_request" and client.freed() == [4]


# -- the server's own slots ------------------------------------------------------------------------------------------


def free_slots(inside: Inside) -> int:
    pool = inside.connections()[0].down
    assert pool is not None
    return pool.free


def test_slots_are_granted_only_once_the_client_has_mapped(inside: Inside) -> None:
    with inside.peer() as peer:
        peer.hello("inside-token", shm=True, map_it=False)
        echo(peer, 0)
        assert inside.job(inside.frame).grants == []
        inside.answer(inside.frame)
        peer.send({"t": "free", "slots": []})
        echo(peer, 1)
        assert len(inside.job(inside.frame).grants) == OPS["server.echo"].pictures


def test_unused_grants_come_back_and_used_ones_wait_for_free(inside: Inside, client: RawPeer) -> None:
    call = echo(client, 0)
    (slot, sequence), *_ = inside.job(inside.frame).grants
    assert sequence > 0
    inside.answer(inside.frame, {"slot": slot}, used=[slot])
    client.answer(call)
    assert free_slots(inside) == 7
    client.send({"t": "free", "slots": [slot, slot, 99, 0]})
    wait_until(lambda: free_slots(inside) == 8)
    client.freed()


@pytest.mark.parametrize("end", ["cancel", "fail", "die"])
def test_grants_of_a_call_without_a_result_come_back(inside: Inside, client: RawPeer, end: str) -> None:
    call = echo(client, 0)
    job = inside.job(inside.frame)
    if end == "cancel":
        client.send({"t": "cancel", "id": call})
        client.answer(call)
        assert free_slots(inside) == 7  # the worker may still write to them
        inside.answer(inside.frame, {}, used=[job.grants[0][0]])
    elif end == "fail":
        inside.refuse(inside.frame, "internal")
    else:
        inside.die(inside.frame)
    wait_until(lambda: free_slots(inside) == 8)
    assert client.freed() == [0]


def test_a_slow_reader_gets_the_newest_frames_and_the_dropped_ones_slots_return(inside: Inside) -> None:
    with inside.client(shm=True, receive_buffer=4096) as slow:
        call = stream(inside, slow)
        slow.call("server.echo", {"data": b"x" * (6 << 20)})  # fills the pipe to it
        wait_until(lambda: inside.connections()[0]._paused_since is not None)
        for n in range(6):
            frame(slow, call, n, 0)
            slot = inside.job(inside.frame).grants[0][0]
            inside.answer(inside.frame, {"n": n, "slot": slot}, used=[slot])
        assert free_slots(inside) == 6
        parts = [slow.expect(lambda m: m["t"] == "part") for _ in range(2)]
        assert [part["d"]["n"] for part in parts] == [4, 5]
        assert [part["n"] for part in parts] == [0, 1]
        slow.send({"t": "end", "id": call})
        inside.answer(inside.frame)
        assert slow.answer(call)["d"] == {"frames_in": 6, "frames_out": 2, "superseded": 4}
