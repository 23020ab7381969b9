"""`model.load` and `model.unload` as the gateway conducts them: one answer each, whatever the workers do meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.rawpeer import RawPeer
from integration.running import wait_until
from server.inside import Inside, Puppet

from sidecar.engine.state import ModelState
from sidecar.wire import codec


def row(name: str, state: str = "installed") -> dict[str, Any]:
    return {"name": name, "state": state, "device": "", "bytes": 1, "licence": "Apache-2.0"}


@pytest.fixture
def client(inside: Inside) -> Iterator[RawPeer]:
    inside.packs.rows = [row("hand"), row("iris"), row("pose-heavy", "missing")]
    with inside.client() as peer:
        yield peer
        assert peer.ask("server.echo", {"data": 1})["t"] == "done"


def has(inside: Inside, worker: Puppet, *names: str) -> None:
    """The worker reports exactly these models."""
    worker.models = {name: ModelState(name, "ready", "cpu", "fp32", "cpu", 7 << 20) for name in names}
    inside.do(lambda: worker.events.worker_models(worker.name))


def reply(inside: Inside, worker: Puppet, what: str, result: dict[str, Any]) -> None:
    number = inside.told(worker, what)[1]
    inside.do(lambda: worker.events.worker_answered(number, codec.encode(result), (0.0, 0.0, 0.0), []))


def test_load_goes_to_the_lane_that_can_use_it_and_is_noted(inside: Inside, client: RawPeer) -> None:
    call = client.call("model.load", {"name": "hand"})
    assert inside.told(inside.general, "load")[2] == "hand"
    assert not any(item[0] == "load" for item in inside.frame.told)
    has(inside, inside.general, "hand")
    reply(inside, inside.general, "load", {})
    assert client.answer(call)["d"] == row("hand", "ready") | {"device": "cpu"}
    note = client.expect(lambda message: message["t"] == "note")
    assert (note["topic"], note["d"]) == ("model", {"name": "hand", "state": "ready"})


def test_a_model_of_the_hot_path_goes_to_both_lanes(inside: Inside, client: RawPeer) -> None:
    call = client.call("model.load", {"name": "iris"})
    for worker in (inside.frame, inside.general):
        reply(inside, worker, "load", {})
    assert client.answer(call)["t"] == "done"


@pytest.mark.parametrize(
    ("name", "says"),
    [("pose-heavy", "vitrine models install pose-heavy"), ("nothing", "model.list"), ("", "model.list")],
)
def test_what_is_not_there_is_not_found_and_says_what_to_do(client: RawPeer, name: str, says: str) -> None:
    answer = client.ask("model.load", {"name": name})
    assert answer["code"] == "not_found" and says in answer["msg"]


@pytest.mark.parametrize("arguments", [{}, {"name": 1}, {"name": "x" * 300}])
def test_a_name_that_is_none_is_bad_request(client: RawPeer, arguments: dict[str, Any]) -> None:
    for op in ("model.load", "model.unload"):
        assert client.ask(op, arguments)["code"] == "bad_request"


def test_while_the_worker_starts_it_is_model_loading(inside: Inside, client: RawPeer) -> None:
    inside.general.state = "starting"
    answer = client.ask("model.load", {"name": "hand"})
    assert answer["code"] == "model_loading" and answer["retry_ms"] > 0


def test_a_worker_that_dies_while_it_loads_is_unavailable(inside: Inside, client: RawPeer) -> None:
    call = client.call("model.load", {"name": "hand"})
    inside.told(inside.general, "load")
    inside.die(inside.general)
    assert client.answer(call)["code"] == "unavailable"


def test_a_load_can_be_cancelled(inside: Inside, client: RawPeer) -> None:
    call = client.call("model.load", {"name": "hand"})
    inside.told(inside.general, "load")
    client.send({"t": "cancel", "id": call})
    assert client.answer(call)["code"] == "cancelled"
    reply(inside, inside.general, "load", {})


def test_unload_answers_once_the_memory_is_back(inside: Inside, client: RawPeer) -> None:
    has(inside, inside.general, "hand")
    call = client.call("model.unload", {"name": "hand"})
    inside.told(inside.general, "unload")
    has(inside, inside.general)
    reply(inside, inside.general, "unload", {"returned": True})
    assert client.answer(call)["d"] == row("hand")
    assert not any(item[0] == "recycle" for item in inside.general.told)


def test_a_worker_that_keeps_the_memory_is_replaced(inside: Inside, client: RawPeer) -> None:
    has(inside, inside.general, "hand", "iris")
    call = client.call("model.unload", {"name": "hand"})
    reply(inside, inside.general, "unload", {"returned": False})
    assert inside.told(inside.general, "recycle") == ("recycle", ["iris"])
    inside.die(inside.general)
    has(inside, inside.general, "iris")
    inside.revive(inside.general)
    assert client.answer(call)["d"] == row("hand")


def test_recycling_waits_for_the_job_that_runs(inside: Inside, client: RawPeer) -> None:
    has(inside, inside.general, "hand")
    image = {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"x"}
    busy = client.call("vision.segment", {"image": image})
    inside.job(inside.general)
    call = client.call("model.unload", {"name": "hand"})
    reply(inside, inside.general, "unload", {"returned": False})
    waiting = client.call("vision.segment", {"image": image})
    inside.answer(inside.general, {"mask": 1})
    assert client.answer(busy)["t"] == "done"
    inside.told(inside.general, "recycle")
    assert inside.general.jobs == [], "nothing new is begun in a process that will be ended"
    inside.die(inside.general)
    inside.revive(inside.general)
    assert client.answer(call)["t"] == "done"
    inside.answer(inside.general, {"mask": 2})
    assert client.answer(waiting)["d"] == {"mask": 2}


def test_a_model_that_an_open_stream_uses_stays(inside: Inside, client: RawPeer) -> None:
    has(inside, inside.frame, "iris")
    call = client.call("tryon.stream", {"layers": []})
    inside.answer(inside.frame)
    answer = client.ask("model.unload", {"name": "iris"})
    assert answer["code"] == "unavailable" and "stream" in answer["msg"]
    client.send({"t": "cancel", "id": call})
    client.answer(call)


def test_a_disconnect_stops_waiting_for_a_load(inside: Inside, client: RawPeer) -> None:
    other = inside.client()
    other.call("model.load", {"name": "hand"})
    inside.told(inside.general, "load")
    other.vanish()
    wait_until(lambda: not inside.gateway._models._tasks, what="ending its task")
