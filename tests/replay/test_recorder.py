"""The recorder around a worker's handle: what it lets through, what it notes, what it never disturbs."""

from __future__ import annotations

import asyncio
import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from integration.running import wait_until
from replay.recordings import GLASSES, TOP, Studio, drawn, mapped, raw, written

from sidecar import serve as serving
from sidecar.config import ServeConfig
from sidecar.replay import pixels, reader, records, tape
from sidecar.replay.recorder import Recorder
from sidecar.replay.tape import CannotRecord, Tape
from sidecar.worker.supervisor import WorkerHandle


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "x.vrec")


def recorded(studio: Studio) -> reader.Recording:
    studio.stop()
    recording = reader.read(studio.path)
    assert recording.damage == ""
    return recording


def picture(recording: reader.Recording, number: int) -> Any:
    with reader.Pictures(recording) as pictures:
        return pixels.expand(*pictures.read(number))


def test_everything_goes_through_as_it_is(studio: Studio) -> None:
    number = studio.given("tryon.still", "call", {"layers": []}, conn=4, call=9)
    studio.handle.throttle(share=0.5, cores=0.25)
    studio.handle.close_stream(4, 9)
    (_, given, job), throttle, close = studio.inner.said
    assert given == number and (job["conn"], job["call"], job["op"]) == (4, 9, "tryon.still")
    assert job["grants"] == [] and job["image_px"] == 1 << 24 and job["max_side"] == 0
    assert throttle == ("throttle", 0.5, 0.25) and close == ("close", 4, 9)
    studio.answered(number, {"confidence": 1.0}, used=[7])
    studio.refused(99, "bad_request")
    studio.inner.events.worker_lost("frame")
    assert [what for what, *_ in studio.told.heard] == [
        "worker_models",
        "worker_ready",
        "worker_answered",
        "worker_refused",
        "worker_lost",
    ]
    assert studio.told.heard[2][-1] == [7]
    assert studio.handle.name == "frame" and studio.handle.state == "ready"
    studio.stop()


def test_pictures_are_copied_out_of_their_slots(studio: Studio) -> None:
    with mapped(studio) as lane:
        sent, answer, mask = drawn(1), drawn(2), drawn(3, channels=1)
        a = {"image": raw(sent, d=written(lane, 0, sent)), "layers": [GLASSES]}
        number = studio.given("tryon.still", "call", a)
        result = {
            "image": raw(answer, bottom=True, d=written(lane, 2, answer[::-1], 5)),
            "masks": {"glasses": raw(mask, d=written(lane, 3, mask, 6))},
        }
        studio.answered(number, result, used=[2, 3])
        written(lane, 2, drawn(50), 7)  # the slot is another picture's now
    recording = recorded(studio)
    (step,) = recording.calls["tryon.still"]
    assert step.d is not None and step.d["image"]["o"] == "bottom"
    assert (picture(recording, step.d["image"]["d"].number)[::-1] == answer).all()
    assert (picture(recording, step.d["masks"]["glasses"]["d"].number) == mask).all()
    assert step.a["image"]["d"].digest == pixels.digest(sent.tobytes())


def test_the_answer_is_noted_before_it_goes_on(studio: Studio) -> None:
    """Once it has gone on, its slot may be given to the next job."""
    with mapped(studio) as lane:
        answer = drawn(2)
        number = studio.given("tryon.still", "call", {"layers": []})
        reference = written(lane, 2, answer)
        studio.told.worker_answered = lambda *_: written(lane, 2, drawn(9), 2)  # type: ignore[attr-defined]
        studio.answered(number, {"image": raw(answer, d=reference)}, used=[2])
    recording = recorded(studio)
    assert (picture(recording, 0) == answer).all()


def test_a_slot_that_is_not_what_it_says_keeps_the_step_without_a_picture(studio: Studio) -> None:
    with mapped(studio) as lane:
        reference = written(lane, 2, drawn(2))
        number = studio.given("tryon.still", "call", {"layers": []})
        written(lane, 2, drawn(3), 2)
        studio.answered(number, {"image": raw(drawn(2), d=reference), "confidence": 0.5})
        studio.call("tryon.still", {"layers": [TOP], "image": {"f": "rgb8", "d": b"12", "w": 9, "h": "x"}}, {})
    recording = recorded(studio)
    torn, _ = recording.calls["tryon.still"]
    assert torn.d is not None and torn.d["image"]["d"] is None and torn.d["confidence"] == 0.5
    assert not recording.pictures


def test_echoes_and_cancels_leave_no_trace(studio: Studio) -> None:
    studio.call("server.echo", {"where": "engine", "data": b"secret"}, {"data": b"secret"})
    studio.refused(studio.given("tryon.still", "call", {"layers": []}), "cancelled")
    studio.refused(studio.given("tryon.still", "call", {"layers": [TOP]}), "not_found", "There is no such thing.")
    recording = recorded(studio)
    assert recording.ops == {"tryon.still"}
    (step,) = recording.calls["tryon.still"]
    assert step.fail is not None and (step.fail.code, step.fail.msg) == ("not_found", "There is no such thing.")
    assert b"secret" not in studio.path.read_bytes()


