"""msgpack on the wire: bounded decoding, one survey of a value, canonical encoding.

Canonical: keys in the contract's order, shortest integer form, floats as float64, binary as bin, references as ext 1.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import msgpack

from .messages import ShmRef

REF_EXT = 1
MAX_DEPTH = 32
MAX_NODES = 16_384
SMALL = 16 * 1024
_REF = struct.Struct(">IIQ")


class Malformed(ValueError):
    """The bytes are not one msgpack map with string keys inside the limits."""


class BadValue(ValueError):
    """A decoded value holds what the contract forbids: NaN, an infinity, an unknown extension, too deep a tree."""


def decode(data: bytes) -> dict[str, Any]:
    """Decodes one message into a map; binary stays `bytes`, ext 1 becomes `ShmRef`.

    Large messages are skimmed first: a few megabytes of empty maps would otherwise become gigabytes of objects.
    Raises `Malformed`.
    """
    if len(data) > SMALL:
        _skim(data)
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True, ext_hook=_ext)
    except Exception as error:  # msgpack raises ValueError, TypeError, StackError, OverflowError and more by case
        raise Malformed("not one whole msgpack value") from error
    if type(value) is not dict:
        raise Malformed("not a map")
    for key in value:
        if type(key) is not str:
            raise Malformed("a key is not a string")
    return value


def _ext(code: int, data: bytes) -> object:
    if code == REF_EXT and len(data) == _REF.size:
        return ShmRef(*_REF.unpack(data))
    return msgpack.ExtType(code, data)


def _default(value: object) -> object:
    raise TypeError(f"cannot encode {type(value).__name__}")


_packer = msgpack.Packer(use_bin_type=True, strict_types=True, default=lambda value: _pack_special(value))


def _pack_special(value: object) -> object:
    if isinstance(value, ShmRef):
        return msgpack.ExtType(REF_EXT, _REF.pack(*value))
    if isinstance(value, tuple):
        return list(value)
    return _default(value)


def encode(value: object) -> bytes:
    """Encodes a message or a part of one; maps keep their order. Raises `TypeError` for a value without a wire form."""
    try:
        packed: bytes = _packer.pack(value)
    except Exception:
        _packer.reset()  # a failed pack leaves its half behind
        raise
    return packed


def encode_with_raw(head: dict[str, Any], key: str, raw: bytes, tail: dict[str, Any]) -> bytes:
    """Encodes `{**head, key: <raw>, **tail}` where `raw` is a msgpack value already encoded by a worker.

    Works by joining small maps without their one-byte headers, so all of it must have fewer than 16 keys.
    """
    count = len(head) + 1 + len(tail)
    assert count < 16
    return b"".join((bytes((0x80 | count,)), encode(head)[1:], encode(key), raw, encode(tail)[1:]))


def survey(value: object) -> list[ShmRef]:
    """Walks a decoded value once and returns its shared-memory references in order.

    Raises `BadValue` for a float that is NaN or infinite, a key that is not a string, an unknown extension, more than
    `MAX_NODES` nodes or `MAX_DEPTH` levels.
    """
    refs: list[ShmRef] = []
    _walk(value, 0, 1, refs)
    return refs


def _walk(item: Any, depth: int, seen: int, refs: list[ShmRef]) -> int:
    """Visits one value and what is in it; `seen` nodes were counted before, the new count is returned."""
    kind = type(item)
    if kind is dict or kind is list:
        seen += len(item)
        if depth >= MAX_DEPTH:
            raise BadValue(f"the value is nested deeper than {MAX_DEPTH} levels")
        if seen > MAX_NODES:
            raise BadValue(f"the value has more than {MAX_NODES} entries")
        if kind is dict:
            for key in item:
                if type(key) is not str:
                    raise BadValue("a key is not a string")
            item = item.values()
        for child in item:
            if type(child) not in _LEAVES:
                seen = _walk(child, depth + 1, seen, refs)
    elif kind is float:
        if not math.isfinite(item):
            raise BadValue("a number is NaN or infinite")
    elif kind is ShmRef:
        refs.append(item)
    elif kind is msgpack.ExtType or kind is msgpack.Timestamp:
        raise BadValue("a value has an extension type that this version does not know")
    return seen


_LEAVES = frozenset({str, int, bytes, bool, type(None)})


def _skim(data: bytes) -> None:
    """Walks the headers of a large message without building objects; raises `Malformed` past the budgets."""
    remaining = [1]
    position, nodes, size = 0, 0, len(data)
    while remaining:
        if remaining[-1] == 0:
            remaining.pop()
            continue
        remaining[-1] -= 1
        nodes += 1
        if nodes > MAX_NODES or position >= size:
            raise Malformed("too many values, or cut short")
        skip, children = _header(data, position)
        position += skip
        if children:
            if len(remaining) > MAX_DEPTH:
                raise Malformed("nested too deep")
            remaining.append(children)
    if position != size:
        raise Malformed("bytes after the value, or cut short")


def _sized(data: bytes, position: int, width: int) -> int:
    return int.from_bytes(data[position + 1 : position + 1 + width], "big")


_FIXED = {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5}
_FIXED |= {0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
_BLOB = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXT = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_MANY: dict[int, tuple[int, int]] = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _header(data: bytes, position: int) -> tuple[int, int]:
    """The length of the value's own bytes at `position`, and how many values follow inside it."""
    first = data[position]
    if first < 0x80 or first >= 0xE0:
        return 1, 0
    if first < 0x90:
        return 1, 2 * (first & 0x0F)
    if first < 0xA0:
        return 1, first & 0x0F
    if first < 0xC0:
        return 1 + (first & 0x1F), 0
    if (length := _FIXED.get(first)) is not None:
        return length, 0
    if (width := _BLOB.get(first)) is not None:
        return 1 + width + _sized(data, position, width), 0
    if (width := _EXT.get(first)) is not None:
        return 2 + width + _sized(data, position, width), 0
    if (many := _MANY.get(first)) is not None:
        return 1 + many[0], _sized(data, position, many[0]) * many[1]
    raise Malformed("a byte that msgpack never uses")

