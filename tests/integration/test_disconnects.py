"""Peers that go away in every state, and peers that come in floods: nothing of them stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from integration.held import held_still
from integration.rawpeer import PeerClosed, RawPeer, Rejected
from integration.running import Sidecar, wait_until

pytestmark = pytest.mark.usefixtures("neighbour")

ENGINE = {"where": "engine", "data": 1}
SMALL = {"w": 8, "h": 8, "f": "rgb8", "o": "top", "d": b"\x80" * 192}


def before_hello(server: Sidecar) -> RawPeer:
    return server.peer()


def mid_handshake(server: Sidecar) -> RawPeer:
    peer = server.peer(handshake=False)
    peer.send_wire(b"GET /v1 HTTP/1.1\r\nHost: ")
    return peer


def mid_message(server: Sidecar) -> RawPeer:
    peer = server.client(shm=True)
    peer.half_frame(1 << 20)
    return peer


def mid_fragments(server: Sidecar) -> RawPeer:
    peer = server.client(shm=True)
    peer.send_wire(b"\x02\x81" + b"\x00" * 4 + b"x")
    return peer


def idle(server: Sidecar) -> RawPeer:
    return server.client(shm=True)


def with_an_open_call(server: Sidecar) -> RawPeer:
    peer = server.client(shm=True)
    for _ in range(3):
        peer.call("server.echo", ENGINE)
    peer.call("vision.segment", {"image": SMALL})
    return peer


def with_an_open_stream(server: Sidecar) -> RawPeer:
    peer = server.client(shm=True)
    peer.call("tryon.stream", {"layers": []})
    return peer


def mid_push(server: Sidecar) -> RawPeer:
    peer = with_an_open_stream(server)
    for n in range(3):
        peer.send({"t": "push", "id": 0, "d": {"n": n, "t_us": n, "image": SMALL}})
    peer.half_frame(5000)
    return peer


def with_a_picture_in_a_slot(server: Sidecar) -> RawPeer:
    peer = server.client(shm=True)
    assert peer.memory is not None
    image = SMALL | {"d": peer.memory.write(0, 1, SMALL["d"])}
    peer.call("server.echo", {"where": "engine", "image": image})
    return peer


def with_a_model_op(server: Sidecar) -> RawPeer:
    peer = server.client()
    peer.call("model.load", {"name": "iris"})
    return peer


STATES: list[Callable[[Sidecar], RawPeer]] = [
    before_hello,
    mid_handshake,
    mid_message,
    mid_fragments,
    idle,
    with_an_open_call,
    with_an_open_stream,
    mid_push,
    with_a_picture_in_a_slot,
    with_a_model_op,
]


def state_of(server: Sidecar) -> dict[str, Any]:
    """What a connection could leave behind: descriptors and mappings of the processes, sessions, waiting jobs."""
    stats = server.stats()
    processes = [server.gateway] + [psutil.Process(row["pid"]) for row in stats["workers"]]
    return {
        "fds": [process.num_fds() if hasattr(process, "num_fds") else process.num_handles() for process in processes],
        "maps": [sum("vitrine" in item.path for item in process.memory_maps(grouped=False)) for process in processes],
        "sessions": stats["sessions"],
        "queues": stats["queues"],
        "pids": [process.pid for process in processes],
    }


@pytest.mark.parametrize("held", [False, True], ids=["", "workers held"])
@pytest.mark.parametrize("leave", [RawPeer.vanish, RawPeer.close], ids=["reset", "close"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_disconnect_leaves_nothing(
    server: Sidecar, state: Callable[[Sidecar], RawPeer], leave: Callable[[RawPeer], None], held: bool
) -> None:
    before = state_of(server)
    if held:
        with held_still(server.worker("frame")), held_still(server.worker("general")):
            leave(state(server))
            wait_until(lambda: server.stats()["sessions"] == before["sessions"], what="forgetting the session")
            wait_until(lambda: sum(server.stats()["queues"].values()) == 0, what="emptying the queues")
    else:
        leave(state(server))
    with server.client() as other:  # the worker has worked off what came before
        for op in ({"op": "server.echo", "a": ENGINE}, {"op": "vision.segment", "a": {"image": SMALL}}):
            assert other.ask(**op)["t"] == "done"
    wait_until(lambda: state_of(server) == before, what="leaving nothing")


def test_200_connections_leave_no_descriptor(server: Sidecar) -> None:
    before = state_of(server)
    for number in range(200):
        peer = server.client(shm=number % 2 == 0)
        if number % 10 == 0:
            peer.call("tryon.stream", {"layers": []})
            assert peer.memory is not None
            sent = SMALL | {"d": peer.memory.write(0, 1, SMALL["d"])}
            assert peer.ask("server.echo", {"where": "engine", "image": sent})["t"] == "done"
        (peer.vanish if number % 3 else peer.close)()
    wait_until(lambda: state_of(server) == before, what="leaving nothing")


def test_a_connection_that_breaks_the_contract_takes_only_its_own_calls(server: Sidecar) -> None:
    """Its answers come back to a session that is closed already; the workers live on."""
    pids = state_of(server)["pids"]
    for bad in (b"\xc1", b"\x81\xa1t\xa1x"):
        peer = with_an_open_call(server)
        peer.call("tryon.stream", {"layers": []})
        peer.send({"t": "push", "id": 4, "d": {"n": 0, "t_us": 0, "image": SMALL}})
        peer.send_bytes(bad)
        assert peer.close_code() == 4000
    peer = with_an_open_call(server)
    peer.send_close()
    assert peer.close_code() == 1000
    with server.client() as other:
        assert other.ask("server.echo", ENGINE)["t"] == "done"
    assert state_of(server)["pids"] == pids
    assert "Traceback" not in server.log


def test_a_flood_of_connections_is_turned_away_and_others_are_served(server: Sidecar) -> None:
    flood: list[RawPeer] = []
    refused = 0
    with server.client() as other:
        for _ in range(60):
            try:
                flood.append(server.peer())
            except (Rejected, PeerClosed, OSError):
                refused += 1
            assert other.ask("server.echo", {"data": 1})["t"] == "done"
        assert len(flood) == 16 and refused == 44
    for peer in flood:
        peer.vanish()
    wait_until(lambda: welcome(server), what="being let in again")


def welcome(server: Sidecar) -> bool:
    try:
        server.client().close()
    except (Rejected, PeerClosed, OSError):
        return False
    return True


def test_a_flood_of_calls_is_answered_or_refused_one_by_one(server: Sidecar) -> None:
    with server.client() as flood, server.client() as other:
        for number in range(2000):
            flood.send({"t": "call", "id": number, "op": "server.echo", "a": ENGINE})
        worst = 0.0
        for _ in range(50):
            asked = time.monotonic()
            assert other.ask("server.echo", {"data": 1})["t"] == "done"
            worst = max(worst, time.monotonic() - asked)
        ends = [flood.recv() for _ in range(2000)]
        assert sorted(end["id"] for end in ends) == list(range(2000))
        assert {end.get("code", "done") for end in ends} <= {"done", "overloaded"}
        assert all(end["retry_ms"] > 0 for end in ends if end["t"] == "fail")
        assert worst < 0.5
