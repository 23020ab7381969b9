"""What happened to every call and frame of a run, in columns: filled while it runs, read when it is over."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.errors import VitrineError
from sidecar.wire.messages import Timing

from .spec import STAGES

OK, SUPERSEDED, CANCELLED, UNANSWERED = "ok", "superseded", "cancelled", "unanswered"
OPEN = "open"
MOST_KEPT = 100_000
SLOWEST_KEPT = 10_000
MESSAGE = 300
MOST_MESSAGES = 4
NAN = float("nan")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass
class Record:
    """One row a call or frame, in the order in which they should have been sent.

    Times are seconds of `time.perf_counter`. `at_s` is the intended time, `sent_s` when it was written, `end_s` when
    its answer was usable (or its fail was there); not a number where that never came.
    """

    stream: array[int] = field(default_factory=lambda: array("i"))
    n: array[int] = field(default_factory=lambda: array("q"))
    outcome: array[int] = field(default_factory=lambda: array("i"))
    at_s: array[float] = field(default_factory=lambda: array("d"))
    sent_s: array[float] = field(default_factory=lambda: array("d"))
    end_s: array[float] = field(default_factory=lambda: array("d"))
    queue_ms: array[float] = field(default_factory=lambda: array("d"))
    decode_ms: array[float] = field(default_factory=lambda: array("d"))
    infer_ms: array[float] = field(default_factory=lambda: array("d"))
    encode_ms: array[float] = field(default_factory=lambda: array("d"))
    receive_ms: array[float] = field(default_factory=lambda: array("d"))
    cancel_s: array[float] = field(default_factory=lambda: array("d"))
    outcomes: list[str] = field(default_factory=lambda: [OPEN, OK, SUPERSEDED, CANCELLED, UNANSWERED])
    messages: dict[str, dict[str, int]] = field(default_factory=dict)  # by code: what was said, how often

    def __len__(self) -> int:
        return len(self.at_s)

    def begin(self, stream: int, n: int, at_s: float) -> int:
        """A call or frame that should be sent at `at_s`; the number of its row."""
        self.stream.append(stream)
        self.n.append(n)
        self.outcome.append(0)
        self.at_s.append(at_s)
        for column in (self.sent_s, self.end_s, self.cancel_s):
            column.append(NAN)
        for column in (self.queue_ms, self.decode_ms, self.infer_ms, self.encode_ms, self.receive_ms):
            column.append(NAN)
        return len(self.at_s) - 1

    def answered(self, row: int, end_s: float, tm: Timing, receive_ms: float) -> None:
        """Its answer is in our memory."""
        self.outcome[row] = 1
        self.end_s[row] = end_s
        self.queue_ms[row] = tm.queue_ms
        self.decode_ms[row] = tm.decode_ms
        self.infer_ms[row] = tm.infer_ms
        self.encode_ms[row] = tm.encode_ms
        self.receive_ms[row] = receive_ms

    def ended(self, row: int, outcome: str, end_s: float = NAN) -> None:
        """It ended without an answer."""
        if outcome not in self.outcomes:
            self.outcomes.append(outcome)
        self.outcome[row] = self.outcomes.index(outcome)
        self.end_s[row] = end_s

    def said(self, error: VitrineError) -> None:
        """Keeps the words of a fail; of each code a few, however many there are."""
        words = self.messages.setdefault(error.code, {})
        text = str(error)[:MESSAGE]
        if text in words or len(words) < MOST_MESSAGES:
            words[text] = words.get(text, 0) + 1

    def is_open(self, row: int) -> bool:
        """Whether it has no end yet."""
        return self.outcome[row] == 0


@dataclass(frozen=True)
class Calls:
    """The counted part of a record as arrays, milliseconds since the counted start; see `details.calls`."""

    names: Sequence[str]  # by stream number
    ops: Sequence[str]
    outcomes: Sequence[str]
    stream: NDArray[np.int64]
    n: NDArray[np.int64]
    outcome: NDArray[np.int64]
    t_ms: Floats
    latency_ms: Floats
    stages: dict[str, Floats]
    cancel_ms: Floats
    missed: Floats

    def __len__(self) -> int:
        return len(self.t_ms)

    def is_outcome(self, *outcomes: str) -> Flags:
        """Which ended so."""
        wanted = [number for number, name in enumerate(self.outcomes) if name in outcomes]
        return np.isin(self.outcome, wanted)

    def of(self, streams: Sequence[int]) -> Flags:
        """Which belong to these streams."""
        return np.isin(self.stream, streams)

    def columns(self) -> dict[str, list[Any]]:
        """The JSON form: of more than 100,000 entries the slowest 10,000 and an even sample of the rest."""
        kept = self.kept()
        plain: dict[str, list[Any]] = {
            "t_ms": _numbers(self.t_ms[kept]),
            "stream": [self.names[number] for number in self.stream[kept].tolist()],
            "n": self.n[kept].tolist(),
            "op": [self.ops[number] for number in self.stream[kept].tolist()],
            "outcome": [self.outcomes[number] for number in self.outcome[kept].tolist()],
            "latency_ms": _numbers(self.latency_ms[kept]),
        }
        plain |= {f"{stage}_ms": _numbers(values[kept]) for stage, values in self.stages.items()}
        missed = self.missed[kept].tolist()
        return {**plain, "missed": [None if np.isnan(value) else int(value) for value in missed]}

    def kept(self, most: int = MOST_KEPT, slowest: int = SLOWEST_KEPT) -> NDArray[np.int64]:
        """The rows that a file holds, in order."""
        everything = np.arange(len(self), dtype=np.int64)
        if len(self) <= most:
            return everything
        slow = np.argsort(np.nan_to_num(self.latency_ms, nan=-1.0), kind="stable")[-slowest:]
        rest = np.setdiff1d(everything, slow)
        even = rest[np.linspace(0, len(rest) - 1, most - slowest).round().astype(np.int64)]
        return np.sort(np.concatenate([slow, even]))


def _numbers(values: Floats) -> list[float | None]:
    return [None if value != value else round(value, 4) for value in values.tolist()]


def calls_of(
    record: Record,
    *,
    names: Sequence[str],
    ops: Sequence[str],
    frames: Sequence[bool],
    start_s: float,
    refresh_hz: float,
) -> Calls:
    """The record from the counted start on, in the order of intended times. What still has no end is unanswered."""
    at_s = np.array(record.at_s, np.float64)
    chosen = np.flatnonzero(at_s >= start_s - 1e-9)
    chosen = chosen[np.argsort(at_s[chosen], kind="stable")]

    def column(values: array[Any]) -> Any:
        return np.array(values)[chosen] if len(values) else np.zeros(0)

    stream, outcome = column(record.stream).astype(np.int64), column(record.outcome).astype(np.int64)
    outcome[outcome == 0] = record.outcomes.index(UNANSWERED)
    at, end, sent = at_s[chosen], column(record.end_s), column(record.sent_s)
    latency = 1000 * (end - at)
    latency[np.isin(outcome, [record.outcomes.index(SUPERSEDED), record.outcomes.index(UNANSWERED)])] = NAN
    stages = {
        "send": 1000 * (sent - at),
        **{name: column(getattr(record, f"{name}_ms")) for name in ("queue", "decode", "infer", "encode", "receive")},
    }
    network = latency - sum(stages.values())
    ordered = {name: network if name == "network" else stages[name] for name in STAGES}
    framed = np.array([frames[number] for number in stream.tolist()], np.bool_)
    missed = np.where(framed, _missed(stream, at, np.where(outcome == 1, end, NAN), refresh_hz), 0.0)
    cancel_ms = 1000 * (end - column(record.cancel_s))
    return Calls(
        names, ops, list(record.outcomes), stream, column(record.n).astype(np.int64), outcome,
        1000 * (at - start_s), latency, ordered, cancel_ms, missed,
    )  # fmt: skip


def _missed(stream: NDArray[np.int64], at_s: Floats, shown_s: Floats, refresh_hz: float) -> Floats:
    """Refreshes that went by without a frame or a newer one of its stream, beyond the first that could show it."""
    missed = np.full(len(at_s), NAN)
    for number in np.unique(stream):
        rows = np.flatnonzero(stream == number)
        shown = np.where(np.isnan(shown_s[rows]), np.inf, shown_s[rows])
        soonest = np.minimum.accumulate(shown[::-1])[::-1]
        waited = np.where(np.isinf(soonest), NAN, soonest - at_s[rows])
        missed[rows] = np.maximum(0.0, np.ceil(waited * refresh_hz - 1e-6) - 1)
    return missed
