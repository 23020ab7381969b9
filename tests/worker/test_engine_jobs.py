"""Inside a worker: one answer a job whatever happens, cancels that reach what runs, streams that end."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import psutil
import pytest

from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Runtime
from sidecar.ops import registry
from sidecar.ops.context import Context
from sidecar.wire import codec
from sidecar.wire.ops import EchoArgs, TryOnPush, TryOnStreamArgs
from sidecar.worker.link import Answer, CloseStream, Detach, Load, Models, Ready, Refused, Unload


def body(answer: Any) -> dict[str, Any]:
    assert isinstance(answer, Answer), answer
    return codec.decode(answer.body)


def code(answer: Any) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


@pytest.fixture
def op(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a function as the op `test.op`."""

    def install(run: Any) -> None:
        monkeypatch.setitem(registry.UNARY, "test.op", registry.Unary(EchoArgs, run))

    return install


def test_it_is_ready_and_answers(bench: Any) -> None:
    ready = bench.next(lambda message: isinstance(message, Ready))
    assert ready.pid == bench.runtime.pid and ready.providers == ["cpu"] and "onnxruntime" in ready.ort
    bench.run(1, "server.echo", {"data": [1, b"x"]})
    assert body(bench.answer(1)) == {"data": [1, b"x"]}


def test_arguments_are_validated_here(bench: Any) -> None:
    bench.run(1, "server.echo", {"where": "moon"})
    assert code(bench.answer(1)) == "bad_request"


def test_what_nobody_expected_is_internal_and_says_nothing(bench: Any, op: Any) -> None:
    def fall(context: Context, args: EchoArgs) -> dict[str, Any]:
        raise ZeroDivisionError("secret /home/somebody/file.py")

    op(fall)
    bench.run(1, "test.op")
    answer = bench.answer(1)
    assert code(answer) == "internal" and "secret" not in answer.msg and "/" not in answer.msg
    bench.run(2, "server.echo", {"data": 1})
    assert body(bench.answer(2)) == {"data": 1}


def test_a_result_that_cannot_be_sent_is_internal(bench: Any, op: Any) -> None:
    op(lambda context, args: {"x": object()})
    bench.run(1, "test.op")
    assert code(bench.answer(1)) == "internal"
    bench.run(2, "server.echo", {"data": 1})
    assert body(bench.answer(2)) == {"data": 1}


def test_memory_that_runs_out_is_internal(bench: Any, op: Any) -> None:
    def greedy(context: Context, args: EchoArgs) -> dict[str, Any]:
        raise MemoryError

    op(greedy)
    bench.run(1, "test.op")
    assert code(bench.answer(1)) == "internal"


# -- cancel ----------------------------------------------------------------------------------------------------------


def test_cancel_reaches_a_running_python_op(bench: Any, op: Any) -> None:
    running = threading.Event()

    def spin(context: Context, args: EchoArgs) -> dict[str, Any]:
        running.set()
        for _ in range(10_000):
            context.check()
            time.sleep(0.001)
        return {}

    op(spin)
    bench.run(1, "test.op")
    assert running.wait(5)
    bench.cancel(1)
    assert code(bench.answer(1)) == "cancelled"


def test_cancel_terminates_a_running_model(bench: Any, op: Any) -> None:
    """The op never looks at the cancel: only `RunOptions.terminate` can end its loop, and it does so inside a run."""
    running, ends = threading.Event(), []

    def heavy(context: Context, args: EchoArgs) -> dict[str, Any]:
        model = context.models["pose-heavy"]
        picture = np.zeros((1, 256, 256, 3), np.float32)
        try:
            for _ in range(10_000):
                running.set()
                model(picture)
        finally:
            ends.append(time.monotonic())
        return {}

    op(heavy)
    bench.run(1, "test.op")
    assert running.wait(20)
    time.sleep(0.1)
    asked = time.monotonic()
    bench.cancel(1)
    assert code(bench.answer(1)) == "cancelled"
    assert ends[0] - asked < 0.5
    bench.run(2, "vision.segment", {"image": {"w": 8, "h": 8, "f": "r8", "o": "top", "d": b"x" * 64}})
    assert body(bench.answer(2))["mask"]["w"] == 8, "the next job's models run"


def test_cancel_of_a_job_that_has_not_been_read_yet(bench: Any, op: Any) -> None:
    running, goes_on = threading.Event(), threading.Event()

    def wait(context: Context, args: EchoArgs) -> dict[str, Any]:
        running.set()
        assert goes_on.wait(5)
        return {"data": "ran"}

    op(wait)
    bench.run(1, "test.op")
    assert running.wait(5)
    bench.cancel(2)
    bench.run(2, "test.op")
    time.sleep(0.05)
    goes_on.set()
    assert body(bench.answer(1)) == {"data": "ran"}
    assert code(bench.answer(2)) == "cancelled"


