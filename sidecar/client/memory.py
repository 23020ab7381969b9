"""The client's half of one connection's shared-memory lane: slots to fill, slots to read and give back."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable

import numpy as np

from ..errors import BadRequest, Internal
from ..wire.messages import ShmOffer, ShmRef
from ..wire.shm import Lane, SlotPool, open_lane
from .pictures import Pixels


class Memory:
    """Slots 0..up-1 are ours to write, the next `down` the server's."""

    def __init__(self, lane: Lane) -> None:
        self.down = lane.offer.down
        self._lane = lane
        self._up = SlotPool(range(lane.offer.up))
        self._drawn: dict[int, tuple[int, int]] = {}  # by address: slot and sequence of a canvas that was not sent yet
        self._canvases = 0  # that somebody still holds
        self._closed = False
        self._room: asyncio.Future[None] | None = None

    def canvas(self, shape: tuple[int, int, int]) -> Pixels | None:
        """An array that lies in a free slot, to be drawn in and sent once; None when none is free or it is too large.

        Its slot comes back when it was sent and read, or when it is dropped without being sent.
        """
        length = shape[0] * shape[1] * shape[2]
        if length > self._lane.capacity or (taken := self._up.take()) is None:
            return None
        flat = np.frombuffer(self._lane.payload(taken[0], length), np.uint8)  # the base of every part of the canvas
        address = _address(flat)
        self._drawn[address] = taken
        self._canvases += 1
        weakref.finalize(flat, self._undraw, address, taken).atexit = False
        return flat.reshape(shape)

    def _undraw(self, address: int, taken: tuple[int, int]) -> None:
        """Nobody holds any part of a canvas any more."""
        self._canvases -= 1
        if self._drawn.get(address) == taken:
            del self._drawn[address]
            self.freed([taken[0]])
        if self._closed and not self._canvases:
            self._lane.close()

    def place(self, pixels: Pixels) -> ShmRef | None:
        """Copies a picture of any strides into a free slot, rows tight; None when none is free or it is too large.

        A canvas lies in its slot already and is not copied.
        """
        if self._drawn and pixels.flags.c_contiguous and (drawn := self._drawn.pop(_address(pixels), None)):
            return self._lane.seal(*drawn, pixels.nbytes)
        if pixels.nbytes > self._lane.capacity or (taken := self._up.take()) is None:
            return None
        slot, sequence = taken
        if pixels.flags.c_contiguous:
            return self._lane.write(slot, sequence, pixels.data.cast("B"))
        target = np.frombuffer(self._lane.payload(slot, pixels.nbytes), np.uint8)
        np.copyto(target.reshape(pixels.shape), pixels)
        return self._lane.seal(slot, sequence, pixels.nbytes)

    def take(self, ref: ShmRef, out: Pixels | None) -> Pixels:
        """Copies the server's slot into `out` where it fits, else into new memory: flat uint8. Raises `Internal`."""
        offer = self._lane.offer
        if not offer.up <= ref.slot < offer.up + offer.down or ref.length > self._lane.capacity:
            raise Internal("The server sent a shared-memory reference outside its slots; report this.")
        fits = out is not None and out.nbytes >= ref.length
        target = out.reshape(-1)[: ref.length] if out is not None and fits else np.empty(ref.length, np.uint8)
        try:
            self._lane.read_into(ref, memoryview(target))  # type: ignore[arg-type,unused-ignore]
        except BadRequest as error:
            raise Internal("The server changed a shared-memory slot while it was read; report this.") from error
        return target

    def freed(self, slots: Iterable[int]) -> None:
        """The server has read these of our slots."""
        self._up.give_back(slots)
        if self._room is not None and not self._room.done() and self._up.free:
            self._room.set_result(None)

    async def room(self, timeout_s: float) -> None:
        """Waits until a slot is free, at most `timeout_s`; who then finds none sends inline."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not self._up.free and not self._closed and loop.time() < deadline:
            if self._room is None or self._room.done():
                self._room = loop.create_future()
            await asyncio.wait([self._room], timeout=deadline - loop.time())

    def close(self) -> None:
        """Unmaps, once nobody holds a canvas any more; who waits for a slot waits no longer."""
        self._closed = True
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        if not self._canvases:
            self._lane.close()


def _address(pixels: Pixels) -> int:
    address: int = pixels.__array_interface__["data"][0]
    return address


def map_offer(offer: ShmOffer | None) -> Memory | None:
    """Maps what a welcome offers; None where there is nothing or it cannot be used, and all bytes go inline."""
    if offer is None:
        return None
    try:
        return Memory(open_lane(offer))
    except (OSError, ValueError):
        return None
