"""`connect` and what it returns: calls and streams over a connection that is made anew when it breaks."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from .. import __version__
from ..endpoint import Endpoint, read_endpoint
from ..errors import Unauthorized, Unavailable, VitrineError
from ..wire.messages import ClientInfo, Note, Profile, Welcome
from .connection import Clock, Connection, Greeting, Options
from .pictures import Pixels, Result
from .stream import Stream

log = logging.getLogger("vitrine.client")
BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 5.0


async def connect(
    *,
    endpoint: Endpoint | None = None,
    run_file: Path | None = None,
    client: ClientInfo | None = None,
    lang: str | None = None,
    profile: Profile | None = None,
    shm: bool = True,
    wait_for_slots: bool = False,
    reconnect: bool = True,
    timeout_s: float = 10.0,
    on_note: Callable[[Note], None] | None = None,
) -> Vitrine:
    """Connects to the server of this user on this machine, or to `endpoint`.

    `run_file` is where `run.json` lies if not in the default folder. `wait_for_slots`: when all slots are taken, wait
    for one instead of sending pixels inline. `reconnect`: when the connection breaks, make it anew, with growing
    pauses; what is open fails with `Unavailable` either way. `on_note` gets the server's news, on the event loop.
    Raises `NoServer`, `UntrustedEndpoint`, `Unauthorized` or `Unavailable`.
    """
    greeting = Greeting(client or ClientInfo(name="vitrine-python", version=__version__), lang, shm, profile)
    vitrine = Vitrine(
        greeting,
        endpoint=endpoint,
        run_file=run_file,
        wait_for_slots=wait_for_slots,
        reconnect=reconnect,
        timeout_s=timeout_s,
        on_note=on_note,
    )
    await vitrine.open()
    return vitrine


class Vitrine:
    """A client of one server; made by `connect`, closed by `async with` or `close`."""

    def __init__(
        self,
        greeting: Greeting,
        *,
        endpoint: Endpoint | None,
        run_file: Path | None,
        wait_for_slots: bool,
        reconnect: bool,
        timeout_s: float,
        on_note: Callable[[Note], None] | None,
    ) -> None:
        self._greeting = greeting
        self._endpoint = endpoint
        self._run_file = run_file
        self._wait_for_slots = wait_for_slots
        self._reconnect = reconnect
        self._timeout_s = timeout_s
        self._on_note = on_note
        self._connection: Connection | None = None
        self._welcome: Welcome | None = None
        self._why = "The client was never connected."
        self._again: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()  # or given up
        self._closed = False

    async def __aenter__(self) -> Vitrine:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- calls ---------------------------------------------------------------------------------------------------

    async def call(
        self,
        op: str,
        a: Mapping[str, object] | None = None,
        *,
        budget_ms: float | None = None,
        prio: str | None = None,
        key: str | None = None,
        out: Pixels | None = None,
    ) -> Result:
        """Calls an op and returns its `done`; parts, if it has any, are passed over. Raises the error of its `fail`.

        `out`: memory (uint8, C order) in which the result's first raw picture lands if it came through shared memory;
        a fresh megabyte costs more than the copy into it. Cancelling the task cancels the call at the server.
        """
        connection = self._connection or self.connection()
        return await connection.call(op, a or {}, Options(budget_ms, prio, key), out)

    def canvas(self, height: int, width: int, channels: int = 3) -> Pixels:
        """An array (height, width, channels) of uint8 to draw one picture in, which is then sent without being copied.

        It lies in shared memory where there is a free slot, else it is an ordinary array; sending it works the same.
        Draw in it before it is sent and not after: from then on it is the server's.
        """
        memory = self._connection.memory if self._connection is not None else None
        shape = (height, width, channels)
        drawn = memory.canvas(shape) if memory is not None else None
        return np.empty(shape, np.uint8) if drawn is None else drawn

    def stream(
        self,
        op: str,
        a: Mapping[str, object] | None = None,
        *,
        budget_ms: float | None = None,
        prio: str | None = None,
        key: str | None = None,
        newest: int | None = None,
        out: Pixels | None = None,
    ) -> Stream:
        """A call that answers in parts: `async with vitrine.stream(...) as stream`; see `Stream` for the options."""
        return Stream(self.connection, op, a or {}, Options(budget_ms, prio, key), newest=newest, out=out)

    async def clock_offset(self, *, samples: int = 8, timeout_s: float = 2.0) -> Clock:
        """How far the server's clock is ahead of ours: that of the quickest of several round trips (NTP's rule)."""
        best: Clock | None = None
        for _ in range(samples):
            pong, c1 = await self.connection().ping(timeout_s=timeout_s)
            rtt_us = max(0, (c1 - pong.c0) - (pong.s2 - pong.s1))
            if best is None or rtt_us < best.rtt_us:
                best = Clock(((pong.s1 - pong.c0) + (pong.s2 - c1)) // 2, rtt_us)
        if best is None:
            raise ValueError("samples must be at least 1")
        return best

    def pace(self, *, refresh_hz: float, frame_ms: float, dropped: int) -> None:
        """Tells the server the game's frame timing."""
        link = self.connection().link
        link.send(link.session.pace(refresh_hz, frame_ms, dropped))

    # -- life ----------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether calls can be made now."""
        return self._connection is not None and self._connection.is_open

    @property
    def welcome(self) -> Welcome:
        """The server's latest welcome: its ops and limits. Raises `Unavailable` before the first."""
        if self._welcome is None:
            raise Unavailable(self._why)
        return self._welcome

    def connection(self) -> Connection:
        """The open connection. Raises `Unavailable` while there is none."""
        if self._connection is None or not self._connection.is_open:
            raise Unavailable(self._why, retry_ms=None if self._again is None else 500)
        return self._connection

    async def wait_connected(self, timeout_s: float = 10.0) -> None:
        """Waits until a broken connection stands again. Raises `Unavailable` after `timeout_s`, or once given up."""
        try:
            await asyncio.wait_for(self._connected.wait(), timeout_s)
        except asyncio.TimeoutError as error:
            raise Unavailable(f"The server could not be reached within {timeout_s:g} s.") from error
        self.connection()

    async def open(self) -> None:
        """Makes the connection; `connect` has done it already."""
        endpoint = self._endpoint
        if endpoint is None:
            endpoint = await asyncio.to_thread(read_endpoint, self._run_file)
        connection = Connection(
            self._greeting, wait_for_slots=self._wait_for_slots, on_note=self._on_note, on_lost=self._lost
        )
        self._welcome = await connection.open(endpoint, timeout_s=self._timeout_s)
        self._connection = connection
        self._connected.set()

    async def close(self) -> None:
        """Closes politely, within about two seconds; what is open fails with `Unavailable`."""
        self._closed = True
        self._why = "The client is closed."
        if self._again is not None:
            self._again.cancel()
        if self._connection is not None:
            await self._connection.close()
        self._connected.set()

    def _lost(self, connection: Connection, error: VitrineError) -> None:
        if connection is not self._connection:
            return  # it never stood; `open` has raised
        self._connection = None
        self._connected.clear()
        if self._closed or not self._reconnect:
            self._give_up(str(error))
            return
        self._why = f"{error} It is being tried again."
        self._again = asyncio.get_running_loop().create_task(self._connect_again())

    def _give_up(self, why: str) -> None:
        if not self._closed:
            self._why = why
        self._connected.set()

    async def _connect_again(self) -> None:
        """Tries until it works; pauses double and carry jitter, so that many clients do not come at once."""
        pause_s = BACKOFF_S
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            try:
                await self.open()
            except Unauthorized as error:  # trying again would send the token where it does not belong
                self._give_up(str(error))
                return
            except Unavailable as error:
                log.info("not connected yet: %s", error)
                pause_s = min(2 * pause_s, LONGEST_BACKOFF_S)
            else:
                self._again = None
                return
