"""The shared-memory lane: one mapping a connection, slots with a 64-byte header, sequence checked around every copy.

Creating and opening a mapping are the only platform-dependent steps: see `mapping_posix` and `mapping_windows`.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable

from ..errors import BadRequest
from .messages import ShmOffer, ShmRef

if sys.platform == "win32":
    from .mapping_windows import Mapping, create, open_existing
else:
    from .mapping_posix import Mapping, create, open_existing

HEADER = 64
_SEQUENCE = struct.Struct("<Q")
_LENGTH = struct.Struct("<I")

__all__ = ["HEADER", "Lane", "Mapping", "SlotPool", "create_lane", "open_lane"]


class Lane:
    """Slots in one mapping. Slot i starts at i*slot_bytes; 0..up-1 are the client's, the next `down` the server's."""

    def __init__(self, mapping: Mapping, offer: ShmOffer) -> None:
        self.offer = offer
        self._mapping = mapping
        self._view = memoryview(mapping.buffer).cast("B")  # ctypes views start as "<B"

    @property
    def identity(self) -> int:
        """What tells this mapping from a later one under the same name."""
        return self._mapping.identity

    @property
    def capacity(self) -> int:
        """Payload bytes that one slot can hold."""
        return self.offer.slot_bytes - HEADER

    def read_into(self, ref: ShmRef, out: memoryview) -> None:
        """Copies the payload of `ref` into `out` (exactly `ref.length` bytes, private memory).

        Raises `BadRequest` when the reference lies outside the mapping, is stale or was torn during the copy.
        """
        if ref.slot >= self.offer.up + self.offer.down or ref.length > self.capacity:
            raise BadRequest("A shared-memory reference lies outside the mapping.")
        start = ref.slot * self.offer.slot_bytes
        self._expect(start, ref)
        out[:] = self._view[start + HEADER : start + HEADER + ref.length]
        self._expect(start, ref)

    def read(self, ref: ShmRef) -> bytearray:
        """As `read_into`, into a new buffer; sizes are checked before it is allocated."""
        if ref.length > self.capacity:
            raise BadRequest("A shared-memory reference lies outside the mapping.")
        out = bytearray(ref.length)
        self.read_into(ref, memoryview(out))
        return out

    def write(self, slot: int, sequence: int, payload: memoryview | bytes | bytearray) -> ShmRef:
        """Fills a slot that the caller owns and returns the reference to send. Raises `ValueError` if it cannot fit."""
        length = len(payload)
        if length > self.capacity or not 0 <= slot < self.offer.up + self.offer.down or sequence <= 0:
            raise ValueError("payload or slot does not fit the mapping")
        start = slot * self.offer.slot_bytes
        _SEQUENCE.pack_into(self._view, start, 0)
        self._view[start + HEADER : start + HEADER + length] = payload
        _LENGTH.pack_into(self._view, start + 8, length)
        _SEQUENCE.pack_into(self._view, start, sequence)
        return ShmRef(slot, length, sequence)

    def payload(self, slot: int, length: int) -> memoryview:
        """The writable payload of a slot that the caller owns, to be filled in place before `seal`."""
        start = slot * self.offer.slot_bytes
        _SEQUENCE.pack_into(self._view, start, 0)
        return self._view[start + HEADER : start + HEADER + length]

    def seal(self, slot: int, sequence: int, length: int) -> ShmRef:
        """Publishes what was written through `payload`."""
        start = slot * self.offer.slot_bytes
        _LENGTH.pack_into(self._view, start + 8, length)
        _SEQUENCE.pack_into(self._view, start, sequence)
        return ShmRef(slot, length, sequence)

    def close(self) -> None:
        """Unmaps; the creator's handle goes too."""
        self._view.release()
        self._mapping.close()

    def _expect(self, start: int, ref: ShmRef) -> None:
        (sequence,) = _SEQUENCE.unpack_from(self._view, start)
        (length,) = _LENGTH.unpack_from(self._view, start + 8)
        if sequence != ref.sequence or length != ref.length or sequence == 0:
            raise BadRequest("A shared-memory reference is stale; send the picture again.")


def create_lane(*, slot_bytes: int, up: int, down: int) -> Lane:
    """Makes a new mapping for one connection. Raises `OSError` where the system refuses; then bytes go inline."""
    total = slot_bytes * (up + down)
    mapping = create(total)
    return Lane(mapping, ShmOffer(name=mapping.name, bytes=total, slot_bytes=slot_bytes, up=up, down=down))


def open_lane(offer: ShmOffer, *, identity: int | None = None) -> Lane:
    """Opens the mapping that a peer offers. Raises `OSError` or `ValueError` where it cannot be used.

    `identity`, where it is known, guards against a name that meanwhile stands for another mapping.
    """
    slots = offer.up + offer.down
    if offer.slot_bytes <= HEADER or slots <= 0 or slots * offer.slot_bytes > offer.bytes or offer.bytes > 2**33:
        raise ValueError("the offered mapping has impossible sizes")
    mapping = open_existing(offer.name, offer.bytes)
    if identity is not None and mapping.identity != identity:
        mapping.close()
        raise ValueError("the name stands for another mapping now")
    return Lane(mapping, offer)


class SlotPool:
    """The writer's view of its slots: which are free, and the sequence that the next use of each will carry."""

    def __init__(self, slots: Iterable[int]) -> None:
        self._free = list(reversed(list(slots)))
        self._out: set[int] = set()
        self._sequence = 0

    def take(self) -> tuple[int, int] | None:
        """A free slot and its next sequence, or None: then the bytes go inline."""
        if not self._free:
            return None
        slot = self._free.pop()  # the one used last: its pages are still in the caches
        self._out.add(slot)
        self._sequence += 1
        return slot, self._sequence

    def give_back(self, slots: Iterable[int]) -> None:
        """Takes slots back; ones that were never out are ignored, since a peer may say anything."""
        for slot in slots:
            if slot in self._out:
                self._out.remove(slot)
                self._free.append(slot)

    @property
    def free(self) -> int:
        """How many slots can be taken now."""
        return len(self._free)
