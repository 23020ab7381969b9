"""Recordings for tests: made by the recorder itself, around a worker that answers with drawn pictures. No people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from integration.running import ROOT, environment, wait_until
from numpy.typing import NDArray

from sidecar.replay.recorder import Recorder
from sidecar.replay.tape import Tally, Tape
from sidecar.wire import codec
from sidecar.wire.messages import ShmRef
from sidecar.wire.shm import Lane, create_lane

Pixels = NDArray[np.uint8]
GLASSES: dict[str, Any] = {"product": "sample-glasses-1"}
TOP: dict[str, Any] = {"product": "sample-top-1", "size": "M"}
ROWS = [{"name": "face-mesh", "state": "installed", "device": "", "bytes": 12, "licence": "Apache-2.0"}]


def drawn(seed: int, *, w: int = 16, h: int = 12, channels: int = 3) -> Pixels:
    """A picture that no other seed gives."""
    return np.random.default_rng(seed).integers(0, 256, (h, w, channels), np.uint8)


def raw(pixels: Pixels, *, bottom: bool = False, d: object = None) -> dict[str, Any]:
    """A raw picture of the wire; rows of `pixels` are top first."""
    rows = pixels[::-1] if bottom else pixels
    form = {1: "r8", 3: "rgb8", 4: "rgba8"}[pixels.shape[2]]
    order = "bottom" if bottom else "top"
    return {
        "w": pixels.shape[1],
        "h": pixels.shape[0],
        "f": form,
        "o": order,
        "d": rows.tobytes() if d is None else d,
    }


class Model:
    """A loaded model, as a worker tells it."""

    name, precision, runs, p50_ms, p95_ms, state = "face-mesh", "fp32", 7, 3.5, 5.0, "ready"


class Inner:
    """The handle that is recorded; `run` remembers, the test answers."""

    def __init__(self, name: str = "frame") -> None:
        self.name = name
        self.state = "ready"
        self.models: dict[str, Any] = {"face-mesh": Model()}
        self.events: Any = None
        self.said: list[tuple[Any, ...]] = []

    def start(self, events: Any) -> None:
        self.events = events
        events.worker_models(self.name)
        events.worker_ready(self.name)

    def run(self, number: int, **job: Any) -> None:
        self.said.append(("run", number, job))

    def attach(self, *words: Any) -> None:
        self.said.append(("attach", *words))

    def detach(self, conn: int) -> None:
        self.said.append(("detach", conn))

    def close_stream(self, conn: int, call: int) -> None:
        self.said.append(("close", conn, call))

    def throttle(self, *, share: float, cores: float) -> None:
        self.said.append(("throttle", share, cores))

    async def stop(self) -> None:
        self.state = "stopped"


class Told:
    """Who stands behind the recorder: the workers, as far as events go."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *words: self.heard.append((name, *words))


