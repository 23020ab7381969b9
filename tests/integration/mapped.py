"""The client's side of the shared memory, with writes and references that may be wrong on purpose."""

from __future__ import annotations

import mmap
import os
import struct
import sys
from typing import Any

import msgpack


def ref(slot: int, length: int, sequence: int) -> msgpack.ExtType:
    """A shared-memory reference."""
    return msgpack.ExtType(1, struct.pack(">IIQ", slot, length, sequence))


class Memory:
    """The mapping that a welcome offers, with writes that may be wrong on purpose."""

    def __init__(self, offer: dict[str, Any]) -> None:
        self.offer = offer
        if sys.platform == "win32":
            self._map = mmap.mmap(-1, offer["bytes"], tagname=offer["name"])
            return
        fd = os.open(offer["name"], os.O_RDWR | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(fd, offer["bytes"])
        finally:
            os.close(fd)

    def write(
        self,
        slot: int,
        sequence: int,
        payload: bytes,
        *,
        header_length: int | None = None,
        header_sequence: int | None = None,
    ) -> msgpack.ExtType:
        """Fills a slot; the header can be made to differ from the reference that is returned."""
        start = slot * self.offer["slot_bytes"]
        self._map[start + 64 : start + 64 + len(payload)] = payload
        length = len(payload) if header_length is None else header_length
        struct.pack_into("<QI", self._map, start, sequence if header_sequence is None else header_sequence, length)
        return ref(slot, len(payload), sequence)

    def read(self, reference: msgpack.ExtType) -> bytes:
        """The payload of a reference that the server sent; the header must fit it."""
        slot, length, sequence = struct.unpack(">IIQ", reference.data)
        start = slot * self.offer["slot_bytes"]
        assert struct.unpack_from("<QI", self._map, start) == (sequence, length)
        return bytes(self._map[start + 64 : start + 64 + length])

    def close(self) -> None:
        """Unmaps."""
        self._map.close()
