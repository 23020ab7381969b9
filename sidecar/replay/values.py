"""Pictures inside the maps of a call: found in what travels, held until they are stored, found again when read."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgpack

from ..wire.messages import ShmRef
from .pixels import CHANNELS, DIGEST_BYTES
from .records import IMPRINT_EXT, PIXELS_EXT, NotARecording

ENCODED = frozenset({"jpeg", "png", "webp"})
Purpose = Literal["outline", "imprint", "pixels", "both"]
_NUMBER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Held:
    """A picture on its way into the file: its `w h f o`, its bytes in private memory, and what of it is kept."""

    form: dict[str, Any]
    data: bytes | bytearray
    purpose: Purpose


class Kept(NamedTuple):
    """In a map that was read: the bytes of a picture are picture record `number`."""

    number: int


class Imprint(NamedTuple):
    """In a map that was read, or of a live picture: what tells its bytes from those of another."""

    digest: bytes


def is_picture(value: dict[str, Any]) -> bool:
    """Whether a map is a picture of the wire."""
    form = value.get("f")
    known = type(form) is str and (form in CHANNELS or form in ENCODED)
    return known and type(value.get("d")) in (bytes, ShmRef)


def map_pictures(value: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """A copy of the value with every picture of the wire changed."""
    if type(value) is dict:
        return change(value) if is_picture(value) else {key: map_pictures(item, change) for key, item in value.items()}
    if type(value) is list:
        return [map_pictures(item, change) for item in value]
    return value


def pictures_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every picture of the wire in the value, in order."""
    if type(value) is dict:
        if is_picture(value):
            yield value
            return
        value = list(value.values())
    if type(value) is list:
        for item in value:
            yield from pictures_in(item)


def held_in(value: Any) -> Iterator[Held]:
    """Every held picture in the value, in order."""
    if isinstance(value, Held):
        yield value
    elif type(value) is dict:
        for item in value.values():
            yield from held_in(item)
    elif type(value) is list:
        for item in value:
            yield from held_in(item)


def freeze(value: Any, store: Callable[[Held], object]) -> Any:
    """A copy for the file: each held picture becomes a map with `d` as `store` answers."""
    if isinstance(value, Held):
        return value.form | {"d": store(value)}
    if type(value) is dict:
        return {key: freeze(item, store) for key, item in value.items()}
    if type(value) is list:
        return [freeze(item, store) for item in value]
    return value


def pixels_ext(number: int) -> msgpack.ExtType:
    """`d` of a picture whose bytes are a picture record."""
    return msgpack.ExtType(PIXELS_EXT, _NUMBER.pack(number))


def imprint_ext(digest: bytes, number: int | None) -> msgpack.ExtType:
    """`d` of a picture that was given: its digest, and the picture record where the bytes were kept too."""
    return msgpack.ExtType(IMPRINT_EXT, digest + (b"" if number is None else _NUMBER.pack(number)))


def thaw(value: Any) -> Any:
    """A copy of what was read with extensions as `Kept` and `Imprint`.

    Raises `NotARecording` for what no recorder writes: references to shared memory, other extensions, NaN.
    """
    if type(value) is dict:
        return {key: thaw(item) for key, item in value.items()}
    if type(value) is list:
        return [thaw(item) for item in value]
    if type(value) is msgpack.ExtType:
        code, data = value
        if code == PIXELS_EXT and len(data) == _NUMBER.size:
            return Kept(_NUMBER.unpack(data)[0])
        if code == IMPRINT_EXT and len(data) in (DIGEST_BYTES, DIGEST_BYTES + _NUMBER.size):
            return Imprint(data[:DIGEST_BYTES])
    elif type(value) is float:
        if math.isfinite(value):
            return value
    elif type(value) in (str, int, bytes, bool, type(None)):
        return value
    raise NotARecording("The recording holds a value that makes no sense; record it again.")
