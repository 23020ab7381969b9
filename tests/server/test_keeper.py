"""The memory budget as the gateway keeps it: who is told to leave, what waits meanwhile, what a call hears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.rawpeer import RawPeer
from integration.running import wait_until
from server.inside import Inside, Puppet

from sidecar.engine.memory import MIB, Amount, Budget, Memory
from sidecar.engine.state import ModelState
from sidecar.server.keeper import Keeper
from sidecar.wire import codec
from sidecar.wire.ops import STREAM_MODELS

SEGMENT = "person-segmentation"
IMAGE = {"w": 1, "h": 1, "f": "r8", "o": "top", "d": b"x"}
SIZES = {name: 10 * MIB for name in (*STREAM_MODELS, "pose-heavy")} | {"hand": 90 * MIB}
BASE = 100 * MIB


def knowing(memory: Memory) -> Memory:
    """One that has seen every model before, each of which took what its files take."""
    memory.seen("before", {name: Amount(size) for name, size in SIZES.items()}, 0.0)
    memory.seen("before", {}, 0.0)
    return memory


class Budgeted(Inside):
    """A gateway with 200 MiB; what it holds is 100 MiB and what its puppets say they have loaded."""

    def __init__(self, *, pinned: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.packs.rows = [
            {"name": name, "state": "installed", "device": "", "bytes": size, "licence": "Apache-2.0"}
            for name, size in SIZES.items()
        ]
        self.held_back = 0  # what left models, but not the process
        memory = knowing(Memory(Budget(200 * MIB), SIZES, frozenset(pinned)))
        self.keeper = self._workers.keeper = Keeper(memory, self._workers, measure=self.measure)

    def measure(self) -> Amount:
        loaded = [model.bytes for worker in (self.frame, self.general) for model in worker.models.values()]
        return Amount(BASE + self.held_back + sum(loaded))

    def has(self, worker: Puppet, **mib: int) -> None:
        """The worker reports exactly these models (`_` for `-`)."""
        worker.models = {
            name: ModelState(name, "ready", "cpu", "fp32", "cpu", size * MIB)
            for name, size in ((key.replace("_", "-"), size) for key, size in mib.items())
        }
        self.do(lambda: worker.events.worker_models(worker.name))

    def leaves(self, worker: Puppet, name: str, *, returned: bool = True) -> None:
        """The worker is told to let this model go, and does."""
        wait_until(lambda: ("unload", name) in [(item[0], item[-1]) for item in worker.told], what=f"{name} leaving")
        number = next(item[1] for item in worker.told if item[0] == "unload" and item[2] == name)
        self.held_back += 0 if returned else worker.models[name].bytes
        left = {key: model for key, model in worker.models.items() if key != name}
        worker.models = left
        self.do(lambda: worker.events.worker_models(worker.name))
        body = codec.encode({"returned": returned})
        self.do(lambda: worker.events.worker_answered(number, body, (0.0, 0.0, 0.0), []))


@pytest.fixture
def inside() -> Iterator[Budgeted]:
    with Budgeted() as gateway:
        yield gateway


@pytest.fixture
def client(inside: Budgeted) -> Iterator[RawPeer]:
    with inside.client() as peer:
        yield peer
        assert peer.ask("server.echo", {"data": 1})["t"] == "done"


def unloads(worker: Puppet) -> list[str]:
    return [item[2] for item in worker.told if item[0] == "unload"]


def test_room_is_made_before_the_job_is_handed_over(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.general, hand=50)
    inside.has(inside.frame, pose_full=45)
    call = client.call("vision.segment", {"image": IMAGE})
    inside.leaves(inside.general, "hand")
    inside.answer(inside.general, {"mask": 1})
    assert client.answer(call)["d"] == {"mask": 1}
    assert unloads(inside.frame) == [], "one was enough"
    notes = [client.expect(lambda m: m["t"] == "note" and m["d"]["name"] == "hand")["d"]["state"] for _ in range(2)]
    assert notes == ["ready", "evicted"]
    stats = inside.snapshot()
    assert {row["name"]: row["state"] for row in stats["models"]}["hand"] == "evicted"
    (latest,) = stats["memory"]["latest"]
    assert (latest["model"], latest["worker"], latest["freed_bytes"]) == ("hand", "general", 50 * MIB)
    assert stats["memory"]["budget_bytes"] == 200 * MIB and stats["memory"]["evictions"] == 1


def test_no_job_runs_while_its_room_is_made_and_none_before_it(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.general, hand=95)
    client.call("vision.segment", {"image": IMAGE})
    inside.told(inside.general, "unload")
    client.call("vision.segment", {"image": IMAGE})
    assert client.ask("server.echo", {"data": 1})["t"] == "done"
    assert inside.general.jobs == []
    inside.leaves(inside.general, "hand")
    inside.job(inside.general)


def test_a_call_for_a_model_that_is_just_leaving_waits_too(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.frame, **{name.replace("-", "_"): 16 for name in STREAM_MODELS})
    segment = client.call("vision.segment", {"image": IMAGE})
    leaving = inside.told(inside.frame, "unload")[2]
    client.call("tryon.stream", {"layers": []})
    assert client.ask("server.echo", {"data": 1})["t"] == "done"
    assert inside.frame.jobs == [], "it would load again, beside the budget, what it finds gone"
    inside.leaves(inside.frame, leaving)
    assert inside.job(inside.frame).op == "tryon.stream"
    assert client.answer(segment)["code"] == "overloaded", "its room was promised to the stream meanwhile"


def test_what_is_loaded_costs_no_detour(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.general, person_segmentation=90, hand=10)
    call = client.call("vision.segment", {"image": IMAGE})
    inside.answer(inside.general, {"mask": 1})
    assert client.answer(call)["t"] == "done" and unloads(inside.general) == []


def test_an_evicted_model_that_is_loaded_again_is_not_evicted_any_more(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.general, hand=95)
    inside.held_back = 10 * MIB
    inside.leaves(inside.general, "hand")
    assert [row["state"] for row in inside.snapshot()["models"]] == ["evicted"]
    inside.has(inside.general, hand=85)
    assert [row["state"] for row in inside.snapshot()["models"]] == ["ready"]


def test_a_call_that_cannot_fit_is_told_the_budget_and_the_lane_goes_on(inside: Budgeted, client: RawPeer) -> None:
    inside.held_back = 95 * MIB
    answer = client.ask("vision.segment", {"image": IMAGE})
    assert answer["code"] == "unavailable" and "200 MiB" in answer["msg"] and "--memory-mb" in answer["msg"]
    inside.held_back = 0
    call = client.call("vision.segment", {"image": IMAGE})
    inside.answer(inside.general, {"mask": 1})
    assert client.answer(call)["t"] == "done"


def test_what_an_open_stream_uses_stays_and_the_other_is_overloaded(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.frame, **{name.replace("-", "_"): 15 for name in STREAM_MODELS})
    stream = client.call("tryon.stream", {"layers": []})
    inside.answer(inside.frame)
    answer = client.ask("vision.segment", {"image": IMAGE})
    assert answer["code"] == "overloaded" and answer["retry_ms"] > 0 and "open stream" in answer["msg"]
    assert unloads(inside.frame) == []
    client.send({"t": "cancel", "id": stream})
    client.answer(stream)
    client.call("vision.segment", {"image": IMAGE})
    wait_until(lambda: len(unloads(inside.frame)) == 1, what="one leaving once nobody uses it")


def test_what_an_open_stream_has_not_loaded_yet_is_kept_free_for_it(inside: Budgeted, client: RawPeer) -> None:
    client.call("tryon.stream", {"layers": []})  # six models of 10 MiB, promised
    inside.answer(inside.frame)
    inside.held_back = 35 * MIB
    answer = client.ask("vision.segment", {"image": IMAGE})
    assert answer["code"] == "overloaded", "100 + 35 + 60 promised leave 5"


def test_a_cancel_ends_the_wait_for_room(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.general, hand=95)
    call = client.call("vision.segment", {"image": IMAGE})
    inside.told(inside.general, "unload")
    client.send({"t": "cancel", "id": call})
    assert client.answer(call)["code"] == "cancelled"
    inside.leaves(inside.general, "hand")
    call = client.call("vision.segment", {"image": IMAGE})
    inside.answer(inside.general, {"mask": 1})
    assert client.answer(call)["t"] == "done"


def test_a_lost_connection_ends_the_wait_for_room(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.general, hand=95)
    other = inside.client()
    other.call("vision.segment", {"image": IMAGE})
    inside.told(inside.general, "unload")
    other.vanish()
    wait_until(lambda: not inside.do(lambda: inside._workers._admission.waits("general")), what="ending its wait")
    inside.leaves(inside.general, "hand")


def test_a_model_load_makes_room_too_and_hears_why_not(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.frame, iris=95)
    call = client.call("model.load", {"name": "pose-heavy"})
    inside.leaves(inside.frame, "iris")
    number, name = inside.told(inside.general, "load")[1:]
    inside.has(inside.general, pose_heavy=10)
    inside.do(lambda: inside.general.events.worker_answered(number, codec.encode({}), (0.0, 0.0, 0.0), []))
    assert client.answer(call)["d"]["state"] == "ready" and name == "pose-heavy"
    inside.held_back = 20 * MIB
    assert client.ask("model.load", {"name": "hand"})["code"] == "unavailable"


@pytest.fixture
def unknowing() -> Iterator[Budgeted]:
    """Nothing was measured yet but `iris`, which took nine times its size."""

    class Unknowing(Budgeted):
        def __init__(self) -> None:
            super().__init__()
            memory = Memory(Budget(200 * MIB), SIZES)
            memory.seen("before", {"iris": Amount(90 * MIB)}, 0.0)
            memory.seen("before", {}, 0.0)
            self.keeper = self._workers.keeper = Keeper(memory, self._workers, measure=self.measure)

    with Unknowing() as gateway:
        yield gateway


def loads(inside: Budgeted, name: str, mib: int) -> None:
    """The general worker is told to load this, and does; it adds so much."""
    wait_until(lambda: ("load", name) in [(item[0], item[-1]) for item in inside.general.told], what=f"loading {name}")
    number = next(item[1] for item in inside.general.told if item[0] == "load" and item[2] == name)
    kept = {key.replace("-", "_"): model.bytes // MIB for key, model in inside.general.models.items()}
    inside.has(inside.general, **kept, **{name.replace("-", "_"): mib})
    inside.do(lambda: inside.general.events.worker_answered(number, codec.encode({}), (0.0, 0.0, 0.0), []))


def test_a_guess_refuses_nothing_that_may_fit(unknowing: Budgeted) -> None:
    """By iris it would take 90 MiB where 80 are free; it takes 60."""
    inside = unknowing
    inside.held_back = 20 * MIB
    with inside.client() as client:
        call = client.call("vision.segment", {"image": IMAGE})
        loads(inside, SEGMENT, 60)
        inside.answer(inside.general, {"mask": 1})
        assert client.answer(call)["t"] == "done"


def test_what_proves_too_large_is_sent_away_again_and_said(unknowing: Budgeted) -> None:
    inside = unknowing
    inside.held_back = 20 * MIB
    with inside.client() as client:
        call = client.call("vision.segment", {"image": IMAGE})
        loads(inside, SEGMENT, 85)
        inside.leaves(inside.general, SEGMENT)
        answer = client.answer(call)
        assert answer["code"] == "unavailable" and "about 85 MiB" in answer["msg"]
        inside.general.told.clear()
        assert "about 85 MiB" in client.ask("vision.segment", {"image": IMAGE})["msg"]
        assert inside.general.told == [], "now it is known"


def test_what_cannot_fit_by_its_files_alone_is_not_tried(unknowing: Budgeted) -> None:
    inside = unknowing
    inside.held_back = 95 * MIB
    with inside.client() as client:
        assert client.ask("vision.segment", {"image": IMAGE})["code"] == "unavailable"
    assert not any(item[0] == "load" for item in inside.general.told)


def test_memory_that_only_the_process_gives_back_costs_the_process_and_not_the_call(
    inside: Budgeted, client: RawPeer
) -> None:
    """The stream that waits for room in this very worker goes on in its successor."""
    inside.has(inside.frame, hand=90)
    call = client.call("tryon.stream", {"layers": []})
    inside.leaves(inside.frame, "hand", returned=False)
    inside.told(inside.frame, "recycle")
    inside.held_back = 0
    inside.die(inside.frame)
    inside.revive(inside.frame)
    inside.answer(inside.frame)
    client.send({"t": "end", "id": call})
    inside.answer(inside.frame)
    assert client.answer(call)["t"] == "done"


def test_a_process_that_holds_on_to_memory_is_replaced_once_its_streams_have_ended(
    inside: Budgeted, client: RawPeer
) -> None:
    inside.has(inside.frame, hand=30)
    stream = client.call("tryon.stream", {"layers": []})
    inside.answer(inside.frame)
    inside.held_back = 5 * MIB
    call = client.call("vision.segment", {"image": IMAGE})
    inside.leaves(inside.frame, "hand", returned=False)
    answer = client.answer(call)
    assert answer["code"] == "overloaded" and "being given back" in answer["msg"]
    assert not any(item[0] == "recycle" for item in inside.frame.told), "it would cost the stream its state"
    client.send({"t": "cancel", "id": stream})
    client.answer(stream)
    assert inside.told(inside.frame, "recycle")
    inside.die(inside.frame)
    inside.revive(inside.frame)


def test_what_grew_beyond_the_budget_is_taken_back_from_idle_models(inside: Budgeted, client: RawPeer) -> None:
    inside.has(inside.frame, iris=10)
    inside.has(inside.general, hand=10)
    inside.do(inside.keeper.tick)
    assert unloads(inside.frame) == unloads(inside.general) == []
    inside.held_back = 85 * MIB
    inside.leaves(inside.frame, "iris")  # the gateway looks by itself, twice a second
    assert unloads(inside.general) == []


def test_a_pinned_model_stays_whoever_asks() -> None:
    with Budgeted(pinned=("hand",)) as inside, inside.client() as client:
        inside.has(inside.general, hand=95)
        answer = client.ask("model.unload", {"name": "hand"})
        assert answer["code"] == "unavailable" and "--pin" in answer["msg"]
        answer = client.ask("vision.segment", {"image": IMAGE})
        assert answer["code"] == "unavailable" and "pinned (hand)" in answer["msg"]
        assert unloads(inside.general) == [] and inside.snapshot()["memory"]["pinned"] == ["hand"]


def test_what_is_asked_for_at_start_is_loaded_as_far_as_it_fits_and_awaited(client: RawPeer) -> None:
    class Starting(Budgeted):
        def __init__(self) -> None:
            super().__init__()
            memory = knowing(Memory(Budget(125 * MIB), SIZES))
            warm = [("general", "iris"), ("general", SEGMENT), ("general", "pose-heavy")]
            self.keeper = self._workers.keeper = Keeper(memory, self._workers, measure=self.measure, warm=warm)

    with Starting() as inside:
        loaded: list[str] = []
        for name in ("iris", SEGMENT):
            wait_until(lambda: len([item for item in inside.general.told if item[0] == "load"]) > len(loaded))
            number, asked = inside.told(inside.general, "load")[1:]
            assert asked == name and not inside.do(inside.gateway.readiness)["ready"]
            loaded.append(name)
            inside.has(inside.general, **{one.replace("-", "_"): 10 for one in loaded})
            answer: Any = (number, codec.encode({}), (0.0, 0.0, 0.0), [])
            inside.do(lambda answer=answer: inside.general.events.worker_answered(*answer))
        wait_until(lambda: inside.do(inside.gateway.readiness)["ready"], what="readiness without what does not fit")
        assert inside.snapshot()["memory"]["base_bytes"] == BASE
        assert unloads(inside.general) == [], "nothing leaves for what nobody asked for yet"
