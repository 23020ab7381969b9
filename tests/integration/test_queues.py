"""What waits and what runs: budgets, keys, cancels, full queues, with a worker that is held still by the test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from integration.held import held_still
from integration.rawpeer import RawPeer
from integration.running import Sidecar, wait_until

pytestmark = pytest.mark.usefixtures("neighbour")

ENGINE = {"where": "engine", "data": 1}


@pytest.fixture
def client(server: Sidecar) -> Iterator[RawPeer]:
    with server.client() as peer:
        yield peer
        assert peer.ask("server.echo", ENGINE)["t"] == "done"


def picture(side: int = 64) -> dict[str, Any]:
    return {"w": side, "h": side, "f": "rgb8", "o": "top", "d": b"\x80" * (side * side * 3)}


def test_a_budget_that_ends_in_the_queue_is_deadline_in_time(server: Sidecar, client: RawPeer) -> None:
    with held_still(server.worker("frame")):
        running = client.call("server.echo", ENGINE)
        asked = time.monotonic()
        answer = client.ask("server.echo", ENGINE, budget_ms=50)
        assert answer["code"] == "deadline" and 0.04 < time.monotonic() - asked < 0.5
        enough = client.call("server.echo", ENGINE, budget_ms=60_000)
    assert client.answer(running)["t"] == "done" and client.answer(enough)["t"] == "done"


def test_no_budget_at_all_is_deadline(client: RawPeer) -> None:
    assert client.ask("server.echo", ENGINE, budget_ms=0)["code"] == "deadline"


def test_a_budget_does_not_end_what_runs(server: Sidecar, client: RawPeer) -> None:
    with held_still(server.worker("frame")):
        call = client.call("server.echo", ENGINE, budget_ms=30)
        time.sleep(0.1)
    assert client.answer(call)["t"] == "done"


def test_a_newer_key_supersedes_what_waits_and_nothing_else(server: Sidecar, client: RawPeer) -> None:
    with held_still(server.worker("frame")), server.client() as other:
        running = client.call("server.echo", ENGINE, key="view")
        waiting = client.call("server.echo", ENGINE, key="view")
        assert client.ask("server.echo", {"data": 1})["t"] == "done"  # both have been read
        others = [client.call("server.echo", ENGINE, key="else"), other.call("server.echo", ENGINE, key="view")]
        newest = client.call("server.echo", ENGINE, key="view")
        assert client.answer(waiting)["code"] == "superseded"
        assert not client.inbox
    assert client.answer(running)["t"] == "done" and client.answer(newest)["t"] == "done"
    assert client.answer(others[0])["t"] == "done"


def test_cancel_is_answered_at_once_wherever_the_call_is(server: Sidecar, client: RawPeer) -> None:
    with held_still(server.worker("frame")):
        running, waiting = client.call("server.echo", ENGINE), client.call("server.echo", ENGINE)
        for call in (waiting, running):
            client.send({"t": "cancel", "id": call})
            assert client.answer(call)["code"] == "cancelled"
        again = client.call("server.echo", ENGINE, id=running)  # the id is free, whatever the worker still does
    assert client.answer(again)["t"] == "done"


def test_a_cancel_ends_a_call_that_really_runs(server: Sidecar, client: RawPeer) -> None:
    """Cancelled while it computes: the lane is free again for the next call."""
    for _ in range(5):
        call = client.call("vision.segment", {"image": picture(2048)})
        time.sleep(0.005)
        client.send({"t": "cancel", "id": call})
        answer = client.answer(call)
        assert answer["t"] == "done" or answer["code"] == "cancelled"
    assert client.ask("vision.segment", {"image": picture()})["t"] == "done"


def test_one_connection_opens_64_calls_and_no_more(server: Sidecar, client: RawPeer) -> None:
    limit = client.welcome["limits"]["open_calls"]
    with held_still(server.worker("general")):
        calls = [client.call("vision.segment", {"image": picture(8)}, prio=prio(n)) for n in range(limit)]
        answer = client.ask("server.echo", {"data": 1})
        assert answer["code"] == "overloaded" and answer["retry_ms"] > 0
        client.send({"t": "cancel", "id": calls.pop()})
        assert client.answer(limit - 1)["code"] == "cancelled"
        assert client.ask("server.echo", {"data": 1})["t"] == "done"
    for call in calls:
        assert client.answer(call)["t"] == "done"


def prio(number: int) -> str:
    return ("frame", "voice", "chat", "render", "batch")[number % 5]


def test_a_full_queue_is_overloaded_with_a_time_to_come_back(server: Sidecar, client: RawPeer) -> None:
    with held_still(server.worker("general")), server.client() as other:
        calls = [client.call("vision.segment", {"image": picture(8)}) for _ in range(33)]
        wait_until(lambda: server.stats()["queues"]["render"] == 32, what="a full queue")
        for _ in range(5):
            answer = other.ask("vision.segment", {"image": picture(8)})
            assert answer["code"] == "overloaded" and 0 < answer["retry_ms"] <= 60_000
        assert other.ask("server.echo", ENGINE)["t"] == "done", "the other lane has room of its own"
    for call in calls:
        assert client.answer(call)["t"] == "done"


def test_heavy_work_does_not_delay_frames(server: Sidecar, client: RawPeer) -> None:
    with held_still(server.worker("general")):
        heavy = client.call("vision.segment", {"image": picture()})
        for _ in range(20):
            assert client.ask("server.echo", ENGINE)["t"] == "done"
    assert client.answer(heavy)["t"] == "done"


def test_of_waiting_frames_the_newest_is_answered_and_the_rest_counted(server: Sidecar, client: RawPeer) -> None:
    call = client.call("tryon.stream", {"layers": []})
    with held_still(server.worker("frame")):
        for n in range(6):
            client.send({"t": "push", "id": call, "d": {"n": n, "t_us": n * 1000, "image": picture()}})
        assert client.ask("server.echo", {"data": 1})["t"] == "done"  # all have been read
    client.send({"t": "end", "id": call})
    done = client.answer(call)
    parts = [message for message in client.inbox if message["t"] == "part"]
    assert [part["n"] for part in parts] == list(range(len(parts)))
    shown = [part["d"]["n"] for part in parts]
    assert shown[-1] == 5 and shown == sorted(shown) and len(shown) <= 2
    assert done["d"] == {"frames_in": 6, "frames_out": len(shown), "superseded": 6 - len(shown)}
    client.inbox.clear()


@pytest.mark.parametrize(
    "push", [{}, {"n": 1}, {"image": {"f": "rgb8"}}, {"n": -1, "t_us": 0}, {"layers": [{}]}, {"layers": 3}], ids=str
)
def test_a_push_that_is_none_fails_its_stream(client: RawPeer, push: dict[str, Any]) -> None:
    call = client.call("tryon.stream", {"layers": []})
    client.send({"t": "push", "id": call, "d": push})
    assert client.answer(call)["code"] == "bad_request"


def test_an_unknown_product_is_not_found(client: RawPeer) -> None:
    assert client.ask("tryon.stream", {"layers": [{"product": "no-such-thing"}]})["code"] == "not_found"


def test_frames_that_are_late_are_dropped_and_their_stream_goes_on(server: Sidecar, client: RawPeer) -> None:
    call = client.call("tryon.stream", {"layers": []}, budget_ms=40)
    with held_still(server.worker("frame")):
        client.send({"t": "push", "id": call, "d": {"n": 0, "t_us": 0, "image": picture()}})
        client.send({"t": "push", "id": call, "d": {"n": 1, "t_us": 1, "image": picture()}})
        time.sleep(0.15)
    client.send({"t": "end", "id": call})
    done = client.answer(call)["d"]
    assert done["frames_in"] == 2 and done["superseded"] >= 1 and done["frames_out"] + done["superseded"] == 2
    client.inbox.clear()
