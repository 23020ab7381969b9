"""An engine worker's inside in a thread of the test, at the other end of its two sockets."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Runtime
from sidecar.wire import codec
from sidecar.worker.engine import Engine
from sidecar.worker.handoff import socket_pair
from sidecar.worker.link import CancelJob, Run, Splitter, Throttle, frame, read_from_worker

WAIT_S = 10.0


class Bench:
    """Feeds one engine and reads what it sends."""

    def __init__(self) -> None:
        self._data, data = socket_pair()
        self._control, control = socket_pair()
        self.runtime = Runtime(Registry(), providers=["cpu"], threads=1)
        self._messages: queue.Queue[Any] = queue.Queue()
        self._engine = Engine(data, control, self.runtime)
        self._threads = [
            threading.Thread(target=self._engine.serve, daemon=True),
            threading.Thread(target=self._listen, daemon=True),
        ]
        self._ends = [data, control]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        splitter = Splitter()
        while data := self._data.recv(1 << 16):
            for body in splitter.feed(data):
                self._messages.put(read_from_worker(body))

    def close(self) -> None:
        for end in (self._data, self._control):
            end.shutdown(socket.SHUT_WR)
        engine, listener = self._threads
        engine.join(5)
        assert not engine.is_alive(), "the engine must end with its gateway"
        for end in self._ends:
            end.close()
        listener.join(5)
        for end in (self._data, self._control):
            end.close()

    def send(self, message: Any) -> None:
        self._data.sendall(frame(message))

    def run(self, job: int, op: str, a: dict[str, Any] | None = None, *, step: str = "call", **more: Any) -> None:
        """Hands a job over; its message is `a` of a call or `d` of a push."""
        body = {"d" if step == "push" else "a": a or {}}
        fields = {"conn": 1, "call": 1, "grants": [], "image_px": 4096 * 4096} | more
        self.send(Run(job=job, step=step, op=op, raw=codec.encode(body), **fields))

    def cancel(self, job: int) -> None:
        self._control.sendall(frame(CancelJob(job)))

    def throttle(self, share: float) -> None:
        self._control.sendall(frame(Throttle(share, 1.0)))

    def next(self, wanted: Callable[[Any], bool], timeout: float = WAIT_S) -> Any:
        """The next message for which `wanted` holds; others are passed over."""
        while True:
            message = self._messages.get(timeout=timeout)
            if wanted(message):
                return message

    def answer(self, job: int) -> Any:
        """The `Answer` or `Refused` of a job."""
        return self.next(lambda message: getattr(message, "job", None) == job)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()
