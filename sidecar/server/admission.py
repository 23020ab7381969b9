"""Jobs that wait for room: between the queue and a worker, one a lane, while models leave for theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..errors import Cancelled, Internal, VitrineError
from .calls import OpenCall, Work

log = logging.getLogger("vitrine.memory")


class Admission:
    """Each lane's job on its way in. `refuse` gets one that may not run: number, code, sentence, retry_ms."""

    def __init__(self, refuse: Callable[[int, str, str, int | None], None]) -> None:
        self._refuse = refuse
        self._waiting: dict[str, tuple[Work, asyncio.Task[None]]] = {}

    def begin(self, lane: str, work: Work, room: Awaitable[None], enter: Callable[[str, Work], None]) -> None:
        """Hands the job to `enter` once `room` is there."""

        async def admitted() -> None:
            await room

        task = asyncio.get_running_loop().create_task(admitted())
        self._waiting[lane] = (work, task)
        task.add_done_callback(lambda done: self._over(lane, work, done, enter))

    def _over(self, lane: str, work: Work, done: asyncio.Task[None], enter: Callable[[str, Work], None]) -> None:
        del self._waiting[lane]
        error = Cancelled("The call was cancelled.") if done.cancelled() else done.exception()
        if error is None:
            enter(lane, work)
            return
        if not isinstance(error, VitrineError):  # the task's boundary: logged, not sent
            log.error("making room for a call failed", exc_info=error)
            error = Internal("Something went wrong here; the server's log has details.")
        self._refuse(work.number, error.code, str(error), error.retry_ms)

    def waits(self, lane: str) -> bool:
        """Whether a job waits before this lane."""
        return lane in self._waiting

    def call(self, lane: str) -> OpenCall | None:
        """The call of the job that waits before this lane."""
        waiting = self._waiting.get(lane)
        return None if waiting is None else waiting[0].call

    def cancel(self, lane: str, number: int) -> bool:
        """Stops waiting for one that is cancelled; False when it does not wait here."""
        waiting = self._waiting.get(lane)
        if waiting is None or waiting[0].number != number:
            return False
        return waiting[1].cancel()

    def stop(self) -> None:
        """Refuses what waits."""
        for _, task in list(self._waiting.values()):
            task.cancel()
