"""Spans as they are kept: small, frozen, of integer nanoseconds of `time.perf_counter_ns`.

That clock is the machine's on Linux (CLOCK_MONOTONIC) and Windows (QueryPerformanceCounter) alike, so spans of several
processes need no translation.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, NamedTuple

from msgspec import Struct

JOB_SPANS = 4096  # of one job; what is beyond is counted
RING = 100_000

Kind = Literal["job", "stage", "model", "kernel", "profile"]
Flow = Literal["", "s", "t", "f"]


def trace_number(serial: int, *, kernels: bool) -> int:
    """What a worker is told of a trace: which one it is, from 1 on, and whether it wants kernels; 0 is no trace."""
    return 2 * serial + kernels


def wants_kernels(trace: int) -> bool:
    """Whether kernels were asked for."""
    return trace % 2 == 1


class Span(Struct, frozen=True, array_like=True, gc=False):
    """What a worker did from `begin_ns` to `end_ns`."""

    name: str
    kind: Kind
    begin_ns: int
    end_ns: int


class JobSpans:
    """The spans of one job, in the order in which they ended; `more` were not kept."""

    __slots__ = ("_most", "kept", "more")

    def __init__(self, most: int = JOB_SPANS) -> None:
        self.kept: list[Span] = []
        self.more = 0
        self._most = most

    def add(self, name: str, kind: Kind, begin_ns: int, end_ns: int) -> None:
        """Keeps a span while there is room."""
        if len(self.kept) < self._most:
            self.kept.append(Span(name, kind, begin_ns, end_ns))
        else:
            self.more += 1

    def stage(self, name: str, begin_s: float, end_s: float) -> None:
        """A stage, told in seconds of `time.perf_counter`."""
        self.add(name, "stage", int(1e9 * begin_s), int(1e9 * end_s))


class Slice(NamedTuple):
    """One span of the file. `aside`: on a track of its call, since calls overlap; else on its thread, where spans nest.

    `id` ties everything that one call, or one frame of a stream, caused; `flow` says where in that chain it stands.
    Without a name it is nothing but a link of such a chain, at the slice that begins when it does.
    """

    pid: int
    tid: int
    name: str
    category: str
    begin_ns: int
    end_ns: int
    args: dict[str, Any]
    id: int = 0
    flow: Flow = ""
    aside: bool = False


class Ring:
    """The newest slices; older ones leave and are counted in `lost`."""

    def __init__(self, most: int = RING) -> None:
        self._slices: deque[Slice] = deque(maxlen=most)
        self._most = most
        self.lost = 0

    def __len__(self) -> int:
        return len(self._slices)

    def add(self, item: Slice) -> None:
        """Keeps a slice, if need be in the place of the oldest."""
        if len(self._slices) == self._most:
            self.lost += 1
        self._slices.append(item)

    def take(self) -> deque[Slice]:
        """Everything that is kept; the ring is empty afterwards."""
        kept, self._slices = self._slices, deque(maxlen=self._most)
        return kept
