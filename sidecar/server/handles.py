"""What a worker's handle is to the gateway, and what it tells: `sidecar.worker.supervisor` has the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..trace.spans import Span
from ..wire.messages import ShmOffer

Timings = tuple[float, float, float]


class Events(Protocol):
    """What a worker handle tells; every method runs on the event loop."""

    def worker_ready(self, name: str) -> None:
        """It is warm and takes work."""

    def worker_answered(self, number: int, body: bytes, timings: Timings, used: list[int]) -> None:
        """A job's result."""

    def worker_refused(self, number: int, code: str, message: str, retry_ms: int | None) -> None:
        """A job's failure."""

    def worker_traced(self, job: int, pid: int, tid: int, spans: list[Span], more: int) -> None:
        """What a traced job did, before its answer; the kernels of its models after it."""

    def worker_models(self, name: str) -> None:
        """Its models or their latencies changed."""

    def worker_lost(self, name: str) -> None:
        """The process is gone, with whatever it was doing; it is being started again."""


class ModelInfo(Protocol):
    """A model inside one worker."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def runs(self) -> int: ...
    @property
    def p50_ms(self) -> float: ...
    @property
    def p95_ms(self) -> float: ...


class Handle(Protocol):
    """One worker process and its successors; `sidecar.worker.supervisor` has the real one."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def ort(self) -> str: ...
    @property
    def providers(self) -> Sequence[str]: ...
    @property
    def models(self) -> dict[str, Any]: ...
    @property
    def warm(self) -> Sequence[str]: ...

    def start(self, events: Events) -> None: ...
    def attach(self, conn: int, offer: ShmOffer, identity: int) -> None: ...
    def detach(self, conn: int) -> None: ...
    def run(
        self,
        number: int,
        *,
        conn: int,
        call: int,
        step: str,
        op: str,
        raw: bytes,
        grants: list[tuple[int, int]],
        image_px: int,
        max_side: int,
        trace: int = 0,
    ) -> None: ...
    def close_stream(self, conn: int, call: int) -> None: ...
    def cancel(self, number: int) -> None: ...
    def throttle(self, *, share: float, cores: float) -> None: ...
    def load(self, number: int, name: str) -> None: ...
    def unload(self, number: int, name: str) -> None: ...
    def recycle(self, warm: list[str]) -> None: ...
    async def stop(self) -> None: ...
