"""Reads a result's JSON (schema 1) and refuses, with the reason, what is too large or not of that form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ..latency_file import Unreadable

LIMIT_BYTES = 128 << 20
MOST_CALLS = 1_000_000
LARGEST = 1e15
MOST_NESTED = 12
MOST_KINDS = 200
STAGES = ("send", "network", "queue", "decode", "infer", "encode", "receive")
ORDER = ("count", "mean", "p50", "p90", "p95", "p99", "p99.9", "max")
OK = "ok"

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Unit = Annotated[str, Meta(max_length=40)]
Hz = Annotated[float, Meta(ge=20, le=500)]
Maybe = list[float | None]
Floats = NDArray[np.float64]


class NotAResult(Unreadable):
    """The file or document is not a result; the message says why and what to do."""


class Row(Struct):
    """A measured series. `beside` names its floor where the run says which one belongs to it."""

    name: Name
    summary: dict[Name, float]
    unit: Unit = ""
    floor: bool = False
    rounds: list[dict[str, float]] = []
    beside: str | None = None


class Check(Struct):
    """A measured value beside its target."""

    name: Name
    measured: float
    comparison: Literal["<=", ">=", "=="]
    target: float
    held: bool
    unit: Unit = ""
    note: Annotated[str, Meta(max_length=2000)] = ""


class Judged(Struct):
    """A threshold (`--fail-if`) and what was measured."""

    threshold: Name
    comparison: Literal["<", "<=", ">", ">=", "=="]
    limit: float
    measured: float
    crossed: bool


class Holds(Struct):
    """Whether a stream had a new picture for its display at nearly every refresh."""

    refresh_hz: Hz
    holds: bool


class Calls(Struct):
    """One entry a call or frame, in columns of one length; a time that nobody could measure is null."""

    t_ms: list[float]
    stream: list[int | Name]
    op: list[Name]
    outcome: list[Name]
    latency_ms: Maybe
    missed: list[int | None]
    n: list[int] = []
    send_ms: Maybe = []
    network_ms: Maybe = []
    queue_ms: Maybe = []
    decode_ms: Maybe = []
    infer_ms: Maybe = []
    encode_ms: Maybe = []
    receive_ms: Maybe = []

    def __len__(self) -> int:
        return len(self.t_ms)

    def latency(self) -> Floats:
        """Milliseconds of every call from when it should have been sent; not a number where there was no answer."""
        return np.array(self.latency_ms, np.float64)

    def answered(self) -> NDArray[np.bool_]:
        """Which calls were answered."""
        return np.array([outcome == OK for outcome in self.outcome], np.bool_) & ~np.isnan(self.latency())

    def missed_refreshes(self) -> NDArray[np.int64]:
        """Refreshes that each call missed."""
        return np.array([number or 0 for number in self.missed], np.int64)

    def stages(self) -> dict[str, Floats]:
        """Milliseconds of every stage that the run measured."""
        columns = {stage: getattr(self, f"{stage}_ms") for stage in STAGES}
        return {stage: np.array(column, np.float64) for stage, column in columns.items() if column}


class Result(Struct):
    """The whole document; keys of newer versions are passed over."""

    schema: Literal[1]
    scenario: Name
    environment: dict[str, Any]
    options: dict[str, Any]
    rows: Annotated[list[Row], Meta(max_length=1000)]
    checks: Annotated[list[Check], Meta(max_length=1000)]
    values: dict[Name, float]
    details: dict[str, Any]
    warnings: Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=1000)]
    verdicts: Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=1000)] = []
    thresholds: Annotated[list[Judged], Meta(max_length=1000)] = []
    calls: Calls | None = None
    refresh_hz: Hz | None = None
    holds: dict[str, Holds] = {}


def summary_keys(rows: Iterable[Row]) -> list[str]:
    """Every key of the rows' summaries, quantiles in their order."""
    keys = dict.fromkeys(key for row in rows for key in row.summary)
    return [*(key for key in ORDER if key in keys), *(key for key in keys if key not in ORDER)]


