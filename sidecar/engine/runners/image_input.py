"""A picture as the tensor that a graph takes, and what a graph says about that tensor back on the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..runner_specs import Preprocessing

MAX_PIXELS = 64_000_000
MAX_SIDE = 16_384
_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rect:
    """A rectangle in whole pixels, origin top left."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Placed:
    """A picture as a tensor [1, height, width, channels] or [1, channels, height, width].

    `size` is the picture's width and height. `seen` is the part of it that the tensor shows, `shown` is where in the
    tensor that is; the rest of the tensor is padding.
    """

    tensor: Floats
    size: tuple[int, int]
    seen: Rect
    shown: Rect

    def to_picture(self, points: NDArray[np.floating]) -> Floats:
        """Points [..., 2], x and y in pixels of the tensor, in pixels of the picture. Pixel edges, not centres."""
        scale = np.array([self.seen.width / self.shown.width, self.seen.height / self.shown.height])
        moved = (points - [self.shown.x, self.shown.y]) * scale + [self.seen.x, self.seen.y]
        return np.asarray(moved, np.float32)

    def on_picture(self, values: Floats, *, outside: float = 0.0) -> Floats:
        """Values [height, width] or [height, width, channels] of the tensor's pixels, at the picture's size.

        What the tensor did not show is `outside`.
        """
        box, (width, height) = self.shown, self.size
        inner = values[box.y : box.y + box.height, box.x : box.x + box.width]
        if (self.seen.width, self.seen.height) != (box.width, box.height):
            shrinks = self.seen.width * self.seen.height < box.width * box.height
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            inner = np.asarray(cv2.resize(inner, (self.seen.width, self.seen.height), interpolation=method))
        if (self.seen.width, self.seen.height) == (width, height):
            return np.ascontiguousarray(inner, np.float32)
        whole = np.full((height, width, *values.shape[2:]), outside, np.float32)
        whole[self.seen.y : self.seen.y + self.seen.height, self.seen.x : self.seen.x + self.seen.width] = inner
        return whole


def to_tensor(picture: Pixels, spec: Preprocessing, *, longest_side: int | None = None) -> Placed:
    """`picture` (uint8 [height, width, 3], RGB) as the input that `spec` describes, float32.

    `longest_side` bounds a picture whose size the graph leaves free; it is shrunk to it, never enlarged. Raises
    `ValueError` for anything that is not such a picture, or where a `crop` is not of the graph's shape.
    """
    check(picture)
    height, width = picture.shape[:2]
    seen, inner, whole, shown = _layout(width, height, spec, longest_side)
    part = picture[seen.y : seen.y + seen.height, seen.x : seen.x + seen.width]
    resized = resize(part, inner[0], inner[1], spec.resample)
    cut = _middle(resized, shown.width, shown.height)
    if (cut.shape[1], cut.shape[0]) != inner:
        seen = _inner_part(seen, inner, (shown.width, shown.height))
    values = _levels(cut, spec)
    if whole != (shown.width, shown.height):
        values = _padded(values, whole, shown, spec)
    values = values[None] if spec.layout == "nhwc" else np.ascontiguousarray(values.transpose(2, 0, 1))[None]
    return Placed(values, (width, height), seen, shown)