def test_a_late_cancel_touches_nothing(bench: Any) -> None:
    bench.run(1, "server.echo", {"data": 1})
    bench.answer(1)
    bench.cancel(1)
    time.sleep(0.05)
    for job in (2, 3):
        bench.run(job, "server.echo", {"data": job})
        assert body(bench.answer(job)) == {"data": job}
    assert bench._engine._cancelled == set()


# -- streams ---------------------------------------------------------------------------------------------------------


class Tape:
    """A stream that remembers what was done to it."""

    made: list[Tape]

    def __init__(self, context: Context, args: Any) -> None:
        self.heard: list[str] = ["open"]
        Tape.made.append(self)

    def push(self, context: Context, push: Any) -> dict[str, Any]:
        self.heard.append("push")
        return {"n": push.n}

    def end(self, context: Context) -> dict[str, Any]:
        self.heard.append("end")
        return {}

    def close(self) -> None:
        self.heard.append("close")


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    Tape.made = []
    kind = registry.Streaming(TryOnStreamArgs, TryOnPush, Tape)
    monkeypatch.setitem(registry.STREAMS, "test.stream", kind)
    return Tape.made


def opens(bench: Any, job: int, **more: Any) -> None:
    bench.run(job, "test.stream", {"layers": []}, step="open", **more)
    assert body(bench.answer(job)) == {}


def test_a_stream_is_opened_pushed_and_ended(bench: Any, tape: list[Tape]) -> None:
    opens(bench, 1)
    bench.run(2, "test.stream", {"n": 5}, step="push")
    assert body(bench.answer(2)) == {"n": 5}
    bench.run(3, "test.stream", step="end")
    assert body(bench.answer(3)) == {}
    assert tape[0].heard == ["open", "push", "end"] and bench._engine._streams == {}


@pytest.mark.parametrize("message", [CloseStream(1, 1), Detach(1)], ids=["closed", "connection gone"])
def test_a_stream_that_is_closed_is_forgotten(bench: Any, tape: list[Tape], message: Any) -> None:
    opens(bench, 1)
    opens(bench, 2, conn=2)
    bench.send(message)
    bench.run(3, "test.stream", {"n": 5}, step="push")
    assert code(bench.answer(3)) == "not_found"
    assert tape[0].heard == ["open", "close"] and tape[1].heard == ["open"]
    assert set(bench._engine._streams) == {(2, 1)}


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_model_is_loaded_reported_and_unloaded(bench: Any) -> None:
    bench.send(Load(-1, "iris"))
    (state,) = bench.next(lambda message: isinstance(message, Models)).models
    assert (state.name, state.state, state.provider) == ("iris", "ready", "cpu")
    assert body(bench.answer(-1)) == {}
    bench.send(Unload(-2, "iris"))
    assert bench.next(lambda message: isinstance(message, Models)).models == []
    assert body(bench.answer(-2)) == {"returned": True}


def test_an_unknown_model_is_not_found(bench: Any) -> None:
    bench.send(Load(-1, "../../etc/passwd"))
    assert code(bench.answer(-1)) == "not_found"


def test_memory_that_does_not_come_back_is_admitted(vision_models: Any) -> None:
    """Somebody still holds the session: the worker must say so, for then it is replaced."""
    runtime = Runtime(Registry(), providers=["cpu"], threads=1)
    kept = runtime.load("pose-heavy").graphs["model"].session
    assert runtime.unload("pose-heavy") is False
    assert kept.get_inputs()


def test_unloading_gives_the_memory_back(vision_models: Any) -> None:
    """The heaviest pack, there and back three times: what stays is less than half of what one load costs."""
    runtime = Runtime(Registry(), providers=["cpu"], threads=1)
    runtime.load("pose-heavy")
    assert runtime.unload("pose-heavy")
    before = psutil.Process().memory_info().rss
    for _ in range(3):
        cost = runtime.load("pose-heavy").bytes
        assert cost > 8 * 2**20
        assert runtime.unload("pose-heavy")
    assert psutil.Process().memory_info().rss - before < cost / 2


def test_under_pressure_it_rests_in_proportion_and_a_cancel_ends_the_rest(bench: Any, op: Any) -> None:
    def work(context: Context, args: EchoArgs) -> dict[str, Any]:
        bench.runtime.rest(0.02)
        return {}

    def took_s(job: int) -> float:
        start = time.monotonic()
        bench.run(job, "test.op")
        bench.answer(job)
        return time.monotonic() - start

    op(work)
    assert took_s(1) < 0.1, "nothing is throttled at the start"
    bench.throttle(0.1)
    until(lambda: bench.runtime.share == 0.1)
    assert took_s(2) >= 0.18, "20 ms of work are 10 % of the time"
    bench.throttle(0.02)
    until(lambda: bench.runtime.share == 0.02)
    start = time.monotonic()
    bench.run(3, "test.op")
    time.sleep(0.05)
    bench.cancel(3)
    bench.answer(3)
    assert time.monotonic() - start < 0.4, "half a second of rest was cut short"
    bench.throttle(1.0)
    until(lambda: bench.runtime.share == 1.0)
    assert took_s(4) < 0.1


def until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
