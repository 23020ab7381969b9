"""Pictures between the wire and numpy: sizes are checked before anything is decoded or allocated."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import BadRequest, TooLarge
from ..wire.ops import WireImage

CHANNELS = {"rgb8": 3, "rgba8": 4, "r8": 1}
# A progressive picture has about ten scans; thousands of empty ones take minutes to decode and a few bytes to send.
MAX_SCANS = 64
_START_OF_SCAN = b"\xff\xda"
_PIL_FORMAT = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
_ENCODING: dict[str, tuple[str, list[int]]] = {
    "jpeg": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 90]),
    "png": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 3]),
    "webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 90]),
}

Pixels = NDArray[np.uint8]


def read(image: WireImage, payload: Callable[[], memoryview], *, max_px: int) -> Pixels:
    """The picture as (H, W, C) uint8, top row first, C = 1, 3 or 4. Raises `BadRequest` or `TooLarge`.

    `payload` is only called once the announced size is known to be allowed. Raw results may be a view of the payload.
    """
    if image.f in CHANNELS:
        check_raw(image, max_px=max_px)
        return _read_raw(image, payload)
    if image.w * image.h > max_px:
        raise TooLarge(f"The picture has more than {max_px} pixels; send a smaller one.")
    return _decode(payload(), image.f, max_px=max_px)


def check_raw(image: WireImage, *, max_px: int) -> None:
    """A raw picture's sizes fit the limit and each other. Raises `BadRequest` or `TooLarge`."""
    if image.f not in CHANNELS:
        raise BadRequest("Only raw pictures travel in shared memory; send encoded ones inline.")
    if image.w * image.h > max_px:
        raise TooLarge(f"The picture has more than {max_px} pixels; send a smaller one.")
    if image.w == 0 or image.h == 0:
        raise BadRequest("A raw picture needs w and h.")
    expected = image.w * image.h * CHANNELS[image.f]
    length = len(image.d) if isinstance(image.d, bytes) else getattr(image.d, "length", None)
    if length is not None and length != expected:
        raise BadRequest(f"A {image.f} picture of {image.w}x{image.h} has {expected} bytes, not {length}.")


def _read_raw(image: WireImage, payload: Callable[[], memoryview]) -> Pixels:
    pixels = np.frombuffer(payload(), np.uint8).reshape(image.h, image.w, CHANNELS[image.f])
    return np.ascontiguousarray(pixels[::-1]) if image.o == "bottom" else pixels


def _decode(data: memoryview, form: str, *, max_px: int) -> Pixels:
    """Decodes jpeg, png or webp, upright by EXIF; the header's size is checked before any pixel is touched."""
    if form == "jpeg" and bytes(data).count(_START_OF_SCAN) > MAX_SCANS:
        raise BadRequest("The jpeg picture has too many scans; save it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit comes first
            with Image.open(io.BytesIO(data), formats=[_PIL_FORMAT[form]]) as picture:
                if picture.width * picture.height > max_px:
                    raise TooLarge(f"The picture has more than {max_px} pixels; send a smaller one.")
                upright = ImageOps.exif_transpose(picture)
                mode = "RGBA" if upright.has_transparency_data else "RGB"
                return np.array(upright.convert(mode), np.uint8)
    except (TooLarge, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("The picture is larger than this server takes; send a smaller one.") from error
    except UnidentifiedImageError as error:
        raise BadRequest(f"The picture is not a {form} file.") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError) as error:
        raise BadRequest(f"The {form} picture is damaged or cut short.") from error


def to_rgb(pixels: Pixels) -> Pixels:
    """(H, W, 3) of any picture; alpha is dropped, grey is repeated."""
    if pixels.shape[2] == 3:
        return pixels
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def within(pixels: Pixels, side: int) -> Pixels:
    """(h, w, C) with no side longer than `side` pixels, its shape kept; as it was where it fits or `side` is 0."""
    height, width = pixels.shape[:2]
    if side <= 0 or max(height, width) <= side:
        return pixels
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def to_rgba(pixels: Pixels) -> Pixels:
    """(H, W, 4) of any picture; opaque where it had no alpha."""
    if pixels.shape[2] == 4:
        return pixels
    opaque = np.full(pixels.shape[:2], 255, np.uint8)
    return np.dstack([to_rgb(pixels), opaque])


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """(H, W, channels) of a result: alpha added opaque or dropped, grey from luma."""
    shaped: Any = pixels if pixels.ndim == 3 else pixels[..., None]
    have = shaped.shape[2]
    if have == channels:
        return shaped  # type: ignore[no-any-return]
    if channels == 1:
        return cv2.cvtColor(to_rgb(shaped), cv2.COLOR_RGB2GRAY)[..., None]  # type: ignore[return-value]
    return to_rgb(shaped) if channels == 3 else to_rgba(shaped)


def encode(pixels: Pixels, form: str) -> bytes:
    """Encodes (H, W), (H, W, 1|3|4) RGB(A) pixels as jpeg, png or webp; jpeg drops alpha."""
    shaped: Any = pixels if pixels.ndim == 3 else pixels[..., None]
    if shaped.shape[2] == 4:
        shaped = cv2.cvtColor(shaped, cv2.COLOR_RGBA2BGR if form == "jpeg" else cv2.COLOR_RGBA2BGRA)
    elif shaped.shape[2] == 3:
        shaped = cv2.cvtColor(shaped, cv2.COLOR_RGB2BGR)
    suffix, options = _ENCODING[form]
    ok, data = cv2.imencode(suffix, shaped, options)
    if not ok:
        raise TooLarge(f"The result cannot be written as {form}; ask for png or raw pixels.")
    return data.tobytes()
