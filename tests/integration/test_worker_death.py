"""A worker that is killed takes its calls along, not the connection: they fail at once, the next ones are answered."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from integration.held import held_still
from integration.rawpeer import RawPeer
from integration.running import Sidecar, wait_until

from sidecar.wire.ops import OPS

ENGINE = {"where": "engine", "data": 1}


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server whose workers may be killed."""
    sidecar = Sidecar(tmp_path_factory.mktemp("mortal")).ready()
    yield sidecar
    assert sidecar.stop() == 0


def image(n: int) -> dict[str, Any]:
    return {"w": 64, "h": 64, "f": "rgb8", "o": "top", "d": bytes([n % 256]) * (64 * 64 * 3)}


def push(peer: RawPeer, call: int, n: int) -> None:
    peer.send({"t": "push", "id": call, "d": {"n": n, "t_us": n, "image": image(n)}})


def part(peer: RawPeer, call: int) -> dict[str, Any]:
    return peer.expect(lambda message: message["t"] == "part" and message["id"] == call)


def test_three_kills_in_mid_stream(mortal: Sidecar) -> None:
    restarts = []
    with mortal.client() as peer:
        for round in range(3):
            call = peer.call("tryon.stream", {"layers": []})
            push(peer, call, 0)
            assert part(peer, call)["d"]["n"] == 0
            worker = mortal.worker("frame")
            with held_still(worker):
                push(peer, call, 1)
                killed = time.monotonic()
                worker.kill()
                answer = peer.answer(call, timeout=2)
            assert answer["code"] == "unavailable"
            assert time.monotonic() - killed < 0.5, "it is noticed at once, not when somebody asks"
            call = peer.call("tryon.stream", {"layers": []})
            push(peer, call, 2)
            assert part(peer, call)["d"]["n"] == 2
            restarts.append(time.monotonic() - killed)
            peer.send({"t": "end", "id": call})
            assert peer.answer(call)["d"] == {"frames_in": 1, "frames_out": 1, "superseded": 0}
            row = next(row for row in mortal.stats()["workers"] if row["name"] == "frame")
            assert row["restarts"] == round + 1 and row["pid"] != worker.pid
    models = {model["name"]: model["state"] for model in mortal.stats()["models"]}
    assert models == dict.fromkeys(models, "ready") and set(OPS["tryon.stream"].models) <= set(models)
    assert max(restarts) < 6


def test_running_calls_fail_and_waiting_ones_are_answered(mortal: Sidecar) -> None:
    worker = mortal.worker("general")
    with mortal.client(shm=True) as peer, mortal.client() as other:
        assert peer.memory is not None
        with held_still(worker):
            sent = image(3) | {"d": peer.memory.write(4, 9, image(3)["d"])}
            running = peer.call("vision.segment", {"image": sent})
            assert peer.ask("server.echo", {"data": 1})["t"] == "done"  # it has been read before the others are sent
            waiting = [other.call("vision.segment", {"image": image(n)}) for n in range(3)]
            wait_until(lambda: mortal.stats()["queues"]["render"] == 3)
            worker.kill()
            assert peer.answer(running)["code"] == "unavailable"
            assert peer.freed() == [4], "a dead worker has read what it will ever read"
        for call in waiting:
            assert other.answer(call)["t"] == "done"
        assert peer.ask("vision.segment", {"image": image(1)})["t"] == "done"


def test_a_stream_that_stands_idle_fails_at_once_too(mortal: Sidecar) -> None:
    """Its state died with the worker, so it must not look open until somebody pushes."""
    with mortal.client() as peer:
        call = peer.call("tryon.stream", {"layers": []})
        push(peer, call, 0)
        assert part(peer, call)["d"]["n"] == 0
        mortal.kill_worker("frame")
        assert peer.answer(call, timeout=2)["code"] == "unavailable"
        mortal.ready()


def test_the_other_lane_and_the_gateway_do_not_notice(mortal: Sidecar) -> None:
    with mortal.client() as peer:
        mortal.kill_worker("general")
        for _ in range(20):
            assert peer.ask("server.echo", ENGINE)["t"] == "done"
            assert peer.ask("server.echo", {"data": 1})["t"] == "done"
    mortal.ready()


def test_shared_memory_of_old_connections_works_in_the_new_worker(mortal: Sidecar) -> None:
    with mortal.client(shm=True) as peer:
        assert peer.memory is not None
        for sequence in (1, 2):
            sent = peer.memory.write(0, sequence, image(sequence)["d"])
            answer = peer.ask("server.echo", {"where": "engine", "image": image(0) | {"d": sent}})
            assert peer.memory.read(answer["d"]["image"]["d"]) == image(sequence)["d"]
            peer.freed()
            if sequence == 1:
                mortal.kill_worker("frame")
        mortal.ready()


def test_readiness_follows(mortal: Sidecar) -> None:
    mortal.kill_worker("frame")
    status, text = mortal.get("/healthz")
    assert status == 200 and json.loads(text)["ready"] is False
    mortal.ready()
    assert json.loads(mortal.get("/healthz")[1])["ready"] is True


def test_cancelled_work_in_a_dead_worker_stays_cancelled(mortal: Sidecar) -> None:
    worker = mortal.worker("frame")
    with mortal.client() as peer:
        with held_still(worker):
            call = peer.call("server.echo", ENGINE)
            peer.send({"t": "cancel", "id": call})
            assert peer.answer(call)["code"] == "cancelled"
            worker.kill()
        assert peer.ask("server.echo", ENGINE)["t"] == "done"
        assert not [message for message in peer.inbox if message.get("id") == call and message["t"] != "note"]