def read(path: Path) -> dict[str, Any]:
    """The document in a file. Raises `NotAResult` or `OSError`."""
    if not path.is_file():
        raise NotAResult(f"{path} is not a file; name a result that python -m benchmarks wrote with --json")
    with path.open("rb") as stream:
        data = stream.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise NotAResult(f"{path} is larger than {LIMIT_BYTES >> 20} MiB; measure for a shorter time")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotAResult(f"{path} is not JSON: {error}") from error
    typed(document, str(path))
    found: dict[str, Any] = document
    return found


def typed(document: Mapping[str, Any], where: str = "the result") -> Result:
    """The document with its types checked. Raises `NotAResult`."""
    try:
        result = msgspec.convert(document, Result)
        details = result.details
        result.calls = msgspec.convert(details["calls"], Calls) if details.get("calls") is not None else None
        hz = details.get("refresh_hz")
        result.refresh_hz = msgspec.convert(hz, Hz) if hz is not None else None
        result.holds = msgspec.convert(details.get("holds") or {}, dict[str, Holds])
    except (msgspec.ValidationError, RecursionError) as error:
        raise NotAResult(f"{where} is not a result of schema 1: {error}") from error
    _check(result, where)
    return result


def printable(text: str) -> str:
    """Text for a terminal: escape sequences and other signs that do not print are shown as ?."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _check(result: Result, where: str) -> None:
    if _deep(result.environment) or _deep(result.options):
        raise NotAResult(f"{where}: its environment or options are nested too deep")
    names = [row.name for row in result.rows]
    if len(set(names)) != len(names):
        raise NotAResult(f"{where}: two rows have one name")
    numbers = [value for row in result.rows for one in (row.summary, *row.rounds) for value in one.values()]
    numbers += [value for check in result.checks for value in (check.measured, check.target)]
    numbers += [value for one in result.thresholds for value in (one.measured, one.limit)]
    if not all(_likely(number) for number in [*numbers, *result.values.values()]):
        raise NotAResult(f"{where} holds a number that nothing can measure")
    for row in result.rows:
        if "p50" not in row.summary or "count" not in row.summary or any("p50" not in one for one in row.rounds):
            raise NotAResult(f"{where}: the row {row.name!r} has no count or no p50")
    if result.calls is not None:
        _check_calls(result.calls, where)


def _check_calls(calls: Calls, where: str) -> None:
    if len(calls) > MOST_CALLS:
        raise NotAResult(f"{where} holds more than {MOST_CALLS:,} calls; measure for a shorter time")
    if max(len(set(column)) for column in (calls.op, calls.outcome)) > MOST_KINDS:
        raise NotAResult(f"{where}: details.calls names more than {MOST_KINDS} ops or outcomes")
    needed = (calls.stream, calls.op, calls.outcome, calls.latency_ms, calls.missed)
    stages = [column for stage in STAGES if (column := getattr(calls, f"{stage}_ms"))]
    optional = [*stages, calls.n] if calls.n else stages
    if any(len(column) != len(calls) for column in (*needed, *optional)):
        raise NotAResult(f"{where}: the columns of details.calls differ in length")
    for column in (calls.t_ms, calls.latency_ms, *stages):
        values = np.array(column, np.float64)
        if np.isinf(values).any() or (np.abs(values[~np.isnan(values)]) > LARGEST).any():
            raise NotAResult(f"{where}: details.calls holds a time that nothing can measure")


def _deep(tree: Any) -> bool:
    """Whether plain data is nested deeper than anything that a run writes."""
    level = [tree]
    for _ in range(MOST_NESTED):
        level = [one for branch in level if isinstance(branch, (dict, list))
                 for one in (branch.values() if isinstance(branch, dict) else branch)]  # fmt: skip
    return bool(level)


def _likely(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= LARGEST
