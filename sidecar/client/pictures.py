"""Pictures between numpy and the wire, on the client's side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..errors import BadRequest, Internal
from ..wire.messages import ShmRef, Timing

RAW_CHANNELS = {"r8": 1, "rgb8": 3, "rgba8": 4}
RAW_FORMATS = {channels: name for name, channels in RAW_CHANNELS.items()}
ENCODED = frozenset({"jpeg", "png", "webp"})
KEYS = frozenset({"w", "h", "f", "o", "d"})
Pixels = NDArray[np.uint8]


class Picture(Struct, frozen=True):
    """A picture of a result: `f` `rgb8` `rgba8` `r8` `jpeg` `png` `webp`, `o` `top`|`bottom` as it was sent.

    `data` holds the bytes as sent, in private memory: uint8, flat.
    """

    w: int
    h: int
    f: str
    o: str
    data: Pixels

    @property
    def pixels(self) -> Pixels:
        """(H, W, C) uint8, sRGB, straight alpha, top row first; a view, nothing is copied.

        Raises `BadRequest` for an encoded picture: ask for raw pixels with `want`.
        """
        channels = RAW_CHANNELS.get(self.f)
        if channels is None:
            raise BadRequest(f"The picture is {self.f}; ask for pixels with want={{'f': 'rgb8', 'o': 'top'}}.")
        rows = self.data.reshape(self.h, self.w, channels)
        return rows[::-1] if self.o == "bottom" else rows

    def __bytes__(self) -> bytes:
        return self.data.tobytes()


class Result(Struct, frozen=True):
    """What a call answered: `d` with its pictures as `Picture`, `tm` milliseconds, `n` of a part (None for the end)."""

    d: dict[str, Any]
    tm: Timing
    n: int | None = None

    def __getitem__(self, name: str) -> Any:
        return self.d[name]


def to_wire(value: object, place: Callable[[Pixels], ShmRef | bytes]) -> Any:
    """Replaces every array (H, W, 1|3|4) or (H, W) of uint8, top row first, by a picture of the wire.

    `place` says where its bytes go. Raises `BadRequest` for an array that is no picture.
    """
    kind = type(value)
    if kind is dict:
        return {name: to_wire(item, place) for name, item in value.items()}  # type: ignore[attr-defined]
    if kind is list or kind is tuple:
        return [to_wire(item, place) for item in value]  # type: ignore[attr-defined]
    if isinstance(value, np.ndarray):
        return _image(value, place)
    return value


def has_pixels(value: object) -> bool:
    """Whether there is an array anywhere in the arguments."""
    if isinstance(value, (dict, list, tuple)):
        return any(has_pixels(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, np.ndarray)


def _image(array: NDArray[Any], place: Callable[[Pixels], ShmRef | bytes]) -> dict[str, Any]:
    shape = array.shape if array.ndim == 3 else (*array.shape, 1)
    if array.dtype != np.uint8 or len(shape) != 3 or shape[2] not in RAW_FORMATS or not array.size:
        raise BadRequest(f"A picture is (H, W, 1, 3 or 4) of uint8, not {array.shape} of {array.dtype}.")
    return {"w": shape[1], "h": shape[0], "f": RAW_FORMATS[shape[2]], "o": "top", "d": place(array)}


def from_wire(value: object, take: Callable[[ShmRef], Pixels]) -> Any:
    """Replaces every picture of a result by a `Picture`; `take` copies shared pixels out. Raises `Internal`."""
    kind = type(value)
    if kind is dict:
        if value.keys() == KEYS and type(value["d"]) in (bytes, ShmRef):  # type: ignore[attr-defined,index]
            return _picture(value, take)  # type: ignore[arg-type]
        return {name: from_wire(item, take) for name, item in value.items()}  # type: ignore[attr-defined]
    if kind is list:
        return [from_wire(item, take) for item in value]  # type: ignore[attr-defined]
    if kind is ShmRef:
        raise Internal("The server put a shared-memory reference where no picture is; report this.")
    return value


def _picture(value: dict[str, Any], take: Callable[[ShmRef], Pixels]) -> Picture | dict[str, Any]:
    w, h, f, o, d = value["w"], value["h"], value["f"], value["o"], value["d"]
    shared = type(d) is ShmRef
    known = f in RAW_CHANNELS or (f in ENCODED and not shared) if type(f) is str else False
    if not known or type(w) is not int or type(h) is not int or o not in ("top", "bottom"):
        if shared:
            raise Internal("The server sent a picture in shared memory without a form; report this.")
        return value  # an echo may look like a picture without being one
    if f in RAW_CHANNELS and (w <= 0 or h <= 0 or w * h * RAW_CHANNELS[f] != (d.length if shared else len(d))):
        raise Internal("The server sent a picture whose length does not fit its size; report this.")
    return Picture(w, h, f, o, take(d) if shared else np.frombuffer(d, np.uint8))


def refs_in(value: object) -> list[ShmRef]:
    """The shared-memory references of a result that nobody will read."""
    kind = type(value)
    if kind is dict:
        return [ref for item in value.values() for ref in refs_in(item)]  # type: ignore[attr-defined]
    if kind is list:
        return [ref for item in value for ref in refs_in(item)]  # type: ignore[attr-defined]
    return [value] if isinstance(value, ShmRef) else []
