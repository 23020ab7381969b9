"""The gateway: connections on one side, workers on the other, calls in between; all on the event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Set
from typing import Any, Protocol

import msgspec

from .. import __version__
from ..engine.allocator import give_back
from ..engine.governor import Governor
from ..engine.policy import Mode
from ..engine.scheduler import Scheduler
from ..errors import BadRequest, ModelLoading, NotFound, Unauthorized, VitrineError
from ..wire import codec
from ..wire.events import Event, Opened, Pushed, Refs, Violation
from ..wire.messages import Call, Cancel, End, Free, Hello, Limits, Pace, Ping, Priority, ServerInfo, Timing
from ..wire.ops import LATER, OPS, EchoArgs, OpRule
from ..wire.shm import SlotPool, create_lane
from . import auth, metrics
from .calls import Calls, OpenCall, Work
from .connection import Connection, Patience
from .crowd import Crowd
from .http import Pages
from .models import ModelOps
from .stats import Stats
from .tracing import Traces
from .watch import Watch
from .workers import Workers
from .yielding import Yielding

log = logging.getLogger("vitrine.gateway")
WAITING_CONNECTIONS = 16
CONNECTIONS = 128
SLOT_BYTES = 8 * 2**20 + 64 * 1024 + 64
UP, DOWN = 8, 8
TICK_S = 0.5
STOPPED_S = 2.0


class PackStates(Protocol):
    """What the gateway asks about installed packs."""

    def missing(self, models: tuple[str, ...]) -> list[str]:
        """Those of the named models that are not installed."""

    def listing(self) -> list[dict[str, Any]]:
        """Every known model: `{name, state, device, bytes, licence}`."""


class Gateway:
    """Owner of every connection; `workers` and `packs` are handed in, `pages` once the port is known.

    `offered` are the ops that a welcome may name.
    """

    pages: Pages

    def __init__(
        self,
        *,
        token: str,
        workers: Workers,
        packs: PackStates,
        limits: Limits | None = None,
        patience: Patience | None = None,
        mode: Mode = "balance",
        offered: Set[str] = OPS.keys(),
    ) -> None:
        self.limits = limits or Limits()
        self._patience = patience
        self.stats = Stats()
        self.watch = Watch()
        self.tickets = auth.Tickets()
        self._token = token
        self._packs = packs
        self._offered = offered
        self._workers = workers
        self._scheduler: Scheduler[Work] = Scheduler(workers.lanes)
        self._calls = Calls(self._scheduler, workers, self.stats, self.watch)
        self.trace = self._calls.trace
        self.traces = Traces(self.trace, self._about)
        self._models = ModelOps(workers, packs, self._busy_streams)
        self._connections: dict[int, Connection] = {}
        self._numbers = 0
        self._started_at = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None
        self._due = float("inf")
        self._ticker: asyncio.TimerHandle | None = None
        self._tick_due = float("inf")
        self._rested: dict[str, asyncio.TimerHandle] = {}
        self._yielding = Yielding(Governor(mode), self._calls, workers, tell=self._note_pressure)
        self._calls.changed = self._watch_deadlines
        self._calls.later = self._pump_later
        workers.answered = self._calls.answered
        workers.refused = self._calls.refused
        workers.lost = self._worker_lost
        workers.ready = self._worker_ready
        workers.noted = self._note_model
        workers.traced = self.trace.worked
        workers.open_streams = self._calls.open_in
        self._crowd = Crowd(give_back)
        self._handlers: dict[type, Callable[[Connection, Any], None]] = {
            Hello: self._hello,
            Opened: self._opened,
            Pushed: self._pushed,
            End: self._ended,
            Cancel: self._cancelled,
            Violation: self._violated,
            Refs: lambda connection, event: self._refuse_refs(connection, event.refs),
            Free: self._freed,
            Ping: self._pinged,
            Pace: self._paced,
        }

    # -- life ----------------------------------------------------------------------------------------------------

    def connect(self) -> Connection:
        """A protocol for one accepted socket."""
        self._numbers += 1
        return Connection(self, self._numbers, patience=self._patience, ended=self._stop_calls)

    def start_ticking(self) -> None:
        """Begins the half-second watch over slow and silent peers, and over the machine."""
        self._yielding.start()
        self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        late_s = max(0.0, now - self._tick_due)
        if late_s < STOPPED_S:  # else it was us who did not run: what peers sent meanwhile still waits to be read
            for connection in list(self._connections.values()):
                connection.tick(now)
        self._yielding.tick(late_ms=1000 * late_s)
        self._workers.tick()
        self._crowd.tick(len(self._connections))
        self._tick_due = now + TICK_S
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    async def shut_down(self, *, in_ms: int = 500) -> None:
        """Tells everybody, closes every connection, stops the workers."""
        for connection in list(self._connections.values()):
            if connection.open:
                connection.session.note("shutdown", {"in_ms": in_ms})
                connection.flush()
            connection.close(1001, "the server stops")
        self.traces.stop()
        await asyncio.sleep(0)
        for timer in (self._ticker, self._deadline, *self._rested.values()):
            if timer is not None:
                timer.cancel()
        await self._workers.stop()
        for connection in list(self._connections.values()):
            connection.abort()

    # -- connections ---------------------------------------------------------------------------------------------

    def admits(self, connection: Connection) -> bool:
        """At most 16 connections may wait for their welcome, and 128 may be open in all."""
        waiting = sum(1 for other in self._connections.values() if not other.open)
        self._connections[connection.number] = connection
        return waiting < WAITING_CONNECTIONS and len(self._connections) <= CONNECTIONS

    def left(self, connection: Connection) -> None:
        """The connection is gone: its calls stop at every layer, its memory goes."""
        if self._connections.pop(connection.number, None) is None:
            return
        self._stop_calls(connection)
        self._yielding.left(connection.number)
        self.watch.left(connection.number, connection.closed_with)
        self._workers.detach(connection)

    def _stop_calls(self, connection: Connection) -> None:
        self._calls.stop_connection(connection)
        self._models.forget(connection)

    def handle(self, connection: Connection, event: Event) -> None:
        """Acts on one event of a session."""
        if self.trace.on:
            self._traced(connection, event)
        else:
            self._handlers[type(event)](connection, event)

    def _traced(self, connection: Connection, event: Event) -> None:
        self._handlers[type(event)](connection, event)
        self.trace.read(f"read {type(event).__name__.lower()}", connection.client)

    def _hello(self, connection: Connection, hello: Hello) -> None:
        if not auth.same(self._token, hello.token):
            connection.ticket = self.tickets.redeem(hello.token)
            if not connection.ticket:
                connection.close(1008, "the token is wrong; read it from run.json")
                return
        if hello.shm and not connection.ticket:
            self._make_lane(connection)
        offer = connection.lane.offer if connection.lane is not None else None
        server = ServerInfo(name="vitrine", version=__version__, pid=os.getpid())
        name = f"s{connection.number}-{os.urandom(4).hex()}"
        connection.session.welcome(session=name, server=server, ops=self._answerable(connection), shm=offer)
        connection.client = name
        connection.seen = self.watch.arrived(connection.number, hello.client, ticket=connection.ticket)
        connection.welcomed()
        connection.flush()
        client = {"session": name, "client": hello.client.name, "version": hello.client.version}
        log.info("%s: %s %s", name, hello.client.name, hello.client.version, extra={"fields": client})

    def _make_lane(self, connection: Connection) -> None:
        try:
            connection.lane = create_lane(slot_bytes=SLOT_BYTES, up=UP, down=DOWN)
        except OSError as error:
            log.warning("no shared memory for a connection (%s); its pictures go inline", error.strerror)
            return
        connection.down = SlotPool(range(UP, UP + DOWN))
        self._workers.attach(connection)

    def _answerable(self, connection: Connection) -> list[str]:
        allowed = self._offered & auth.TICKET_OPS if connection.ticket else self._offered
        return [name for name, rule in OPS.items() if name in allowed and not self._packs.missing(rule.models)]

    # -- calls ---------------------------------------------------------------------------------------------------

    def _opened(self, connection: Connection, event: Opened) -> None:
        call = event.call
        self.stats.opened(call.op)
        if event.refs and not connection.hold(event.refs):
            self._refuse_refs(connection, event.refs)
            self._fail(connection, call.id, call.op, _bad_reference())
            return
        slots = [ref.slot for ref in event.refs]
        rule = OPS.get(call.op)
        if connection.ticket and call.op not in auth.TICKET_OPS:
            self._fail(connection, call.id, call.op, _only_looks())
        elif rule is None or (missing := self._packs.missing(rule.models)):
            connection.release(slots)
            self._fail(connection, call.id, call.op, _not_here(call.op, rule, missing if rule else []))
        elif rule.lane == "gateway":
            connection.release(slots)
            self._answer_here(connection, event)
        elif call.op == "server.echo" and not slots and call.a.get("where", "gateway") == "gateway":
            self._echo(connection, event)
        elif not self._workers.warm(rule.lane):
            connection.release(slots)
            loading = ModelLoading("Its models are still being loaded; try again shortly.", retry_ms=500)
            self._fail(connection, call.id, call.op, loading)
        elif (refusal := self._yielding.refusal(prio := _prio(connection, call, rule))) is not None:
            connection.release(slots)
            self._fail(connection, call.id, call.op, refusal)
        else:
            key = None if call.key is None else (connection.number, call.op, call.key)
            opened = OpenCall(connection, call.id, call.op, rule, prio, call.budget_ms, time.monotonic())
            self._calls.open(opened, event.raw, slots, key)

    def _echo(self, connection: Connection, event: Opened) -> None:
        """`server.echo` at the gateway: what came inline goes straight back."""
        call = event.call
        try:
            args = msgspec.convert(call.a, EchoArgs)
        except msgspec.ValidationError as error:
            self._fail(connection, call.id, call.op, BadRequest(f"An argument is not valid: {error}."))
            return
        result = {name: call.a[name] for name in ("data", "image") if name in call.a}
        assert args.where == "gateway"
        connection.session.done(call.id, codec.encode(result), Timing())
        self.stats.ended(call.op, "ok")

    def _answer_here(self, connection: Connection, event: Opened) -> None:
        call = event.call
        if call.op == "server.stats":
            connection.session.done(call.id, codec.encode(self.snapshot()), Timing())
            self.stats.ended(call.op, "ok")
            return
        self._models.start(connection, call, lambda result: self._model_answer(connection, call.id, call.op, result))

    def _model_answer(
        self, connection: Connection, call_id: int, op: str, result: dict[str, Any] | VitrineError
    ) -> None:
        if isinstance(result, VitrineError):
            self._fail(connection, call_id, op, result)
            return
        if connection.open and connection.session.is_open(call_id):
            connection.session.done(call_id, codec.encode(result), Timing())
            self.stats.ended(op, "ok")
            connection.flush()

    def _fail(self, connection: Connection, call_id: int, op: str, error: VitrineError) -> None:
        if connection.open and connection.session.is_open(call_id):
            connection.session.fail(call_id, error)
            self.stats.ended(op, error.code)
            self.watch.failed(op, error.code, connection.number)
            connection.flush()

    def _pushed(self, connection: Connection, event: Pushed) -> None:
        call = self._calls.find(connection, event.push.id)
        if call is None:
            return
        if event.refs and not connection.hold(event.refs):
            self._refuse_refs(connection, event.refs)
            self._calls.stop(call, _bad_reference())
            return
        d = event.push.d
        step: Any = "push"
        if call.rule.frames:
            step = "frame" if d.get("image") is not None else "layers"
            if step == "frame" and d.get("layers") is not None:
                step = "push"  # it changes a state too, so it must not be dropped
        self._calls.push(call, step, event.raw, [ref.slot for ref in event.refs], d.get("n"))

    def _ended(self, connection: Connection, end: End) -> None:
        call = self._calls.find(connection, end.id)
        if call is not None:
            self._calls.push(call, "end", b"", [])

    def _cancelled(self, connection: Connection, cancel: Cancel) -> None:
        call = self._calls.find(connection, cancel.id)
        if call is not None:
            self._calls.cancel(call)
        else:
            self._models.cancel(connection, cancel.id)

    def _violated(self, connection: Connection, violation: Violation) -> None:
        """The session has failed the call already; its work stops."""
        call = self._calls.find(connection, violation.id)
        if call is not None:
            self._calls.stop(call, None, code=BadRequest.code)
        self._models.cancel(connection, violation.id)

    def _refuse_refs(self, connection: Connection, refs: list[Any]) -> None:
        """Slots that came with a message that was not taken go straight back, unless they are in use here."""
        if connection.lane is None or not connection.open:
            return
        up = connection.lane.offer.up
        back = sorted({ref.slot for ref in refs if ref.slot < up} - connection.held)
        if back:
            connection.session.free(back)
            connection.flush()

    def _freed(self, connection: Connection, free: Free) -> None:
        connection.mapped = connection.lane is not None
        if connection.down is not None:
            connection.down.give_back(free.slots)

    def _paced(self, connection: Connection, pace: Pace) -> None:
        if not connection.ticket:  # whoever only looks does not slow the sidecar down
            self._yielding.paced(connection.number, pace)

    def _pinged(self, connection: Connection, ping: Ping) -> None:
        now_us = time.monotonic_ns() // 1000
        connection.session.pong(ping.c0, now_us, time.monotonic_ns() // 1000)
        connection.flush()

    # -- workers -------------------------------------------------------------------------------------------------

    def _worker_lost(self, lane: str, running: list[int]) -> None:
        self._calls.worker_lost(lane, running)

    def _worker_ready(self, lane: str) -> None:
        for connection in self._connections.values():
            if connection.lane is not None:
                self._workers.attach(connection, lane=lane)
        self._calls.pump(lane)

    def _busy_streams(self, model: str) -> int:
        """How many open calls hold on to a model."""
        lanes = self._workers.lanes
        return sum(model in call.rule.models for lane in lanes for call in self._calls.open_in(lane))

    def _note_model(self, name: str, state: str) -> None:
        for connection in self._connections.values():
            if connection.open:
                connection.session.note("model", {"name": name, "state": state})
                connection.flush()

    def _note_pressure(self, level: int, what: str) -> None:
        for connection in self._connections.values():
            if connection.open:
                connection.session.note("pressure", {"level": level, "what": what})
                connection.flush()

    def _pump_later(self, lane: str, delay_s: float) -> None:
        """One timer a lane, at the end of its rest."""
        if lane not in self._rested:
            self._rested[lane] = asyncio.get_running_loop().call_later(delay_s + 0.0005, self._pump_rested, lane)

    def _pump_rested(self, lane: str) -> None:
        del self._rested[lane]
        self._calls.pump(lane)

    def _watch_deadlines(self) -> None:
        """Keeps one timer at the earliest budget that runs out while its call waits."""
        due = self._scheduler.next_deadline()
        if due == self._due:
            return
        self._due = due
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if due != float("inf"):
            delay = max(0.0, due - time.monotonic()) + 0.001
            self._deadline = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._deadline, self._due = None, float("inf")
        self._calls.expire()
        self._watch_deadlines()

    # -- looking -------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The result of `server.stats`."""
        return {**self._figures(), "watch": self._watched()}

    def _figures(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "uptime_s": time.monotonic() - self._started_at,
            "providers": self._workers.providers(),
            "workers": self._workers.describe(),
            "sessions": sum(1 for connection in self._connections.values() if connection.open),
            "queues": self._scheduler.depths(),
            "models": self._workers.models(),
            **({"memory": memory} if (memory := self._workers.memory()) else {}),
            "counters": self.stats.counters(),
            "pressure": self._yielding.snapshot(),
        }

    def _watched(self) -> dict[str, Any]:
        open_calls: dict[int, list[OpenCall]] = {}
        for call in self._calls.all_open():
            open_calls.setdefault(call.connection.number, []).append(call)
        mapped = {connection.number for connection in self._connections.values() if connection.mapped}
        return {"readiness": self.readiness(), **self.watch.snapshot(open_calls=open_calls, mapped=mapped)}

    def readiness(self) -> dict[str, Any]:
        """`{ready, models, progress}` for `/healthz` and `/readyz`."""
        return self._workers.readiness()

    def _about(self) -> dict[str, Any]:
        """What a trace says of the server."""
        return {"providers": self._workers.providers(), "models": self._workers.models()}

    def metrics(self) -> bytes:
        """The Prometheus text."""
        return metrics.exposition(self.stats, self._figures())


def _prio(connection: Connection, call: Call, rule: OpRule) -> Priority:
    """A ticket's calls come last, whatever they ask for: who tries things on in the dashboard must not slow a game."""
    return "batch" if connection.ticket else call.prio or rule.prio


def _only_looks() -> Unauthorized:
    return Unauthorized("A ticket only looks and tries on; connect with the token of run.json for this op.")


def _bad_reference() -> BadRequest:
    return BadRequest("A shared-memory reference lies outside the mapping, or its slot was not given back yet.")


def _not_here(op: str, rule: OpRule | None, missing: list[str]) -> NotFound:
    if rule is None:
        assert op in LATER
        return NotFound(f"{op} is not part of this version; see ops in the welcome.")
    return NotFound(f"{op} needs models that are not installed; run: vitrine models install {rule.pack}")