def check(picture: NDArray[np.generic]) -> None:
    """Raises `ValueError` unless it is a picture: uint8 [height, width, 3], of bounded size and not empty."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"A picture is uint8 [height, width, 3], not {picture.dtype} {list(picture.shape)}.")
    if not picture.size or max(picture.shape[:2]) > MAX_SIDE or picture.shape[0] * picture.shape[1] > MAX_PIXELS:
        raise ValueError(f"A picture has 1 to {MAX_PIXELS // 10**6} million pixels, {MAX_SIDE} a side at most.")


def resize(picture: Pixels, width: int, height: int, resample: str = "bilinear") -> Pixels:
    """The picture at another size, by the filter that `Preprocessing.resample` names."""
    if picture.shape[:2] == (height, width):
        return picture
    if resample == "sampled":
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((width, height), _FILTERS[resample]), np.uint8)


def _layout(
    width: int, height: int, spec: Preprocessing, longest_side: int | None
) -> tuple[Rect, tuple[int, int], tuple[int, int], Rect]:
    """What of the picture is seen, the size it is brought to, the tensor's size, and where in that it lies."""
    everything = Rect(0, 0, width, height)
    target = _target(width, height, spec, longest_side)
    if spec.fit == "contain":
        scale = min(target[0] / width, target[1] / height)
        free = spec.width is None or spec.height is None
        inner = _shrunk(width, height, longest_side) if free else _by(width, height, scale)
        x, y = (target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2
        return everything, inner, target, Rect(x, y, *inner)
    whole = Rect(0, 0, *target)
    inner = spec.resized or target
    if spec.fit == "cover":
        scale = max(inner[0] / width, inner[1] / height)
        inner = max(inner[0], round(width * scale)), max(inner[1], round(height * scale))
    if spec.fit == "crop" and abs(width * target[1] - height * target[0]) > max(target):
        raise ValueError(f"A crop of {width}x{height} has not the shape of {target[0]}x{target[1]}.")
    if inner[0] < target[0] or inner[1] < target[1]:
        raise ValueError("The size before cutting is smaller than the input.")
    return everything, inner, target, whole


def _target(width: int, height: int, spec: Preprocessing, longest_side: int | None) -> tuple[int, int]:
    """The tensor's width and height; free sides become the nearest multiple, or the next one where there is padding."""
    if spec.width is not None and spec.height is not None:
        return spec.width, spec.height
    shrunk = _shrunk(width, height, longest_side)
    step = spec.multiple
    if spec.fit == "contain":
        return -(-shrunk[0] // step) * step, -(-shrunk[1] // step) * step
    return max(step, round(shrunk[0] / step) * step), max(step, round(shrunk[1] / step) * step)


def _shrunk(width: int, height: int, longest_side: int | None) -> tuple[int, int]:
    return _by(width, height, 1.0 if longest_side is None else min(1.0, longest_side / max(width, height)))


def _by(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))


def _middle(picture: Pixels, width: int, height: int) -> Pixels:
    y, x = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[y : y + height, x : x + width]


def _inner_part(seen: Rect, inner: tuple[int, int], cut: tuple[int, int]) -> Rect:
    """The part of the picture that is left when the middle `cut` of `inner` was taken, to the nearest pixel."""
    scale_x, scale_y = seen.width / inner[0], seen.height / inner[1]
    x = seen.x + round((inner[0] - cut[0]) // 2 * scale_x)
    y = seen.y + round((inner[1] - cut[1]) // 2 * scale_y)
    width, height = max(1, round(cut[0] * scale_x)), max(1, round(cut[1] * scale_y))
    return Rect(x, y, min(width, seen.x + seen.width - x), min(height, seen.y + seen.height - y))


def _levels(picture: Pixels, spec: Preprocessing) -> Floats:
    """Bytes to the spec's range, colours in its order: [height, width, channels]."""
    if spec.colour == "grey":
        grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
        picture = np.asarray(grey, np.uint8)[..., None]
    elif spec.colour == "bgr":
        picture = picture[..., ::-1]
    channels = picture.shape[2]
    mean = np.broadcast_to(np.array(spec.mean or 0.0), channels)
    std = np.broadcast_to(np.array(spec.std or 1.0), channels)
    table = spec.low + np.arange(256)[:, None] / 255.0 * (spec.high - spec.low)
    levels = ((table - mean) / std).astype(np.float32)
    return np.stack([levels[:, channel][picture[..., channel]] for channel in range(channels)], axis=-1)


def _padded(values: Floats, size: tuple[int, int], shown: Rect, spec: Preprocessing) -> Floats:
    width, height = size
    around = (shown.y, height - shown.y - shown.height, shown.x, width - shown.x - shown.width)
    if spec.pad == "mirror":  # NumPy repeats the mirror where the padding is wider than the picture
        return np.pad(values, ((*around[:2],), (*around[2:],), (0, 0)), mode="symmetric")
    mean, std = np.array(spec.mean or 0.0), np.array(spec.std or 1.0)
    whole = np.empty((height, width, values.shape[2]), np.float32)
    whole[:] = (spec.low - mean) / std
    whole[shown.y : shown.y + shown.height, shown.x : shown.x + shown.width] = values
    return whole
