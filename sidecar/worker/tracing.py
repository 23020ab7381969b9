"""The worker's side of a trace: what one job did, told to the gateway before its answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from ..engine.runtime import Runtime
from ..errors import VitrineError
from ..trace.spans import JobSpans, wants_kernels
from .link import Answer, Run, Spans

Send = Callable[[Spans], None]


class Profiled:
    """Models whose kernels a trace has already."""

    def __init__(self) -> None:
        self._trace = 0
        self._models: set[str] = set()

    def first(self, trace: int, model: str) -> bool:
        """Whether this model has not been profiled in this trace; from now on it has."""
        if trace != self._trace:
            self._trace, self._models = trace, set()
        fresh = model not in self._models
        self._models.add(model)
        return fresh


class JobTrace:
    """Notes the spans of one job while it runs: stages through `spans.stage`, models through the runtime."""

    def __init__(self, message: Run, runtime: Runtime, send: Send) -> None:
        self.spans = JobSpans()
        self._message = message
        self._runtime = runtime
        self._send = send
        self._ran: dict[str, None] = {}

    def around(self, work: Callable[[], Answer]) -> Answer:
        """The job itself; its spans leave before its answer does, and before its failure too."""
        begin_ns = time.perf_counter_ns()
        self._runtime.observer = self._model_ran
        try:
            return work()
        finally:
            self._runtime.observer = None
            name = f"{self._message.op} {self._message.step}"
            self.spans.add(name, "job", begin_ns, time.perf_counter_ns())
            self._tell()

    def kernels(self, profiled: Profiled) -> None:
        """After the answer: the kernels of each model that ran for the first time in this trace, if asked for."""
        if not wants_kernels(self._message.trace):
            return
        for name in [name for name in self._ran if profiled.first(self._message.trace, name)]:
            self.spans = JobSpans()
            begin_ns = time.perf_counter_ns()
            try:
                for kernel in self._runtime.kernels(name):
                    self.spans.add(kernel.name, "kernel", kernel.begin_ns, kernel.end_ns)
            except VitrineError:  # gone meanwhile, or it does not run a second time; the runtime has logged it
                continue
            self.spans.add(f"kernels of {name}", "profile", begin_ns, time.perf_counter_ns())
            self._tell()

    def _model_ran(self, name: str, begin_s: float, spent_s: float) -> None:
        self._ran[name] = None
        begin_ns = int(1e9 * begin_s)
        self.spans.add(name, "model", begin_ns, begin_ns + int(1e9 * spent_s))

    def _tell(self) -> None:
        kept, more = self.spans.kept, self.spans.more
        self._send(Spans(self._message.job, os.getpid(), threading.get_native_id(), kept, more))
