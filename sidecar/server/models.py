"""`model.list`, `model.load`, `model.unload`: asked of the gateway, done in the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ..errors import BadRequest, Cancelled, Internal, NotFound, Unavailable, VitrineError
from ..wire.messages import Call
from ..wire.ops import OPS, ModelArgs
from .connection import Connection
from .workers import Workers

Reply = Callable[[dict[str, Any] | VitrineError], None]


class Listing(Protocol):
    """Where models are known from."""

    def listing(self) -> list[dict[str, Any]]:
        """Every known model: `{name, state, device, bytes, licence}`."""


class ModelOps:
    """Runs one task a call; a cancel or a lost connection stops waiting for it, the load itself goes on."""

    def __init__(self, workers: Workers, packs: Listing, busy_streams: Callable[[str], int]) -> None:
        self._workers = workers
        self._packs = packs
        self._busy_streams = busy_streams
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}

    def start(self, connection: Connection, call: Call, reply: Reply) -> None:
        """Begins a call; `reply` gets its result or its error, once."""
        key = (connection.number, call.id)
        task = asyncio.get_running_loop().create_task(self._answer(call, reply))
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._tasks.pop(key, None) if self._tasks.get(key) is done else None)

    def cancel(self, connection: Connection, call_id: int) -> None:
        """Nobody waits for the call any more: the peer cancelled it, or it was answered otherwise."""
        task = self._tasks.get((connection.number, call_id))
        if task is not None:
            task.cancel()

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        for key in [key for key in self._tasks if key[0] == connection.number]:
            self._tasks[key].cancel()

    async def _answer(self, call: Call, reply: Reply) -> None:
        try:
            reply(await self._result(call))
        except VitrineError as error:
            reply(error)
        except asyncio.CancelledError:
            reply(Cancelled("The call was cancelled."))
        except msgspec.ValidationError as error:
            reply(BadRequest(f"An argument is not valid: {error}."))
        except OSError:
            reply(Internal("The models' folder cannot be read; run: vitrine doctor"))

    async def _result(self, call: Call) -> dict[str, Any]:
        if call.op == "model.list":
            return {"items": self._rows()}
        name = msgspec.convert(call.a, ModelArgs).name
        row = self._row(name)
        if call.op == "model.load":
            await self._load(name, row)
        else:
            await self._unload(name)
        return self._row(name)

    async def _load(self, name: str, row: dict[str, Any]) -> None:
        if row["state"] == "missing":
            raise NotFound(f"The model is not installed; run: vitrine models install {name}")
        lanes = {rule.lane for rule in OPS.values() if name in rule.models} & set(self._workers.lanes)
        await asyncio.gather(*(self._workers.load(lane, name) for lane in sorted(lanes) or ["general"]))

    async def _unload(self, name: str) -> None:
        if self._workers.keeper is not None and self._workers.keeper.pinned(name):
            raise Unavailable("The model was pinned when the server started; start it without that --pin to unload it.")
        if self._busy_streams(name):
            raise Unavailable("The model is in use by an open stream; end that first.")
        for lane in self._workers.holding(name):
            await self._workers.unload(lane, name, may_recycle=lambda: True)

    def _rows(self) -> list[dict[str, Any]]:
        loaded = {row["name"]: row for row in self._workers.models()}
        rows = []
        for row in self._packs.listing():
            live = loaded.get(row["name"])
            rows.append(row if live is None else row | {"state": live["state"], "device": live["provider"]})
        return rows

    def _row(self, name: str) -> dict[str, Any]:
        for row in self._rows():
            if row["name"] == name:
                return row
        raise NotFound("There is no model of that name; model.list names them.")
