"""A call that answers in parts, and may take pushes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType

from ..errors import BadRequest, Overloaded, VitrineError
from ..wire.messages import Done, Part
from .connection import Connection, Options
from .pictures import Pixels, Result

MOST_UNREAD = 1024


class Stream:
    """One open S or B call: `async with` opens it and, on the way out, cancels it unless it has ended.

    `newest`: keep only so many unread parts and drop older ones (counted in `dropped`); without it a reader who leaves
    1024 parts unread loses the call with `Overloaded`. `out`: memory (uint8, C order) in which the first raw picture of
    every part lands; a part's picture is then valid until the next part is asked for.
    """

    def __init__(
        self,
        connection: Callable[[], Connection],
        op: str,
        a: Mapping[str, object],
        options: Options,
        *,
        newest: int | None,
        out: Pixels | None,
    ) -> None:
        self.dropped = 0
        self.done: Result | None = None
        self._choose = connection
        self._op = op
        self._a = a
        self._options = options
        self._newest = newest
        self._out = out
        self._connection: Connection | None = None
        self._id = -1
        self._unread: deque[Part | Result] = deque()
        self._error: VitrineError | None = None
        self._over = False
        self._abandoned = False
        self._waiter: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Stream:
        connection = self._choose()
        await connection.ready(self._a)
        self._id = connection.start(self._op, self._a, self._options, self)
        self._connection = connection
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    # -- input ---------------------------------------------------------------------------------------------------

    async def push(self, d: Mapping[str, object]) -> None:
        """Sends input; arrays in it travel as pictures. Raises what the call failed with, or `BadRequest`."""
        connection = self._opened()
        self._check()
        await connection.ready(d)
        self._check()
        connection.push(self._id, d)

    async def push_frame(self, pixels: Pixels, *, n: int, t_us: int) -> None:
        """Sends a frame: (H, W, 3|4) uint8 sRGB, top row first, number `n`, taken at `t_us` microseconds."""
        await self.push({"n": n, "t_us": t_us, "image": pixels})

    async def end(self) -> None:
        """Says that no more input comes; the call answers what it has and is done."""
        connection = self._opened()
        await connection.ready()
        connection.end(self._id)

    # -- output --------------------------------------------------------------------------------------------------

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Result:
        """The next part; ends when the call is done (see `done`), raises what it failed with."""
        while not self._unread:
            if self._error is not None:
                raise self._error
            if self._over or self._abandoned:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        item = self._unread.popleft()
        return item if isinstance(item, Result) else self._opened().result(item, self._out)

    # -- what the connection tells -------------------------------------------------------------------------------

    def part(self, part: Part) -> None:
        """Keeps a part for its reader."""
        if self._abandoned:
            self._opened().discard(part.d)
            return
        self._unread.append(part)
        if self._newest is not None and len(self._unread) > self._newest:
            self.dropped += 1
            self._drop(self._unread.popleft())
        elif len(self._unread) > MOST_UNREAD:
            self._abandon()
            self._error = Overloaded(f"{MOST_UNREAD} parts were left unread; read faster or pass newest=2.")
        self._wake()

    def ended(self, end: Done | VitrineError) -> None:
        """Keeps the end; what is unread is copied out, since the memory may go with the connection."""
        connection = self._opened()
        self._over = True
        try:
            if self._abandoned:
                if isinstance(end, Done):
                    connection.discard(end.d)
                return
            self._unread = deque(self._settled(item) for item in self._unread)
            if isinstance(end, Done):
                self.done = connection.result(end, None)
            else:
                self._error = end
        except VitrineError as error:
            self._error = error
        finally:
            self._wake()

    def _settled(self, item: Part | Result) -> Result:
        return item if isinstance(item, Result) else self._opened().result(item, None)

    def _abandon(self) -> None:
        if self._abandoned or self._connection is None:
            return
        self._abandoned = True
        while self._unread:
            self._drop(self._unread.popleft())
        if not self._over:
            self._connection.cancel(self._id)
        self._wake()

    def _drop(self, item: Part | Result) -> None:
        if isinstance(item, Part):
            self._opened().discard(item.d)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _opened(self) -> Connection:
        if self._connection is None:
            raise BadRequest("Open the stream first: async with vitrine.stream(...) as stream.")
        return self._connection

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._over or self._abandoned:
            raise BadRequest("The call has ended; open a new stream.")
