"""What is seen by session, of the slowest calls and of the last errors; every clock is the test's."""

from __future__ import annotations

import timeit
from collections.abc import Iterator
from typing import Any

import pytest

from sidecar.server import watch as module
from sidecar.server.watch import FRAMES, Watch
from sidecar.wire.messages import ClientInfo, Timing


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Watch:
    return Watch(clock, wall=lambda: clock.now + 1e9)


def look(watch: Watch, calls: dict[int, list[Any]] | None = None, mapped: frozenset[int] = frozenset()) -> Any:
    return watch.snapshot(open_calls=calls or {}, mapped=mapped)


def arrive(watch: Watch, number: int = 1, name: str = "Unity") -> Any:
    return watch.arrived(number, ClientInfo(name=name, version="1", device="Quest of Anna"), ticket=False)


def took(total_ms: float, **parts: float) -> Timing:
    return Timing(total_ms=total_ms, **parts)


def test_a_session_is_shown_from_its_welcome_to_its_end(watch: Watch, clock: Clock) -> None:
    arrive(watch)
    clock.now += 7
    (row,) = look(watch, mapped=frozenset({1}))["sessions"]
    assert row == {
        "name": "s1",
        "client": "Unity",
        "since_s": 7.0,
        "pictures": "shm",
        "ticket": False,
        "open": {},
        "frames_in": 0,
        "frames_out": 0,
        "superseded": 0,
    }
    watch.left(1, 4008)
    watch.left(2, None)
    assert look(watch)["sessions"] == [] and look(watch)["closes"] == {"4008": 1}


def test_nothing_of_a_person_and_no_control_letters(watch: Watch) -> None:
    arrive(watch, name="a\x1b[31m\n" + "x" * 200)
    text = repr(look(watch))
    assert "Anna" not in text and "\\x1b" not in text and len(look(watch)["sessions"][0]["client"]) == 40


def frames(clock: Clock, seen: Any, count: int, every_s: float) -> Iterator[float]:
    for n in range(count):
        clock.now += every_s
        seen.frame((clock.now, float(n % 100 + 1)))
        yield clock.now


@pytest.mark.parametrize(("count", "every_s"), [(20, 0.05), (100, 0.05), (60, 1 / 90), (900, 1 / 90), (30, 1.0)])
def test_frames_a_second_whatever_the_rate(watch: Watch, clock: Clock, count: int, every_s: float) -> None:
    seen = arrive(watch)
    list(frames(clock, seen, count, every_s))
    assert look(watch)["sessions"][0]["fps"] == pytest.approx(1 / every_s, rel=0.03)


def test_ages_are_quantiles_of_the_last_seconds(watch: Watch, clock: Clock) -> None:
    seen = arrive(watch)
    list(frames(clock, seen, 100, 0.01))
    assert look(watch)["sessions"][0]["age_ms"] == {"p50": 50.0, "p95": 95.0}
    clock.now += 4
    slowed = look(watch)["sessions"][0]["fps"]
    assert 15 < slowed < 25, "a stream that stands still is seen to slow down"
    clock.now += 2
    assert "fps" not in look(watch)["sessions"][0], "what is five seconds old is not now"


def test_more_frames_than_the_ring_holds(watch: Watch, clock: Clock) -> None:
    seen = arrive(watch)
    for _ in range(3 * FRAMES):
        clock.now += 0.001
        seen.frame((clock.now, 5.0))
    assert look(watch)["sessions"][0]["age_ms"] == {"p50": 5.0, "p95": 5.0}
    assert len(seen._frames) == FRAMES


def test_open_calls_are_summed_by_session(watch: Watch) -> None:
    class Open:
        def __init__(self, op: str, frames_in: int) -> None:
            self.op, self.frames_in, self.frames_out, self.superseded = op, frames_in, frames_in - 1, 1

    arrive(watch)
    (row,) = look(watch, {1: [Open("tryon.stream", 5), Open("tryon.stream", 3), Open("vision.segment", 1)]})["sessions"]
    assert row["open"] == {"tryon.stream": 2, "vision.segment": 1}
    assert (row["frames_in"], row["frames_out"], row["superseded"]) == (9, 6, 3)


