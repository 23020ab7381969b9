"""What a scenario is, and how it is read from TOML: everything is checked before anything runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from sidecar.wire.messages import Priority

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIMIT_BYTES = 64 << 10
MOST_SENDS_A_SECOND = 20_000.0
MOST_SENDS = 20_000_000
MOST_CONNECTIONS = 64

STAGES = ("send", "network", "queue", "decode", "infer", "encode", "receive")
FLOOR = "null target: "
STARTS = ("start until ready", "start until the first answer")

Op = Literal["tryon.stream", "tryon.still", "vision.segment", "server.echo"]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Text = Annotated[str, Meta(min_length=1, max_length=120)]
Positive = Annotated[float, Meta(gt=0, le=86_400_000)]
Quantile = Literal["p50", "p90", "p95", "p99", "p99.9", "max", "mean"]


class BadPlan(ValueError):
    """A scenario file cannot be played; the message says where and what to do."""


class Load(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of traffic; every key is documented in docs/benchmarks.md. Rates are of each connection."""

    name: Name
    op: Op
    arrivals: Literal["constant", "poisson", "closed"] = "constant"
    rate_hz: Annotated[float, Meta(gt=0, le=5000)] | None = None
    burst: Annotated[int, Meta(ge=1, le=1000)] = 1
    connections: Annotated[int, Meta(ge=1, le=MOST_CONNECTIONS)] = 1
    at_once: Annotated[int, Meta(ge=1, le=64)] = 1
    within_ms: Positive | None = None
    budget_ms: Positive | None = None
    prio: Priority | None = None
    key: Name | None = None
    cancel_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    cancel_after_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    where: Literal["gateway", "engine"] = "engine"
    bytes: Annotated[int, Meta(ge=0, le=8 << 20)] = 64
    side: Annotated[int, Meta(ge=1, le=2048)] | None = None
    layers: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=8)] = (
        "sample-glasses-1",
        "sample-top-1",
    )
    shm: bool = True
    unsent: Literal["drop", "wait"] = "drop"
    read_bytes_per_s: Annotated[int, Meta(ge=10_000, le=10_000_000_000)] | None = None

    @property
    def frames(self) -> bool:
        """Whether it is one long call whose frames replace one another."""
        return self.op == "tryon.stream"

    @property
    def mean_hz(self) -> float:
        """Sends a second of all its connections, as planned; none of a closed loop."""
        return 0.0 if self.rate_hz is None else self.rate_hz * self.connections