class Studio:
    """Records jobs whose clock the test owns."""

    def __init__(self, path: Path, *, inputs: bool = False, tape: Tape | None = None) -> None:
        self.now = 100.0
        self.path = path
        made = tape or Tape.create(path)
        made._clock = self.clock
        made.started_at = self.now
        self.recorder = Recorder(lambda: made, inputs=inputs, clock=self.clock)
        self.recorder.begin(ROWS)
        self.inner = Inner()
        self.told = Told()
        self.handle: Any = self.recorder.around(self.inner)
        self.handle.start(self.told)
        self._numbers = 0

    def clock(self) -> float:
        return self.now

    def map(self, conn: int) -> Lane:
        """A mapping for a connection."""
        lane = create_lane(slot_bytes=8192, up=2, down=2)
        self.handle.attach(conn, lane.offer, lane.identity)
        return lane

    def given(
        self, op: str, step: str, given: dict[str, Any] | None = None, *, conn: int = 1, call: int = 1
    ) -> int:
        """A job goes to the worker; its number."""
        self._numbers += 1
        key = "a" if step in ("call", "open") else "d"
        message = b"" if given is None else codec.encode({"t": "x", "id": call, key: given})
        self.handle.run(
            self._numbers, conn=conn, call=call, step=step, op=op, raw=message, grants=[], image_px=1 << 24, max_side=0
        )
        return self._numbers

    def answered(self, number: int, result: dict[str, Any], *, after_ms: float = 10.0, used: Any = None) -> None:
        """The worker answers."""
        self.now += after_ms / 1000
        self.inner.events.worker_answered(number, codec.encode(result), (1.0, max(0.0, after_ms - 2), 1.0), used or [])

    def refused(self, number: int, code: str, message: str = "It was refused.", *, after_ms: float = 10.0) -> None:
        self.now += after_ms / 1000
        self.inner.events.worker_refused(number, code, message, None)

    def call(self, op: str, a: dict[str, Any], result: dict[str, Any], *, after_ms: float = 10.0) -> None:
        """A whole call."""
        self.answered(self.given(op, "call", a), result, after_ms=after_ms)

    def open(self, layers: Sequence[Any], *, call: int = 1, **options: Any) -> None:
        """A stream is opened."""
        number = self.given("tryon.stream", "open", {"layers": list(layers), **options}, call=call)
        self.answered(number, {}, after_ms=2)

    def wear(self, layers: Sequence[Any], *, call: int = 1) -> None:
        """Its layers change."""
        number = self.given("tryon.stream", "push", {"layers": list(layers)}, call=call)
        self.answered(number, {}, after_ms=1)

    def frame(
        self, n: int, answer: Pixels, *, call: int = 1, after_ms: float = 10.0, confidence: float = 0.5
    ) -> None:
        """A frame is answered with a picture."""
        push = {"n": n, "t_us": 1000 * n, "image": raw(drawn(10_000 + n))}
        number = self.given("tryon.stream", "push", push, call=call)
        result = {"n": n, "t_us": 1000 * n, "image": raw(answer), "confidence": confidence}
        self.answered(number, result, after_ms=after_ms)

    def end(self, *, call: int = 1) -> None:
        """The stream ends in order."""
        self.answered(self.given("tryon.stream", "end", call=call), {}, after_ms=0)

    def stop(self) -> Tally:
        """The recording ends in order."""
        tally = self.recorder.end()
        assert tally is not None
        return tally


def shop(path: Path) -> Path:
    """A recording: a still, then a stream of 3 frames with glasses, 2 with a top, 1 with glasses again."""
    studio = Studio(path)
    a = {"image": raw(drawn(1)), "layers": [GLASSES]}
    studio.call("tryon.still", a, {"image": raw(drawn(2)), "confidence": 1.0})
    studio.open([GLASSES])
    for n in range(3):
        studio.frame(n, drawn(100 + n), after_ms=10 + n)
    studio.wear([TOP])
    for n in range(3, 5):
        studio.frame(n, drawn(100 + n))
    studio.wear([GLASSES])
    studio.frame(5, drawn(105))
    studio.end()
    studio.stop()
    return path


class Replay:
    """`vitrine replay FILE` in a process of its own, as `integration.running.Sidecar` is for `serve`."""

    def __init__(self, file: Path, run_dir: Path, *options: str) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self.run_file = run_dir / "run.json"
        self._log = run_dir / "log.txt"
        command = [sys.executable, "-m", "sidecar", "replay", str(file), "--port", "0", "--run-dir", str(run_dir)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options], cwd=ROOT, env=environment(), stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._listens, timeout=20, what="run.json")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log
        return self.run_file.exists() and "listens" in self.log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """Ends it as Ctrl-C does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(subprocess.signal.SIGINT)  # type: ignore[attr-defined]
        return self.process.wait(10)

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


@contextmanager
def mapped(studio: Studio, conn: int = 1) -> Iterator[Lane]:
    """A connection's mapping for a block."""
    lane = studio.map(conn)
    try:
        yield lane
    finally:
        studio.handle.detach(conn)
        lane.close()


def written(lane: Lane, slot: int, pixels: Pixels, sequence: int = 1) -> ShmRef:
    """A picture in a slot."""
    return lane.write(slot, sequence, pixels.tobytes())

