"""When answers come: as long as they once took, divided by the speed; the test owns the clock and the thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from replay.recordings import GLASSES, Told, drawn, raw, shop

from sidecar.replay import reader
from sidecar.replay.handle import ReplayHandle
from sidecar.replay.player import Player
from sidecar.wire import codec

STEP_S = 0.010


class Timer:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when, self.callback, self.live = when, callback, True

    def cancel(self) -> None:
        self.live = False


class Clock:
    """Time that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 50.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def forward(self, seconds: float) -> None:
        self.now += seconds
        for timer in [timer for timer in self.timers if timer.live and timer.when <= self.now + 1e-9]:
            timer.live = False
            timer.callback()


class Inline(Executor):
    """Runs what it is given at once, or when the test lets it."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] | None = None

    def submit(self, function: Any, /, *words: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            future.set_result(function(*words, **options))

        work() if self.held is None else self.held.append(work)
        return future


class Stage:
    """A handle that was started, with a stream in it."""

    def __init__(self, file: Path, speed: float) -> None:
        self.clock, self.thread, self.told = Clock(), Inline(), Told()
        recording = reader.read(file)
        self.handle = ReplayHandle(
            "frame",
            Player(recording),
            models=recording.models["frame"],
            speed=speed,
            clock=self.clock,
            executor=self.thread,
        )
        self.handle.start(self.told)

    async def given(self, number: int, step: str, given: dict[str, Any]) -> None:
        key = "a" if step == "open" else "d"
        message = codec.encode({"t": "x", "id": 1, key: given})
        job: dict[str, Any] = {"op": "tryon.stream", "raw": message, "grants": [], "image_px": 1 << 24, "max_side": 0}
        self.handle.run(number, conn=1, call=1, step=step, **job)
        await settled()

    async def opened(self) -> None:
        await self.given(1, "open", {"layers": [GLASSES]})
        self.clock.forward(1)
        self.told.heard.clear()

    async def frame(self, number: int) -> None:
        await self.given(number, "push", {"n": number, "t_us": 1, "image": raw(drawn(1))})

    def answers(self) -> list[int]:
        return [words[0] for what, *words in self.told.heard if what == "worker_answered"]

    def refusals(self) -> list[tuple[int, str]]:
        return [(words[0], words[1]) for what, *words in self.told.heard if what == "worker_refused"]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield shop(tmp_path_factory.mktemp("handle") / "shop.vrec")


def staged(file: Path, speed: float, test: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        stage = Stage(file, speed)
        await stage.opened()
        await test(stage)
        await stage.handle.stop()

    asyncio.run(main())


@pytest.mark.parametrize(("speed", "after_s"), [(1.0, STEP_S), (2.0, STEP_S / 2), (0.5, 2 * STEP_S)])
def test_an_answer_comes_after_the_recorded_time(file: Path, speed: float, after_s: float) -> None:
    async def test(stage: Stage) -> None:
        await stage.frame(2)
        stage.clock.forward(after_s - 0.0005)
        assert stage.answers() == []
        stage.clock.forward(0.0006)
        assert stage.answers() == [2]
        assert stage.told.heard[-1][3] == (1.0, 8.0, 1.0), "the times that were recorded, at any speed"

    staged(file, speed, test)


def test_at_full_speed_it_comes_at_once(file: Path) -> None:
    async def test(stage: Stage) -> None:
        for number in range(2, 6):
            await stage.frame(number)
        assert stage.answers() == [2, 3, 4, 5] and not any(timer.live for timer in stage.clock.timers)

    staged(file, float("inf"), test)


def test_reading_the_file_counts_as_part_of_the_time(file: Path) -> None:
    async def test(stage: Stage) -> None:
        stage.thread.held = []
        await stage.frame(2)
        stage.clock.forward(2 * STEP_S)  # longer than the answer once took
        assert stage.answers() == []
        stage.thread.held.pop()()
        await settled()
        assert stage.answers() == [2]
        stage.thread.held = None

    staged(file, 1.0, test)


def test_a_cancel_ends_the_waiting(file: Path) -> None:
    async def test(stage: Stage) -> None:
        await stage.frame(2)
        stage.handle.cancel(2)
        await settled()
        assert stage.refusals() == [(2, "cancelled")]
        stage.clock.forward(1)
        assert stage.answers() == [] and len(stage.refusals()) == 1
        stage.handle.cancel(2)
        stage.handle.cancel(77)

    staged(file, 1.0, test)


def test_a_cancel_waits_for_the_thread_that_may_be_writing_to_a_slot(file: Path) -> None:
    async def test(stage: Stage) -> None:
        stage.thread.held = []
        await stage.frame(2)
        stage.handle.cancel(2)
        await settled()
        assert stage.refusals() == []
        stage.thread.held.pop()()
        await settled()
        assert stage.refusals() == [(2, "cancelled")]
        stage.thread.held = None

    staged(file, 1.0, test)


def test_models_are_told_as_recorded_from_the_provider_replay(file: Path) -> None:
    async def test(stage: Stage) -> None:
        model = stage.handle.models["face-mesh"]
        assert (model.provider, model.state, model.precision, model.p50_ms) == ("replay", "ready", "fp32", 3.5)
        stage.handle.unload(-1, "face-mesh")
        stage.handle.load(-2, "iris")
        await settled()
        assert list(stage.handle.models) == ["iris"]
        answered = {words[0]: codec.decode(words[1]) for what, *words in stage.told.heard if what == "worker_answered"}
        assert answered == {-1: {"returned": True}, -2: {}}

    staged(file, 1.0, test)


def test_after_stop_nothing_is_answered_and_nothing_breaks(file: Path) -> None:
    async def test(stage: Stage) -> None:
        await stage.frame(2)
        await stage.handle.stop()
        stage.clock.forward(1)
        stage.handle.detach(1)
        stage.handle.close_stream(1, 1)
        assert stage.answers() == [] and stage.handle.state == "stopped"

    staged(file, 1.0, test)
