"""The recording side's file: a queue that never makes the event loop wait, and one thread that packs and writes."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from . import pixels, records, values
from .records import Closed, Header, Loaded, Picture, Record, Step, Summary
from .values import Held

log = logging.getLogger("vitrine.recording")
MOST_WAITING_BYTES = 256 * 2**20
MOST_WAITING = 65_536
SMALL_BYTES = 64 * 1024
END_S = 30.0


class CannotRecord(RuntimeError):
    """The file cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a recording. `broken` says why it stopped early."""

    calls: int
    frames: int
    dropped: int
    file_bytes: int
    seconds: float
    broken: str = ""


class Tape:
    """A recording that is being made. `put` may be called from one thread; the file grows record by record."""

    def __init__(
        self,
        descriptor: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        self._descriptor = descriptor
        self._clock = clock
        self._most_bytes = most_bytes
        self.started_at = clock()
        self._queue: deque[tuple[Record, int]] = deque()
        self._writing: Step | None = None
        self._bytes = 0
        self._wake = threading.Condition()
        self._ending = False
        self._broken = ""
        self._written = 0
        self._pictures = 0
        self._calls = self._frames = self._dropped = 0
        self._write(records.start())
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
        self._thread.start()

    @classmethod
    def check(cls, path: Path, *, force: bool) -> None:
        """Says early what `create` would say. Raises `CannotRecord`."""
        if os.path.lexists(path) and not force:
            raise CannotRecord(f"{path} exists; record to another file, or add --force to replace it.")
        if not path.absolute().parent.is_dir():
            raise CannotRecord(f"{path} cannot be written: its folder does not exist. Record to another file.")

    @classmethod
    def create(cls, path: Path, *, force: bool = False) -> Tape:
        """A new file that only this user can read. Raises `CannotRecord`, also where there is one unless `force`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            if force and stat.S_ISREG(path.lstat().st_mode):
                path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise CannotRecord(f"{path} cannot be replaced: {error.strerror}. Record to another file.") from error
        try:
            return cls(os.open(path, flags, 0o600))
        except FileExistsError as error:
            raise CannotRecord(f"{path} exists; record to another file, or add --force to replace it.") from error
        except OSError as error:
            raise CannotRecord(f"{path} cannot be written: {error.strerror}. Record to another file.") from error

    # -- from the event loop -------------------------------------------------------------------------------------

    def begin(self, header: Header) -> None:
        """First of all: what a replaying server tells about models."""
        self._add(header, 0)

    def loaded(self, models: Loaded) -> None:
        """A worker's models changed."""
        self._add(models, 0)

    def put(self, step: Step) -> None:
        """One answered job; its maps may hold `Held` pictures. Dropped and counted when the disk cannot keep up."""
        weight = sum(len(held.data) for held in values.held_in([step.a, step.d]))
        full = self._bytes + weight > self._most_bytes and weight > SMALL_BYTES
        if self._broken or full or len(self._queue) >= MOST_WAITING:
            self._dropped += 1
            return
        self._calls += step.step in ("call", "open")
        self._frames += _is_frame(step)
        self._add(step, weight)

    def closed(self, call: int) -> None:
        """A stream ended without its own end."""
        self._add(Closed(call), 0)

    def end(self) -> Tally:
        """Writes what waits and closes the file; what a stuck disk does not take within 30 s is lost and counted."""
        seconds = self._clock() - self.started_at
        with self._wake:
            self._ending = True
            self._queue.append((Summary(self._calls, self._frames, self._dropped, max(0.0, seconds)), 0))
            self._wake.notify()
        self._thread.join(END_S)
        if self._thread.is_alive():
            self._broken = "the disk was too slow to take the rest"
        lost = self._lost()
        dropped, frames = self._dropped + len(lost), self._frames - sum(map(_is_frame, lost))
        return Tally(self._calls, frames, dropped, self._written, seconds, self._broken)

    def _lost(self) -> list[Step]:
        """Steps that a broken or stuck disk did not take."""
        if not self._broken:
            return []
        with self._wake:
            waiting = [record for record, _ in self._queue if isinstance(record, Step)]
        return waiting if self._writing is None else [self._writing, *waiting]

    def _add(self, record: Record, weight: int) -> None:
        if self._broken:
            return
        with self._wake:
            self._queue.append((record, weight))
            self._bytes += weight
            self._wake.notify()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while self._next():
                pass
            os.fsync(self._descriptor)
        except OSError as error:
            self._broken = f"the file could not be written: {error.strerror}"
            log.error("the recording stops here, %s", self._broken)
        except Exception:  # the boundary of this thread: serving goes on without its recording
            self._broken = "something went wrong here; the log has details"
            log.exception("the recording stops here")
        finally:
            os.close(self._descriptor)

    def _next(self) -> bool:
        """Writes one record; False after the last."""
        with self._wake:
            while not self._queue:
                if self._ending:
                    return False
                self._wake.wait()
            record, weight = self._queue.popleft()
            self._writing = record if isinstance(record, Step) else None
        if isinstance(record, Step):
            # Pictures first, so that a step in the file never names one that is not there.
            record = msgspec.structs.replace(record, a=self._stored(record.a), d=self._stored(record.d))
        self._write(records.pack_map(record))
        with self._wake:
            self._writing = None
            self._bytes -= weight
        return True

    def _stored(self, value: Any) -> Any:
        return values.freeze(value, self._store)

    def _store(self, held: Held) -> object:
        if held.purpose == "outline":
            return None
        number = self._write_picture(held) if held.purpose in ("pixels", "both") else None
        if held.purpose == "pixels" and number is not None:
            return values.pixels_ext(number)
        return values.imprint_ext(pixels.digest(held.data), number)

    def _write_picture(self, held: Held) -> int:
        channels = pixels.CHANNELS.get(held.form["f"], 0)
        w, h = held.form["w"], held.form["h"]
        data, kept = bytes(held.data), pixels.AS_IS
        # A disk that falls behind is not helped by a processor that falls behind too: then pixels go as they are.
        if channels and self._bytes <= self._most_bytes // 2:
            smaller = pixels.squeeze(data, w, h, channels)
            if len(smaller) < len(data):
                data, kept = smaller, pixels.SQUEEZED
        self._write(records.pack_picture(Picture(kept, channels, w, h), data))
        self._pictures += 1
        return self._pictures - 1

    def _write(self, data: bytes) -> None:
        """One call a record, so that a process that dies leaves whole records and at most one torn one."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._written += len(data)


def _is_frame(step: Step) -> bool:
    return step.step == "push" and bool(step.d)
