"""`vitrine serve --record` and `vitrine replay` as processes: real sockets, real shared memory, the real client."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from integration.running import ROOT, Sidecar, environment
from replay.recordings import GLASSES, TOP, Replay, Studio, drawn, shop

from sidecar.catalog import samples
from sidecar.client import Vitrine, connect
from sidecar.errors import NotFound
from sidecar.replay import pixels, reader

Test = Callable[[Vitrine], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("file") / "shop.vrec")


@pytest.fixture(scope="module")
def replay(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(file, tmp_path_factory.mktemp("run"), "--speed", "max") as running:
        yield running


def talk(server: Any, test: Test, **options: Any) -> None:
    async def main() -> None:
        async with await connect(run_file=server.run_file, **options) as vitrine:
            await test(vitrine)

    asyncio.run(asyncio.wait_for(main(), 60))


def run_vitrine(*words: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidecar", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


async def frames(vitrine: Vitrine, count: int, layers: list[Any], seed: int = 9) -> list[Any]:
    """The answers to `count` frames, each asked for when the last has come."""
    got = []
    async with vitrine.stream("tryon.stream", {"layers": layers}) as stream:
        for n in range(count):
            await stream.push_frame(drawn(seed), n=n, t_us=n)
            got.append(await stream.__anext__())
    return got


# -- replaying -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shm", [True, False])
def test_frames_come_bit_by_bit_and_in_order(replay: Replay, shm: bool) -> None:
    async def test(vitrine: Vitrine) -> None:
        got = await frames(vitrine, 12, [GLASSES])  # more than there are slots
        assert [part.n for part in got] == list(range(12)) == [part["n"] for part in got]
        for n, part in enumerate(got):
            assert (part["image"].pixels == drawn(100 + min(n, 2))).all()
        assert (got[0].tm.decode_ms, got[0].tm.infer_ms) == (1.0, 8.0)

    talk(replay, test, shm=shm)


def test_a_still_and_other_layers(replay: Replay) -> None:
    async def test(vitrine: Vitrine) -> None:
        still = await vitrine.call("tryon.still", {"image": drawn(1), "layers": [GLASSES]})
        assert (still["image"].pixels == drawn(2)).all()
        async with vitrine.stream("tryon.stream", {"layers": [GLASSES]}) as stream:
            await stream.push({"layers": [TOP]})
            await stream.push_frame(drawn(3), n=0, t_us=0)
            assert ((await stream.__anext__())["image"].pixels == drawn(103)).all()
            await stream.end()
            assert [part async for part in stream] == []
            assert stream.done is not None
            assert stream.done.d == {"frames_in": 1, "frames_out": 1, "superseded": 0}

    talk(replay, test)


def test_it_says_what_it_is(replay: Replay) -> None:
    async def test(vitrine: Vitrine) -> None:
        gateway = {"server.echo", "server.stats", "model.list", "model.load", "model.unload"}
        assert set(vitrine.welcome.ops) == gateway | {"tryon.stream", "tryon.still"}
        stats = await vitrine.call("server.stats")
        assert stats["providers"] == ["replay"]
        assert [(row["name"], row["p50_ms"]) for row in stats["models"]] == [("face-mesh", 3.5)]
        assert {row["state"] for row in stats["workers"]} == {"ready"}
        (row,) = (await vitrine.call("model.list"))["items"]
        assert (row["name"], row["device"], row["licence"]) == ("face-mesh", "replay", "Apache-2.0")
        assert (await vitrine.call("model.unload", {"name": "face-mesh"}))["state"] == "installed"
        assert (await vitrine.call("model.load", {"name": "face-mesh"}))["state"] == "ready"
        with pytest.raises(NotFound, match="This recording holds no"):
            await vitrine.call("vision.segment", {"image": drawn(1)})
        picture = drawn(5)
        echo = await vitrine.call("server.echo", {"where": "engine", "image": picture})
        assert (echo["image"].pixels == picture).all()

    talk(replay, test)


def test_it_is_ready_as_soon_as_it_listens(replay: Replay) -> None:
    port = json.loads(replay.run_file.read_text())["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    assert response.status == 200 and json.loads(response.read())["models"] == {"face-mesh": "ready"}
    connection.close()


def test_answers_take_as_long_as_they_took(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "slow.vrec")
    studio.open([GLASSES])
    for n in range(4):
        studio.frame(n, drawn(n), after_ms=60)
    studio.stop()
    with Replay(studio.path, tmp_path / "run", "--speed", "2") as running:

        async def test(vitrine: Vitrine) -> None:
            begun = time.monotonic()
            for part in await frames(vitrine, 4, [GLASSES]):
                assert part.tm.total_ms >= 29
            assert time.monotonic() - begun >= 0.12

        talk(running, test)


def test_the_newest_frame_wins_as_with_workers(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "slow.vrec")
    studio.open([GLASSES])
    for n in range(20):
        studio.frame(n, drawn(n), after_ms=400)
    studio.stop()
    with Replay(studio.path, tmp_path / "run") as running:

        async def test(vitrine: Vitrine) -> None:
            async with vitrine.stream("tryon.stream", {"layers": [GLASSES]}) as stream:
                await stream.push_frame(drawn(50), n=0, t_us=0)
                await asyncio.sleep(0.1)  # it runs now
                for n in range(1, 10):
                    await stream.push_frame(drawn(50), n=n, t_us=n)
                await stream.end()
                got = [part async for part in stream]
                assert [part["n"] for part in got] == [0, 9]
                for n, part in enumerate(got):
                    assert (part["image"].pixels == drawn(n)).all(), "answered frames follow the recording's"
                assert stream.done is not None
                assert stream.done.d == {"frames_in": 10, "frames_out": 2, "superseded": 8}

        talk(running, test)


def test_a_second_server_is_refused_and_the_first_stops_in_order(file: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    with Replay(file, run_dir) as running:
        second = run_vitrine("replay", str(file), "--port", "0", "--run-dir", str(run_dir))
        assert second.returncode == 1 and second.stderr.startswith("vitrine: ")
        port = str(json.loads(running.run_file.read_text())["port"])
        third = run_vitrine("replay", str(file), "--port", port, "--run-dir", str(tmp_path / "other"))
        assert third.returncode == 1 and "taken" in third.stderr
        assert running.stop() == 0
        assert not running.run_file.exists()
        assert "Traceback" not in running.log


def test_it_ends_with_its_parent(file: Path, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent:
        with Replay(file, tmp_path / "run", "--parent-pid", str(parent.pid)) as running:
            parent.kill()
            parent.wait(5)
            assert running.process.wait(10) == 0
        assert not running.run_file.exists()


def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.vrec"
    bad.write_bytes(b"\x89VREC\r\n\x1a" + bytes(100))
    for path in (bad, tmp_path / "absent.vrec", tmp_path):
        result = run_vitrine("replay", str(path), "--port", "0", "--run-dir", str(tmp_path / "run"))
        assert result.returncode == 1 and result.stderr.startswith("vitrine: ") and "Traceback" not in result.stderr


def test_describe_names_what_is_inside_and_warns(file: Path) -> None:
    shown = run_vitrine("replay", str(file), "--describe")
    assert shown.returncode == 0
    for words in ("tryon.still", "sample-glasses-1", "sample-top-1 M", "3 frames", "pictures of whoever stood"):
        assert words in shown.stdout
    found = json.loads(run_vitrine("replay", str(file), "--describe", "--json").stdout)
    assert [(row["op"], row["frames"]) for row in found["ops"]] == [
        ("tryon.still", 0),
        ("tryon.stream", 3),
        ("tryon.stream", 2),
        ("tryon.stream", 1),
    ]
    assert found["pictures"] == 7 and found["damage"] == "" and found["models"] == ["face-mesh"]


def test_replaying_loads_no_model_runtime() -> None:
    script = (
        "import sys, sidecar.replay_cli, sidecar.replay.handle, sidecar.serve, sidecar.server.gateway;"
        "print(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "onnxruntime" not in loaded.stdout.split() and "torch" not in loaded.stdout.split()


# -- recording with real models ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A short session with the sample portrait, recorded through `vitrine serve --record`, and what the game saw."""
    folder = tmp_path_factory.mktemp("real")
    path = folder / "real.vrec"
    portrait = cv2.imread(str(Path(samples.__file__).parent / "portrait" / "astronaut.png"))
    assert portrait is not None
    person = np.ascontiguousarray(cv2.resize(portrait, (320, 320))[..., ::-1])
    seen: dict[str, Any] = {"path": path, "person": person}
    server = Sidecar(folder / "run", "--record", str(path)).ready()

    async def session(vitrine: Vitrine) -> None:
        still = await vitrine.call("tryon.still", {"image": person, "layers": [GLASSES]})
        seen["still"] = still["image"].pixels.copy()
        seen["masks"] = len(still.d.get("masks", {}))
        seen["stream"] = await _worn(vitrine, person)

    try:
        talk(server, session)
    finally:
        seen["code"] = server.stop()
        seen["log"] = server.log
    return seen