def test_the_slowest_of_each_op_longest_first(watch: Watch, clock: Clock) -> None:
    for total in (5.0, 80.0, 7.0, 60.0, 6.0, 70.0, 8.0, 9.0):
        watch.answered("tryon.stream", 1, took(total), clock.now)
    parts = {"queue_ms": 1.5, "decode_ms": 2.5, "infer_ms": 50.0, "encode_ms": 3.0}
    watch.answered("vision.segment", 2, took(65.0, **parts), clock.now)
    rows = look(watch)["slowest"]
    assert [(row["op"], row["total_ms"]) for row in rows] == [
        ("tryon.stream", 80.0),
        ("tryon.stream", 70.0),
        ("vision.segment", 65.0),
        ("tryon.stream", 60.0),
        ("tryon.stream", 9.0),
    ]
    assert rows[2] == {
        "op": "vision.segment",
        "session": "s2",
        "at": clock.now + 1e9,
        "queue_ms": 1.5,
        "decode_ms": 2.5,
        "infer_ms": 50.0,
        "encode_ms": 3.0,
        "total_ms": 65.0,
    }


def test_equally_slow_calls_are_no_trouble(watch: Watch, clock: Clock) -> None:
    for _ in range(20):
        watch.answered("tryon.stream", 1, took(5.0), clock.now)
    assert [row["total_ms"] for row in look(watch)["slowest"]] == [5.0] * 4


def test_what_was_slow_long_ago_does_not_hide_what_is_slow_now(watch: Watch, clock: Clock) -> None:
    for _ in range(5):
        watch.answered("tryon.stream", 1, took(900.0), clock.now)
    clock.now += 3600
    for total in (20.0, 30.0):
        watch.answered("tryon.stream", 1, took(total), clock.now)
    assert [row["total_ms"] for row in look(watch)["slowest"]] == [30.0, 20.0]
    clock.now += 290
    assert len(look(watch)["slowest"]) == 2
    clock.now += 20
    assert look(watch)["slowest"] == [], "five minutes are over though nothing came since"


def test_many_minutes_stay_bounded(watch: Watch, clock: Clock) -> None:
    for n in range(2000):
        clock.now += 10
        for op in ("tryon.stream", "tryon.still", "vision.segment", "server.echo", "model.list"):
            watch.answered(op, 1, took(float(n)), clock.now)
    assert len(watch._slow) == module.SLOW_MINUTES
    assert sum(len(slowest.rows) for _, minute in watch._slow for slowest in minute.values()) <= 5 * 5 * module.SLOW_OP
    assert len(look(watch)["slowest"]) == module.SLOW_SHOWN


def test_errors_newest_first_and_repeats_in_one_row(watch: Watch, clock: Clock) -> None:
    watch.failed("vision.segment", "internal", 1)
    for _ in range(1000):
        clock.now += 0.001
        watch.failed("tryon.still", "overloaded", 2)
    rows = look(watch)["errors"]
    assert [(row["op"], row["code"], row["session"], row["count"]) for row in rows] == [
        ("tryon.still", "overloaded", "s2", 1000),
        ("vision.segment", "internal", "s1", 1),
    ]
    assert rows[0]["at"] == pytest.approx(clock.now + 1e9)


def test_what_a_peer_chose_is_no_error_and_errors_are_bounded(watch: Watch) -> None:
    watch.failed("tryon.stream", "cancelled", 1)
    watch.failed("tryon.stream", "superseded", 1)
    assert look(watch)["errors"] == []
    for n in range(1000):
        watch.failed("tryon.still", "overloaded", n)
    assert len(look(watch)["errors"]) == module.ERRORS


def test_a_frame_costs_the_hot_path_hardly_anything(watch: Watch) -> None:
    """Well under what one frame costs otherwise (hundreds of microseconds); measured: about half a microsecond."""
    seen, tm = arrive(watch), took(1.0)
    watch.answered("tryon.stream", 1, took(99.0), 1000.0)

    def frame() -> None:
        watch.answered("tryon.stream", 1, tm, 1000.5)
        seen.frame((1000.5, tm.total_ms))

    for _ in range(10):
        frame()
    best = min(timeit.repeat(frame, number=2000, repeat=5)) / 2000
    assert best < 10e-6, f"{best * 1e9:.0f} ns"
