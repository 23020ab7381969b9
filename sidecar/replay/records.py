"""The file of a recording: a magic, then records with length and checksum in front; docs/replay.md describes it.

Everything that is read is checked before it is believed: lengths before memory is taken, checksums before decoding,
and what is decoded goes through the bounded codec of the wire into one typed Struct.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from ..wire import codec

MAGIC = b"\x89VREC\r\n\x1a"
VERSION = 1
MAP, PICTURE = 1, 2
# Extension types of a recording's maps; 1 is the wire's reference to shared memory, which a file never holds.
PIXELS_EXT, IMPRINT_EXT = 16, 17

_VERSION = struct.Struct("<I")
_HEAD = struct.Struct("<IIB")
HEAD_BYTES = _HEAD.size
START_BYTES = len(MAGIC) + _VERSION.size
MOST_MAP_BYTES = 40 * 2**20
MOST_PICTURE_BYTES = 72 * 2**20
MOST_RECORDS = 4_000_000


class NotARecording(ValueError):
    """The file is no recording that this version reads; the message says what to do."""


Short = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Milliseconds = Annotated[float, Meta(ge=0, le=86_400_000)]
Call = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class ModelRow(Struct, frozen=True):
    """A row of `model.list`."""

    name: Short
    state: Short
    device: Short = ""
    bytes: Count = 0
    licence: Short = ""


class Header(Struct, frozen=True, tag_field="k", tag="header"):
    """First record: which program made the file, when (seconds since 1970), the models that it knew."""

    program: Short
    made: Annotated[float, Meta(ge=0, le=1e11)]
    models: Annotated[list[ModelRow], Meta(max_length=1024)] = []


class LoadedModel(Struct, frozen=True):
    """A model that a worker had loaded, as `server.stats` told it."""

    name: Short
    precision: Short = ""
    runs: Count = 0
    p50_ms: Milliseconds = 0.0
    p95_ms: Milliseconds = 0.0


class Loaded(Struct, frozen=True, tag_field="k", tag="loaded"):
    """The models of one worker from here on."""

    lane: Short
    models: Annotated[list[LoadedModel], Meta(max_length=1024)]


class Failure(Struct, frozen=True):
    """What a step failed with, in the contract's words."""

    code: Short
    msg: Text
    retry_ms: Count | None = None


class Step(Struct, frozen=True, tag_field="k", tag="step"):
    """One job of a worker: what it was given (`a`) and what it answered (`d`) or failed with.

    `call` numbers the calls of the file. `at_us`: when the job began, since the start of the recording for a `call` or
    an `open`, since its `open` for what follows; `service_us`: until the answer; `tm`: decode, infer and encode
    milliseconds.
    """

    call: Call
    op: Short
    step: Literal["call", "open", "push", "end"]
    at_us: Count
    service_us: Count
    a: dict[str, Any]
    tm: tuple[Milliseconds, Milliseconds, Milliseconds] = (0.0, 0.0, 0.0)
    d: dict[str, Any] | None = None
    fail: Failure | None = None


class Closed(Struct, frozen=True, tag_field="k", tag="closed"):
    """The stream was cancelled, failed elsewhere, or lost its connection or its worker."""

    call: Call


class Summary(Struct, frozen=True, tag_field="k", tag="summary"):
    """Last record of a recording that was ended in order."""

    calls: Count
    frames: Count
    dropped: Count
    seconds: Annotated[float, Meta(ge=0, le=1e9)]


Record = Header | Loaded | Step | Closed | Summary


class Picture(NamedTuple):
    """The head of a picture record: how its data is kept; `channels` of raw pixels, 0 for a jpeg, png or webp."""

    kept: int
    channels: int
    w: int
    h: int


_PICTURE = struct.Struct("<BBII")


class Place(NamedTuple):
    """Where a record's body lies in the file."""

    kind: int
    offset: int
    length: int
    crc: int


# -- writing -----------------------------------------------------------------------------------------------------


def start() -> bytes:
    """What every file begins with."""
    return MAGIC + _VERSION.pack(VERSION)


def pack_map(record: Record) -> bytes:
    """A map record, framed."""
    return _framed(MAP, codec.encode(msgspec.structs.asdict(record) | {"k": _tag(record)} | _inner(record)))


def pack_picture(picture: Picture, data: bytes) -> bytes:
    """A picture record, framed. Pictures are numbered from 0 in the order of the file."""
    return _framed(PICTURE, _PICTURE.pack(*picture) + data)


def _framed(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(len(body), _crc(kind, body), kind) + body


def _crc(kind: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(bytes((kind,))))


def _tag(record: Record) -> str:
    return str(type(record).__struct_config__.tag)


def _inner(record: Record) -> dict[str, Any]:
    """Structs inside a record as plain maps; values of a call stay as they are, since they hold extensions."""
    if isinstance(record, (Header, Loaded)):
        return {"models": [msgspec.structs.asdict(model) for model in record.models]}
    if isinstance(record, Step) and record.fail is not None:
        return {"fail": msgspec.structs.asdict(record.fail)}
    return {}


# -- reading -----------------------------------------------------------------------------------------------------


def check_start(file: BinaryIO) -> None:
    """Reads the file's first bytes. Raises `NotARecording`."""
    data = file.read(START_BYTES)
    if len(data) < START_BYTES or not data.startswith(MAGIC):
        raise NotARecording("This file is no Vitrine recording; make one with: vitrine serve --record FILE")
    (version,) = _VERSION.unpack_from(data, len(MAGIC))
    if version != VERSION:
        raise NotARecording(f"The recording has version {version}, this Vitrine reads {VERSION}; record it again.")


def places(file: BinaryIO, size: int) -> Iterator[Place]:
    """Where each record lies, until the end or to the first record that cannot be whole; nothing large is read."""
    offset = START_BYTES
    for _ in range(MOST_RECORDS):
        file.seek(offset)
        head = file.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return
        length, crc, kind = _HEAD.unpack(head)
        most = MOST_PICTURE_BYTES if kind == PICTURE else MOST_MAP_BYTES
        offset += HEAD_BYTES
        if length > most or offset + length > size:
            return
        yield Place(kind, offset, length, crc)
        offset += length


def read_body(file: BinaryIO, place: Place) -> bytes:
    """The bytes of a record. Raises `NotARecording` where they are not those that were written."""
    file.seek(place.offset)
    body = file.read(place.length)
    if len(body) != place.length or _crc(place.kind, body) != place.crc:
        raise NotARecording("The recording is damaged; record it again.")
    return body


def unpack_map(body: bytes) -> Record | None:
    """A map record; None for one of a kind that this version does not know. Raises `NotARecording`."""
    try:
        value = codec.decode(body)
        if value.get("k") not in _KNOWN:
            return None
        record: Record = msgspec.convert(value, Record)
    except (codec.Malformed, msgspec.ValidationError) as error:
        raise NotARecording("The recording holds a record that makes no sense; record it again.") from error
    return record


def unpack_picture(body: bytes) -> tuple[Picture, memoryview]:
    """The head of a picture record and its data. Raises `NotARecording`."""
    if len(body) < _PICTURE.size:
        raise NotARecording("The recording holds a picture that makes no sense; record it again.")
    return Picture(*_PICTURE.unpack_from(body)), memoryview(body)[_PICTURE.size :]


_KNOWN = {"header", "loaded", "step", "closed", "summary"}