async def _worn(vitrine: Vitrine, person: Any) -> list[Any]:
    got = []
    async with vitrine.stream("tryon.stream", {"layers": [GLASSES]}) as stream:
        for n in range(12):
            if n == 8:
                await stream.push({"layers": [TOP]})
            await stream.push_frame(np.ascontiguousarray(np.roll(person, n, axis=1)), n=n, t_us=33_000 * n)
            part = await stream.__anext__()
            got.append((part["n"], part["confidence"], part["image"].pixels.copy()))
        await stream.end()
        async for _ in stream:
            raise AssertionError("a part too many")
    return got


def test_a_recorded_session_is_replayed_without_models(real: dict[str, Any], tmp_path: Path) -> None:
    with Replay(real["path"], tmp_path / "run", "--speed", "max") as running:

        async def test(vitrine: Vitrine) -> None:
            still = await vitrine.call("tryon.still", {"image": real["person"], "layers": [GLASSES]})
            assert (still["image"].pixels == real["still"]).all()
            got = await _worn(vitrine, real["person"])
            for (n, confidence, shown), (m, sure, seen) in zip(got, real["stream"], strict=True):
                assert (n, confidence) == (m, sure) and (shown == seen).all()

        talk(running, test)
        assert (real["still"] != real["person"]).any(), "something was tried on"


