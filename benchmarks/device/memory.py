"""GPU memory around the life of one session: before it, while it runs, and what stays when it is gone."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sidecar.engine.vram import Reading, Vram

EVERY_S = 0.005


@dataclass(frozen=True)
class Held:
    """Bytes that this process holds more than at its start; None where nothing tells."""

    before: int | None = None
    loaded: int | None = None
    peak: int | None = None
    after: int | None = None

    @property
    def added(self) -> int | None:
        """The most that the session brought."""
        return None if self.peak is None or self.before is None else max(0, self.peak - self.before)

    @property
    def left(self) -> int | None:
        """What stayed of it."""
        return None if self.after is None or self.before is None else max(0, self.after - self.before)


UNKNOWN = Held()


class Ledger:
    """Reads what is held now, from the process's start on. Without a view of the GPU every answer is None."""

    def __init__(self, vram: Vram | None) -> None:
        self._vram = vram
        self._start = self._read()

    @property
    def is_own(self) -> bool:
        """Whether the driver tells this process's memory from that of others; known once it holds some."""
        now = self._read()
        return now is not None and now.own is not None

    @property
    def is_there(self) -> bool:
        """Whether anything can be read."""
        return self._start is not None

    def now(self) -> int | None:
        """Bytes beyond those at the start."""
        reading = self._read()
        return None if self._start is None or reading is None else self._start.grown_to(reading)

    def _read(self) -> Reading | None:
        return None if self._vram is None else self._vram.read()


class Peak:
    """`with` samples the ledger in a thread of its own; `bytes` is the most that was seen.

    Reading takes time from what runs meanwhile, so nothing is timed beside it but loading and first runs. What comes
    and goes between two samples is not seen.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.bytes: int | None = None
        self._ledger = ledger
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vram", daemon=True)

    def __enter__(self) -> Peak:
        self._look()
        if self.bytes is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        now = self._ledger.now()
        if now is not None:
            self.bytes = max(now, self.bytes or 0)