class Event(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that is done to the sidecar's processes, `at_s` after the counted start."""

    at_s: Annotated[float, Meta(ge=0, le=86_400)]
    do: Literal["kill", "stall"]
    who: Literal["frame", "general", "gateway"] = "frame"
    every_s: Annotated[float, Meta(gt=0.1, le=86_400)] | None = None
    seconds: Annotated[float, Meta(gt=0, le=60)] = 1.0

    def times(self, until_s: float) -> Iterator[float]:
        """When it happens within a run of `until_s` seconds."""
        at_s = self.at_s
        while at_s < until_s:
            yield at_s
            if self.every_s is None:
                return
            at_s += self.every_s


class Target(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `--check` judges: a quantile of a row, or a value."""

    row: Text | None = None
    quantile: Quantile = "p99"
    value: Text | None = None
    at_most: float | None = None
    at_least: float | None = None


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One scenario."""

    name: Name
    summary: Text
    seconds: Annotated[float, Meta(ge=0.5, le=86_400)] = 20.0
    warm_up_s: Annotated[float, Meta(ge=0, le=600)] = 2.0
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 1
    refresh_hz: Annotated[float, Meta(ge=20, le=500)] = 90.0
    warm: bool = True
    starts: Annotated[int, Meta(ge=0, le=100)] = 0
    streams: Annotated[tuple[Load, ...], Meta(max_length=16)] = ()
    events: Annotated[tuple[Event, ...], Meta(max_length=64)] = ()
    targets: Annotated[tuple[Target, ...], Meta(max_length=64)] = ()

    @property
    def own_sidecar(self) -> bool:
        """Whether it does things that only a sidecar of its own may suffer."""
        return bool(self.events or self.starts or not self.warm)


def prefix(plan: Plan, load: Load) -> str:
    """What a load's rows and values begin with: nothing where there is one load only."""
    return f"{load.name} " if len(plan.streams) > 1 else ""


def main_row(plan: Plan, load: Load) -> str:
    """The name of a load's first row."""
    return prefix(plan, load) + ("age" if load.frames else "latency")


def rows_of(plan: Plan) -> list[str]:
    """Every row that a plan may have, floors apart."""
    rows = list(STARTS) if plan.starts else []
    for load in plan.streams:
        more = ["age", "age at refresh", "missed refreshes"] if load.frames else ["latency", "cancel to end"]
        rows += [prefix(plan, load) + name for name in (*more, *STAGES)]
    return rows + [f"{event.do} until the next answer" for event in plan.events]


def shipped() -> list[str]:
    """The names of the scenarios that come with the project, in the order of their files."""
    names = [entry.name for entry in _plans().iterdir() if entry.name.endswith(".toml")]
    return sorted(name.removesuffix(".toml") for name in names)


def load(name: str) -> Plan:
    """A shipped scenario by name, or one from a file whose name ends in `.toml`. Raises `BadPlan`."""
    if name.endswith(".toml"):
        return read(Path(name))
    if name not in shipped():
        raise BadPlan(f"there is no scenario {name!r}; known: {', '.join(shipped())}; or name a .toml file of yours")
    return parse((_plans() / f"{name}.toml").read_bytes(), name)


def read(path: Path) -> Plan:
    """The scenario in a file. Raises `BadPlan`."""
    try:
        if not path.is_file():
            raise BadPlan(f"{path} is not a file; name a scenario's TOML file, or see --list")
        with path.open("rb") as stream:
            data = stream.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise BadPlan(f"{path} cannot be read: {error.strerror}") from error
    return parse(data, str(path))


def changed(plan: Plan, changes: dict[str, Any]) -> Plan:
    """The plan with other values, checked as if they stood in its file. Raises `BadPlan`."""
    try:
        plan = msgspec.convert({**msgspec.to_builtins(plan), **changes}, Plan)
    except msgspec.ValidationError as error:
        raise BadPlan(f"{plan.name}: {error}") from error
    check(plan, plan.name)
    return plan


def parse(data: bytes, where: str) -> Plan:
    """The scenario in a TOML text. Raises `BadPlan`, which names `where` and the key."""
    if len(data) > LIMIT_BYTES:
        raise BadPlan(f"{where} is larger than {LIMIT_BYTES >> 10} KiB; a scenario is a page of text")
    try:
        tree: dict[str, Any] = tomllib.loads(_text(data, where))
        plan = msgspec.convert(tree, Plan)
    except tomllib.TOMLDecodeError as error:
        raise BadPlan(f"{where} is not TOML: {error}") from error
    except RecursionError as error:
        raise BadPlan(f"{where} is nested too deeply") from error
    except msgspec.ValidationError as error:
        raise BadPlan(f"{where}: {error}; docs/benchmarks.md lists the keys") from error
    check(plan, where)
    return plan


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadPlan(f"{where} is not UTF-8 text") from error


def check(plan: Plan, where: str) -> None:
    """What the types cannot say. Raises `BadPlan`."""
    if bool(plan.streams) == bool(plan.starts):
        raise BadPlan(f"{where}: a scenario has either [[streams]] or `starts`")
    names = [stream.name for stream in plan.streams]
    if len(set(names)) != len(names):
        raise BadPlan(f"{where}: two streams have one name")
    for stream in plan.streams:
        _check_load(stream, f"{where}: stream {stream.name!r}")
    hz = sum(stream.mean_hz for stream in plan.streams)
    if hz > MOST_SENDS_A_SECOND:
        raise BadPlan(f"{where}: {hz:,.0f} sends a second; one client cannot send more than {MOST_SENDS_A_SECOND:,.0f}")
    if hz * (plan.seconds + plan.warm_up_s) > MOST_SENDS:
        raise BadPlan(f"{where}: more than {MOST_SENDS:,} sends; make it shorter")
    if sum(stream.connections for stream in plan.streams) > MOST_CONNECTIONS:
        raise BadPlan(f"{where}: more than {MOST_CONNECTIONS} connections")
    for event in plan.events:
        if event.do == "kill" and event.who == "gateway":
            raise BadPlan(f"{where}: only workers are killed; a gateway can be stalled")
    for target in plan.targets:
        _check_target(target, where)
        if target.row is not None and target.row not in rows_of(plan):
            raise BadPlan(f"{where}: a target names the row {target.row!r}; there are: {', '.join(rows_of(plan))}")


def _check_load(stream: Load, where: str) -> None:
    if (stream.rate_hz is None) != (stream.arrivals == "closed"):
        raise BadPlan(f"{where}: rate_hz belongs to constant and poisson arrivals, and only to them")
    if stream.arrivals != "closed" and stream.at_once != 1:
        raise BadPlan(f"{where}: at_once belongs to closed arrivals; others never wait for an answer")
    if stream.arrivals == "closed" and stream.burst != 1:
        raise BadPlan(f"{where}: burst does not belong to closed arrivals; use at_once")
    if stream.frames and (stream.cancel_share or stream.at_once != 1 or stream.key):
        raise BadPlan(f"{where}: cancel_share, at_once and key are of calls, not of tryon.stream")
    if stream.read_bytes_per_s is not None and stream.shm:
        raise BadPlan(f"{where}: read_bytes_per_s slows nothing in shared memory; add shm = false")


def _check_target(target: Target, where: str) -> None:
    if (target.row is None) == (target.value is None) or (target.at_most is None) == (target.at_least is None):
        raise BadPlan(f"{where}: a target has a row or a value, and at_most or at_least")
    limit = target.at_most if target.at_most is not None else target.at_least
    if limit is None or not math.isfinite(limit):
        raise BadPlan(f"{where}: a target's limit is a number")


def _plans() -> Any:
    return resources.files("benchmarks.scenario") / "plans"