def test_recording_is_said_loudly_and_ends_in_order(real: dict[str, Any]) -> None:
    log = real["log"]
    assert real["code"] == 0
    assert "RECORDING to" in log and "WARNING gateway RECORDING" in log and "Tell whoever stands before" in log
    assert "Recorded 2 calls and 12 frames, " in log and "pictures of people" in log
    recording = reader.read(real["path"])
    assert recording.damage == "" and recording.summary is not None and recording.summary.frames == 12
    assert {"face-mesh", "pose-full"} <= {model.name for model in recording.models["frame"]}
    assert len(recording.pictures) == 12 + 1 + real["masks"], "what was sent is not in the file"


def test_the_pictures_in_the_file_are_smaller_than_raw(real: dict[str, Any]) -> None:
    recording = reader.read(real["path"])
    with reader.Pictures(recording) as pictures:
        head, data = pictures.read(0)
    assert head.kept == pixels.SQUEEZED and len(data) < 0.8 * real["still"].nbytes


def test_serve_does_not_write_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.vrec"
    path.write_bytes(b"mine")
    words = ("serve", "--port", "0", "--no-install", "--no-warm", "--run-dir", str(tmp_path / "run"))
    result = run_vitrine(*words, "--record", str(path))
    assert result.returncode == 1 and "--force" in result.stderr and path.read_bytes() == b"mine"


def test_a_killed_server_leaves_a_file_that_replays(tmp_path: Path) -> None:
    path = tmp_path / "killed.vrec"
    server = Sidecar(tmp_path / "run", "--record", str(path)).ready()

    async def session(vitrine: Vitrine) -> None:
        with pytest.raises(NotFound):
            await vitrine.call("tryon.still", {"image": drawn(1, w=64, h=64), "layers": [{"product": "absent"}]})
        await vitrine.call("vision.segment", {"image": drawn(1, w=64, h=64)})

    talk(server, session)
    server.process.kill()
    server.process.wait(5)
    recording = reader.read(path)
    assert "not ended in order" in recording.damage and recording.ops == {"tryon.still", "vision.segment"}
    assert recording.failed == 1