def test_streams_end_with_their_worker_and_their_connection(studio: Studio) -> None:
    studio.open([GLASSES], call=1)
    running = studio.given("tryon.stream", "push", {"n": 0, "t_us": 0, "image": raw(drawn(1))})
    studio.inner.events.worker_lost("frame")
    studio.answered(running, {"n": 0})  # too late: nobody waits for it
    studio.frame(1, drawn(1))  # its stream is not open any more
    studio.open([TOP], call=2)
    studio.handle.detach(1)
    studio.frame(2, drawn(2), call=2)
    recording = recorded(studio)
    assert [len(take.answers) for take in recording.takes["tryon.stream"]] == [0, 0]


def test_a_fault_of_the_recording_reaches_no_call(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    number = studio.given("tryon.still", "call", {"layers": []})
    monkeypatch.setattr("sidecar.replay.recorder.codec.decode", broken)
    other = studio.given("tryon.still", "call", {"layers": []})
    studio.answered(number, {"confidence": 1.0})
    studio.answered(other, {"confidence": 1.0})
    assert [what for what, *_ in studio.told.heard].count("worker_answered") == 2
    monkeypatch.undo()
    assert recorded(studio).ops == frozenset()


def test_a_slow_disk_drops_pictures_and_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going = threading.Event()
    really = records.pack_picture

    def pack(*words: Any) -> bytes:
        assert going.wait(10)
        return really(*words)

    monkeypatch.setattr(records, "pack_picture", pack)
    path = tmp_path / "x.vrec"
    big = drawn(1, w=200, h=200)
    made = Tape.create(path)
    made._most_bytes = 3 * big.nbytes
    studio = Studio(path, tape=made)
    studio.open([GLASSES])
    for n in range(10):
        studio.frame(n, big)
    going.set()
    tally = studio.stop()
    assert (tally.frames, tally.dropped) == (3, 7)
    recording = reader.read(path)
    assert len(recording.pictures) == 3 and recording.summary is not None and recording.summary.dropped == 7


def test_a_queue_that_fills_gives_up_size_before_pictures(tmp_path: Path) -> None:
    """Past half of what may wait, pixels go to the file as they are."""
    studio = Studio(tmp_path / "x.vrec")
    studio.recorder._tape._most_bytes = 1  # type: ignore[union-attr]
    studio.call("tryon.still", {"layers": []}, {"image": raw(drawn(0) * 0)})
    recording = recorded(studio)
    with reader.Pictures(recording) as pictures:
        assert pictures.read(0)[0].kept == pixels.AS_IS


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(tmp_path / "x.vrec")
    studio.open([GLASSES])
    wait_until(lambda: b"tryon.stream" in studio.path.read_bytes(), what="writing")
    full = threading.Event()

    def write(*_: object) -> int:
        full.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tape.os, "write", write)
    studio.frame(0, drawn(1))
    assert full.wait(5)
    studio.recorder._tape._thread.join(5)  # type: ignore[union-attr]
    studio.frame(1, drawn(2))
    tally = studio.stop()
    monkeypatch.undo()
    assert "No space left" in tally.broken and tally.dropped == 2 and tally.frames == 0
    assert [what for what, *_ in studio.told.heard].count("worker_answered") == 3
    assert reader.read(studio.path).damage


def test_recording_off_is_not_there_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the flag the workers get the very handles; with it, recorders around them."""
    given: list[Any] = []

    class Stop(Exception):
        pass

    async def run(gateway: Any, listener: Any, **_: Any) -> None:
        given.append(dict(gateway._workers._handles))
        listener.close()
        await gateway.shut_down()
        raise Stop

    monkeypatch.setattr(serving.app, "run", run)
    config = ServeConfig(port=0, run_dir=tmp_path / "run", packs=tmp_path / "packs", warm=False)
    recorder = Recorder(lambda: Tape.create(tmp_path / "x.vrec"))
    for option in (None, recorder):
        with pytest.raises(Stop):
            serving.serve(config, recorder=option)
    recorder.end()
    plain, wrapped = given
    assert {type(handle) for handle in plain.values()} == {WorkerHandle}
    assert not any(isinstance(handle, WorkerHandle) for handle in wrapped.values())
    assert {type(handle._inner) for handle in wrapped.values()} == {WorkerHandle}


def test_nothing_starts_when_the_file_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr(serving, "run_on_loop", never)
    config = ServeConfig(port=0, run_dir=tmp_path / "run", packs=tmp_path / "packs", warm=False)
    with pytest.raises(CannotRecord):
        serving.serve(config, recorder=Recorder(lambda: Tape.create(tmp_path / "no" / "x.vrec")))


def test_a_recorder_that_never_began_ends_quietly() -> None:
    recorder = Recorder(lambda: pytest.fail("no file is made"))
    assert recorder.end() is None


def test_the_handle_stops_its_worker(studio: Studio) -> None:
    asyncio.run(studio.handle.stop())
    assert studio.inner.state == "stopped"
    studio.stop()
