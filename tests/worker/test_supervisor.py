"""The gateway's hold on a worker: a death is noticed at once, the successor is warm, endless deaths slow down."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import psutil
import pytest
from integration.running import alive

from sidecar.engine.registry import Registry
from sidecar.worker import handoff
from sidecar.worker.link import MAX_BYTES, Detach, Splitter, frame, read_to_worker
from sidecar.worker.supervisor import MAX_BACKOFF_S, WorkerHandle, WorkerSettings, backoff_s


class Heard:
    """Notes what a handle tells."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.lost = asyncio.Event()
        self.refused = asyncio.Event()
        self.said: list[str] = []

    def worker_ready(self, name: str) -> None:
        self.said.append("ready")
        self.ready.set()

    def worker_lost(self, name: str) -> None:
        self.said.append("lost")
        self.ready.clear()
        self.lost.set()

    def worker_models(self, name: str) -> None: ...

    def worker_answered(self, *_: Any) -> None: ...

    def worker_refused(self, *_: Any) -> None:
        self.refused.set()


def settings(**more: Any) -> WorkerSettings:
    return WorkerSettings(packs=str(Registry().root), providers=["cpu"], threads=1, log_level="WARNING", **more)


def test_a_killed_worker_comes_back_warm() -> None:
    async def main() -> None:
        handle, heard = WorkerHandle("frame", settings(), warm=["iris"]), Heard()
        handle.start(heard)
        await asyncio.wait_for(heard.ready.wait(), 20)
        first = handle.pid
        assert [model.state for model in handle.models.values()] == ["ready"]
        psutil.Process(first).kill()
        await asyncio.wait_for(heard.lost.wait(), 2)
        await asyncio.wait_for(heard.ready.wait(), 20)
        assert handle.pid != first and handle.restarts == 1 and set(handle.models) == {"iris"}
        assert heard.said == ["ready", "lost", "ready"]
        second = handle.pid
        await handle.stop()
        assert not alive(first) and not alive(second)

    asyncio.run(main())


def test_a_worker_yields_to_the_game() -> None:
    async def main() -> None:
        handle, heard = WorkerHandle("frame", settings(), warm=[]), Heard()
        handle.start(heard)
        await asyncio.wait_for(heard.ready.wait(), 20)
        nice = psutil.Process(handle.pid).nice()
        await handle.stop()
        assert nice == (psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10)

    asyncio.run(main())


def test_one_that_cannot_start_is_tried_again_ever_more_slowly() -> None:
    async def main() -> None:
        broken = settings(command=[sys.executable, "-c", "raise SystemExit(3)"])
        handle, heard = WorkerHandle("frame", broken, warm=[]), Heard()
        handle.start(heard)
        deadline = time.monotonic() + 10
        while heard.said.count("lost") < 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        await handle.stop()
        assert "ready" not in heard.said and handle.state == "stopped"

    asyncio.run(main())
    assert [backoff_s(deaths) for deaths in (0, 2, 3, 4, 5)] == [0.0, 0.0, 0.5, 1.0, 2.0]
    assert backoff_s(100) == MAX_BACKOFF_S


@pytest.mark.parametrize("answers", [True, False])
def test_only_deaths_without_an_answer_slow_the_next_start(answers: bool) -> None:
    """A worker that is killed again and again in mid-work comes back at once each time."""

    async def main() -> None:
        handle, heard = WorkerHandle("frame", settings(), warm=[]), Heard()
        handle.start(heard)
        for round in range(4):
            await asyncio.wait_for(heard.ready.wait(), 20)
            if answers:
                handle.load(-1 - round, "no-such-model")
                await asyncio.wait_for(heard.refused.wait(), 5)
                heard.refused.clear()
            heard.lost.clear()
            psutil.Process(handle.pid).kill()
            await asyncio.wait_for(heard.lost.wait(), 5)
            assert handle._quick_deaths == (0 if answers else round + 1)
        await handle.stop()

    asyncio.run(main())


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.005, 0.02, 0.1])
def test_stopping_while_it_starts_leaves_no_process(after_s: float) -> None:
    async def main() -> None:
        before = set(psutil.Process().children())
        handle = WorkerHandle("frame", settings(), warm=["iris"])
        handle.start(Heard())
        await asyncio.sleep(after_s)
        await asyncio.wait_for(handle.stop(), 5)
        assert set(psutil.Process().children()) == before

    asyncio.run(main())


def test_an_unloaded_model_is_not_warmed_again() -> None:
    handle = WorkerHandle("frame", settings(), warm=["iris", "face-mesh"])
    handle.unload(-1, "iris")
    assert handle.warm == ["face-mesh"]


def test_a_worker_whose_gateway_closed_its_sockets_ends() -> None:
    ours, theirs = handoff.socket_pair()
    control, their_control = handoff.socket_pair()
    told: dict[str, object] = {"name": "x", "packs": "", "providers": ["cpu"], "threads": 1, "warm": []}
    process = handoff.start(
        [sys.executable, "-m", "sidecar.worker"], [theirs, their_control], {**told, "gateway_pid": os.getpid()}
    )
    for end in (theirs, their_control, ours, control):
        end.close()
    assert process.wait(20) == 0


def test_messages_survive_any_cut() -> None:
    stream = b"".join(frame(Detach(number)) for number in range(50))
    for size in (1, 3, 7, 64, len(stream)):
        splitter, found = Splitter(), []
        for start in range(0, len(stream), size):
            found += [read_to_worker(body) for body in splitter.feed(stream[start : start + size])]
        assert found == [Detach(number) for number in range(50)]


def test_an_impossible_length_is_refused() -> None:
    with pytest.raises(ValueError, match="impossibly long"):
        list(Splitter().feed((MAX_BYTES + 1).to_bytes(4, "little")))
