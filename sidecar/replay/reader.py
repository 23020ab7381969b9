"""A recording read back: an index of its calls in memory, its pictures in the file until they are asked for."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgspec

from ..wire.ops import OPS
from . import records, values
from .records import Closed, Header, Loaded, LoadedModel, NotARecording, Picture, Place, Step, Summary


@dataclass(slots=True)
class Take:
    """A stretch of a recorded stream in which one set of layers was worn.

    `options` are the stream's arguments without its layers; `begin` is the open or the change of layers that began it,
    `answers` are the pushes that had an answer of their own, `end` is the end of the call.
    """

    op: str
    options: dict[str, Any]
    layers: Any
    begin: Step | None = None
    answers: list[Step] = field(default_factory=list)
    end: Step | None = None

    @property
    def refused(self) -> bool:
        """Whether these layers were not taken."""
        return self.begin is not None and self.begin.fail is not None


@dataclass(slots=True)
class Recording:
    """Everything of a recording but its pixels. `damage` says where reading had to stop, if it had to."""

    path: Path
    header: Header
    models: dict[str, list[LoadedModel]]
    calls: dict[str, list[Step]]
    takes: dict[str, list[Take]]
    pictures: list[Place]
    summary: Summary | None
    damage: str
    seconds: float
    file_bytes: int
    failed: int

    @property
    def ops(self) -> frozenset[str]:
        """The ops that it has answers of."""
        return frozenset(self.calls) | frozenset(self.takes)


def read(path: Path) -> Recording:
    """Reads a recording. What stands before a torn or damaged record is used, what follows is not.

    Raises `NotARecording`, also where the file cannot be opened.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        records.check_start(file)
        return _Reader(path, size).read(file)


def open_file(path: Path) -> BinaryIO:
    """The file, for reading; nothing but a regular file is read. Raises `NotARecording`."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NotARecording(f"{path} is not a file; name a recording.")
        return path.open("rb")
    except OSError as error:
        raise NotARecording(f"{path} cannot be read: {error.strerror}.") from error


class Pictures:
    """Pictures by number, read from the file by one thread."""

    def __init__(self, recording: Recording) -> None:
        self._places = recording.pictures
        self._file = open_file(recording.path)

    def __enter__(self) -> Pictures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, number: int) -> tuple[Picture, memoryview]:
        """The head and the data of a picture record. Raises `NotARecording` where it is damaged or missing."""
        if number >= len(self._places):
            raise NotARecording("The recording lacks a picture; record it again.")
        return records.unpack_picture(records.read_body(self._file, self._places[number]))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class _Reader:
    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._header: Header | None = None
        self._models: dict[str, list[LoadedModel]] = {}
        self._calls: dict[str, list[Step]] = {}
        self._takes: dict[str, list[Take]] = {}
        self._open: dict[int, Take] = {}
        self._pictures: list[Place] = []
        self._summary: Summary | None = None
        self._last_us = 0
        self._began_us: dict[int, int] = {}
        self._failed = 0

    def read(self, file: BinaryIO) -> Recording:
        damage, end = "", records.START_BYTES
        for place in records.places(file, self._size):
            try:
                self._take(file, place)
            except NotARecording as error:
                if self._header is None:
                    raise
                damage = f"{error} What came before is used."
                break
            end = place.offset + place.length
        if self._header is None:
            raise NotARecording("The recording ends before its first record; record it again.")
        if not damage and self._summary is None:
            torn = " within a record" if end < self._size else ""
            damage = f"The recording was not ended in order and stops{torn}. What is there is used."
        return Recording(
            path=self._path,
            header=self._header,
            models=self._models,
            calls=self._calls,
            takes={op: takes for op, takes in self._takes.items() if takes},
            pictures=self._pictures,
            summary=self._summary,
            damage=damage,
            seconds=self._last_us / 1e6 if self._summary is None else self._summary.seconds,
            file_bytes=self._size,
            failed=self._failed,
        )

    def _take(self, file: BinaryIO, place: Place) -> None:
        if place.kind == records.PICTURE:
            self._pictures.append(place)  # its checksum is looked at when it is read
            return
        body = records.read_body(file, place)
        record = records.unpack_map(body) if place.kind == records.MAP else None
        if isinstance(record, Header):
            self._header = self._header or record
        elif self._header is None:
            raise NotARecording("The recording does not begin as one; record it again.")
        elif isinstance(record, Loaded):
            self._models[record.lane] = record.models
        elif isinstance(record, Step):
            self._step(msgspec.structs.replace(record, a=values.thaw(record.a), d=values.thaw(record.d)))
        elif isinstance(record, Closed):
            self._open.pop(record.call, None)
        elif isinstance(record, Summary):
            self._summary = record

    # -- steps ---------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        if step.step in ("call", "open"):
            self._began_us[step.call] = step.at_us
        began_us = self._began_us.get(step.call, 0) if step.step in ("push", "end") else 0
        self._last_us = max(self._last_us, began_us + step.at_us + step.service_us)
        self._failed += step.fail is not None
        if step.step == "call":
            self._calls.setdefault(step.op, []).append(step)
        elif step.step == "open":
            self._begin(step)
        elif (take := self._open.get(step.call)) is not None:
            if step.step == "end":
                take.end = step
                del self._open[step.call]
            else:
                self._push(take, step)

    def _begin(self, step: Step) -> None:
        options = {name: value for name, value in step.a.items() if name != "layers"}
        take = Take(step.op, options, step.a.get("layers"), begin=step)
        self._takes.setdefault(step.op, []).append(take)
        if step.fail is None:
            self._open[step.call] = take

    def _push(self, take: Take, step: Step) -> None:
        if "layers" in step.a and step.a["layers"] != take.layers:
            take = Take(take.op, take.options, step.a["layers"], begin=step if is_change(step.a) else None)
            self._takes[take.op].append(take)
            self._open[step.call] = take
        if step.fail is not None:
            del self._open[step.call]
        elif step.d or not (has_frames(step.op) or is_change(step.a)):
            take.answers.append(step)


def is_change(given: dict[str, Any]) -> bool:
    """Whether a push changes what is worn and asks for nothing."""
    return "layers" in given and given.get("image") is None


def has_frames(op: str) -> bool:
    """Whether the op answers frames, of which the last may be shown again."""
    return op in OPS and OPS[op].frames
