"""The client against a real sidecar: its own process, real workers, real sockets, real shared memory; no models."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecar.client import Endpoint, Vitrine, connect, read_endpoint
from sidecar.errors import BadRequest, ModelLoading, NotFound, Unauthorized, Unavailable, UnknownOp

ROOT = Path(__file__).parents[2]
Test = Callable[[Vitrine], Coroutine[Any, Any, None]]


class Sidecar:
    """A `vitrine serve` with an own runtime folder and no models."""

    def __init__(self, folder: Path) -> None:
        self.run_file = folder / "run" / "run.json"
        self._packs = folder / "packs"
        self._log = folder / "log"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sidecar", "serve", "--port", "0", "--no-install", "--no-warm"]
        command += [
            "--run-dir",
            str(self.run_file.parent),
            "--packs",
            str(self._packs),
            "--parent-pid",
            str(os.getpid()),
        ]
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self.run_file.exists() or read_endpoint(self.run_file).pid != process.pid:
            assert process.poll() is None, self._log.read_text("utf-8")
            assert time.monotonic() < deadline, "run.json did not come"
            time.sleep(0.02)
        return process

    def restart(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.run_file.unlink()  # a killed server leaves it behind
        self.process = self._start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    server = Sidecar(tmp_path_factory.mktemp("sidecar"))
    yield server
    server.stop()
    assert not server.run_file.exists()


async def warm(vitrine: Vitrine) -> None:
    """Waits until a worker answers."""
    for _ in range(200):
        try:
            await vitrine.call("server.echo", {"where": "engine"})
            return
        except (ModelLoading, Unavailable):
            await asyncio.sleep(0.05)
    pytest.fail("no worker came up")


def run(sidecar: Sidecar, test: Test, **options: Any) -> None:
    async def main() -> None:
        async with await connect(run_file=sidecar.run_file, **options) as vitrine:
            await warm(vitrine)
            await test(vitrine)

    asyncio.run(asyncio.wait_for(main(), 40))


def pixels(height: int, width: int, channels: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@pytest.mark.parametrize("where", ["gateway", "engine"])
def test_echo_of_values(sidecar: Sidecar, where: str) -> None:
    data = [None, True, -(2**63), 2**64 - 1, 0.1, "试穿 🧥", b"\x00\xff", {"a": [{}]}]

    async def test(vitrine: Vitrine) -> None:
        result = await vitrine.call("server.echo", {"where": where, "data": data})
        assert result.d == {"data": data}
        assert result.tm.total_ms >= 0

    run(sidecar, test)


@pytest.mark.parametrize("where", ["gateway", "engine"])
@pytest.mark.parametrize("shm", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_echo_of_pictures_by_both_ways(sidecar: Sidecar, where: str, shm: bool, channels: int) -> None:
    async def test(vitrine: Vitrine) -> None:
        for seed in range(20):  # more than there are slots
            sent = pixels(120 + seed, 160, channels, seed)
            result = await vitrine.call("server.echo", {"where": where, "image": sent})
            assert (result["image"].pixels == sent).all()

    run(sidecar, test, shm=shm)


def test_many_pictures_at_once(sidecar: Sidecar) -> None:
    async def test(vitrine: Vitrine) -> None:
        sent = [pixels(200, 200, 3, seed) for seed in range(30)]
        calls = [vitrine.call("server.echo", {"where": "engine", "image": picture}) for picture in sent]
        for picture, result in zip(sent, await asyncio.gather(*calls), strict=True):
            assert (result["image"].pixels == picture).all()

    run(sidecar, test)


def test_stats_and_models(sidecar: Sidecar) -> None:
    async def test(vitrine: Vitrine) -> None:
        stats = await vitrine.call("server.stats")
        assert stats["sessions"] == 1 and stats["counters"]["calls"] >= 1
        assert {worker["state"] for worker in stats["workers"]} <= {"ready", "busy", "starting"}
        assert isinstance((await vitrine.call("model.list"))["items"], list)

    run(sidecar, test)


def test_errors_are_typed(sidecar: Sidecar) -> None:
    async def test(vitrine: Vitrine) -> None:
        with pytest.raises(UnknownOp):
            await vitrine.call("server.shout")
        with pytest.raises(BadRequest):
            await vitrine.call("server.echo", {"where": "moon"})
        with pytest.raises(NotFound, match="vitrine models install"):
            await vitrine.call("tryon.still", {"image": pixels(64, 64, 3), "layers": []})
        with pytest.raises(NotFound):
            async with vitrine.stream("tryon.stream", {"layers": []}) as stream:
                async for _ in stream:
                    pytest.fail("there is no model")
        with pytest.raises(BadRequest):
            await vitrine.call(
                "server.echo", {"where": "engine", "image": {"w": 9, "h": 9, "f": "rgb8", "d": b"short"}}
            )
        assert (await vitrine.call("server.echo", {"data": 1}))["data"] == 1

    run(sidecar, test)


def test_clocks_of_one_machine_agree(sidecar: Sidecar) -> None:
    async def test(vitrine: Vitrine) -> None:
        clock = await vitrine.clock_offset()
        if sys.platform == "linux":  # where the monotonic clock is one for all processes
            assert abs(clock.offset_us) <= clock.rtt_us
        assert 0 <= clock.rtt_us < 1_000_000

    run(sidecar, test)


def test_a_wrong_token_is_refused(sidecar: Sidecar) -> None:
    real = read_endpoint(sidecar.run_file)
    wrong = Endpoint(real.host, real.port, "x" * 43, real.pid, real.started, real.version)

    async def main() -> None:
        with pytest.raises(Unauthorized):
            await connect(endpoint=wrong)

    asyncio.run(asyncio.wait_for(main(), 10))


def test_both_ends_send_at_once(sidecar: Sidecar) -> None:
    async def test(vitrine: Vitrine) -> None:
        transport = vitrine.connection().link._transport
        assert transport is not None
        assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        # With Nagle on either side, small answers would wait for a delayed acknowledgement of 40 ms.
        start = time.perf_counter()
        for _ in range(20):
            await asyncio.gather(*(vitrine.call("server.echo", {"data": n}) for n in range(3)))
        assert time.perf_counter() - start < 0.4

    run(sidecar, test)


if sys.platform != "win32":

    def test_calls_survive_the_death_of_a_worker(sidecar: Sidecar) -> None:
        async def test(vitrine: Vitrine) -> None:
            session = vitrine.welcome.session
            for worker in (await vitrine.call("server.stats"))["workers"]:
                os.kill(worker["pid"], signal.SIGKILL)
            await warm(vitrine)
            sent = pixels(50, 50, 4)
            assert (
                (await vitrine.call("server.echo", {"where": "engine", "image": sent}))["image"].pixels == sent
            ).all()
            assert vitrine.welcome.session == session  # it cost no connection

        run(sidecar, test)

    def test_a_restarted_server_is_found_again_under_its_new_port_and_token(sidecar: Sidecar) -> None:
        async def test(vitrine: Vitrine) -> None:
            before = read_endpoint(sidecar.run_file)
            await asyncio.to_thread(sidecar.restart)
            await vitrine.wait_connected(20)
            await warm(vitrine)
            after = read_endpoint(sidecar.run_file)
            assert (after.token, after.pid) != (before.token, before.pid)
            sent = pixels(50, 50, 3)
            assert (
                (await vitrine.call("server.echo", {"where": "engine", "image": sent}))["image"].pixels == sent
            ).all()

        run(sidecar, test)
