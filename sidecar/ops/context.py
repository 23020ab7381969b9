"""What an op sees of its call: its pictures, its models, where to put results, and whether to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from ..errors import BadRequest, Cancelled
from ..wire.messages import ShmRef
from ..wire.ops import Want, WireImage
from ..wire.shm import Lane
from . import pictures

Infer = Callable[[NDArray[np.float32]], dict[str, NDArray[np.float32]]]
Image = NDArray[np.uint8]


class Scratch:
    """Private memory that pictures are copied into: reused, since a fresh megabyte costs more in page faults than the
    copy itself. One job at a time uses it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def take(self, length: int) -> memoryview:
        """A writable view of exactly `length` bytes, valid until the next `take`."""
        if len(self._buffer) < length:
            self._buffer = bytearray(length)
        return memoryview(self._buffer)[:length]


class _Timed:
    """Adds the time spent in its block to one of a context's numbers."""

    __slots__ = ("_context", "_name", "_start")

    def __init__(self, context: Context, name: str) -> None:
        self._context = context
        self._name = name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        end = time.perf_counter()
        setattr(self._context, self._name, getattr(self._context, self._name) + 1000 * (end - self._start))
        if self._context.told is not None:
            self._context.told(self._name.removesuffix("_ms"), self._start, end)


class Context:
    """One job. `decode_ms`, `infer_ms`, `encode_ms` add up as it goes; `used` are the slots that its result refers to.

    `models` resolves a model by name and loads it on first use; `stopped` says whether the call was cancelled;
    `max_side` is the longest side in pixels that a stream's pictures may have under pressure, 0 for any; `told` hears
    of each stage's begin and end (seconds of `time.perf_counter`) while the call is traced.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Infer],
        lane: Callable[[], Lane | None],
        grants: list[tuple[int, int]],
        scratch: Scratch,
        stopped: Callable[[], bool],
        image_px: int,
        max_side: int = 0,
        told: Callable[[str, float, float], None] | None = None,
    ) -> None:
        self.models = models
        self.told = told
        self.stopped = stopped
        self.max_side = max_side
        self.decode_ms = 0.0
        self.infer_ms = 0.0
        self.encode_ms = 0.0
        self.used: list[int] = []
        self._lane = lane
        self._grants = list(grants)
        self._scratch: Scratch | None = scratch
        self._image_px = image_px

    def check(self) -> None:
        """Raises `Cancelled` once the peer has cancelled the call."""
        if self.stopped():
            raise Cancelled("The call was cancelled.")

    def timed(self, stage: str) -> _Timed:
        """Adds the time of the block to `decode`, `infer` or `encode`."""
        return _Timed(self, f"{stage}_ms")

    def payload(self, image: WireImage) -> memoryview:
        """The picture's bytes in private memory; a shared slot is copied out first, nothing is parsed in it.

        The first picture of a job lands in reused memory and is valid for this job only.
        """
        data = image.d
        if isinstance(data, ShmRef):
            lane = self._lane()
            if lane is None or data.slot >= lane.offer.up or data.length > lane.capacity:
                raise BadRequest("A shared-memory reference lies outside the mapping.")
            scratch, self._scratch = self._scratch, None
            out = memoryview(bytearray(data.length)) if scratch is None else scratch.take(data.length)
            lane.read_into(data, out)
            return out
        if isinstance(data, bytes):
            return memoryview(data)
        raise BadRequest("An image's d is binary or a shared-memory reference.")

    def echo(self, image: WireImage) -> dict[str, Any]:
        """The same picture back, for probes: a raw one straight from slot to slot, since nothing in it is looked at."""
        with self.timed("encode"):
            data = image.d
            if isinstance(data, ShmRef) and self._grants and (lane := self._lane()) is not None:
                pictures.check_raw(image, max_px=self._image_px)
                if data.slot >= lane.offer.up or data.length > lane.capacity:
                    raise BadRequest("A shared-memory reference lies outside the mapping.")
                slot, sequence = self._grants.pop(0)
                lane.read_into(data, lane.payload(slot, data.length))
                self.used.append(slot)
                placed: ShmRef | bytes = lane.seal(slot, sequence, data.length)
            else:
                pixels = self._read(structs.replace(image, o="top")) if image.f in pictures.CHANNELS else None
                placed = bytes(self.payload(image)) if pixels is None else self._place(pixels, flip=False)
            return {"w": image.w, "h": image.h, "f": image.f, "o": image.o, "d": placed}

    def rgb(self, image: WireImage) -> Image:
        """The picture as (H, W, 3) uint8 sRGB, top row first. Raises `BadRequest`, `TooLarge`."""
        with self.timed("decode"):
            return pictures.to_rgb(self._read(image))

    def rgba(self, image: WireImage) -> Image:
        """The picture as (H, W, 4) uint8 sRGB with straight alpha, top row first."""
        with self.timed("decode"):
            return pictures.to_rgba(self._read(image))

    def _read(self, image: WireImage) -> Image:
        if isinstance(image.d, ShmRef) and image.f not in pictures.CHANNELS:
            raise BadRequest("Only raw pictures travel in shared memory; send encoded ones inline.")
        return pictures.read(image, lambda: self.payload(image), max_px=self._image_px)

    def image(self, pixels: Image, want: Want) -> dict[str, Any]:
        """Puts a result picture on the wire as `want` says: raw into a granted slot where one fits, else inline.

        `pixels`: (H, W) or (H, W, 1|3|4) uint8, top row first.
        """
        with self.timed("encode"):
            height, width = pixels.shape[:2]
            if want.f not in pictures.CHANNELS:
                data = pictures.encode(pixels, want.f)
                return {"w": width, "h": height, "f": want.f, "o": "top", "d": data}
            shaped = pictures.with_channels(pixels, pictures.CHANNELS[want.f])
            placed = self._place(shaped, flip=want.o == "bottom")
            return {"w": width, "h": height, "f": want.f, "o": want.o, "d": placed}

    def _place(self, pixels: Image, *, flip: bool) -> ShmRef | bytes:
        rows = pixels[::-1] if flip else pixels
        lane = self._lane() if self._grants else None
        if lane is None or pixels.nbytes > lane.capacity:
            return rows.tobytes()
        slot, sequence = self._grants.pop(0)
        target = np.frombuffer(lane.payload(slot, pixels.nbytes), np.uint8).reshape(pixels.shape)
        np.copyto(target, rows)
        self.used.append(slot)
        return lane.seal(slot, sequence, pixels.nbytes)


def wanted(want: Want | None, image: WireImage) -> Want:
    """The form of result pictures: what was asked for, else that of the first raw input, else png."""
    if want is not None:
        return want
    if image.f in pictures.CHANNELS:
        return Want(f="rgb8" if image.f == "r8" else image.f, o=image.o)
    return Want(f="png", o="top")
