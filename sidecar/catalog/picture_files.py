"""Picture files: checked by size and header before a pixel is decoded, turned upright, and written anew."""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 40_000_000
MAX_SIDE = 2048
"""Larger pictures are made smaller: a shop window needs no more, and try-on works at 640."""
MIN_SIDE = 8
MAX_SCANS = 64  # a progressive picture has about ten; thousands of empty ones take minutes to decode
_FORMATS = ("JPEG", "PNG", "WEBP")
_TOO_LARGE = f"the picture has more than {MAX_PIXELS // 10**6} million pixels"
_QUALITY = 90
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00]")
_MAX_PROFILE_BYTES = 2**20

Pixels = NDArray[np.uint8]


class BadPicture(ValueError):
    """The file is no picture that the catalogue takes; the message says why."""


def canonical(data: bytes) -> tuple[bytes, str]:
    """The picture as the catalogue keeps it, and the suffix of its name. The result put in again comes out the same.

    JPEG loses a little each time it is written, so a file is kept as it is if all of it but the picture itself is byte
    for byte what our encoder writes: no metadata, no foreign tables, nothing behind its end. Raises `BadPicture`.
    """
    with _opened(data) as picture:
        upright = _upright(picture)
        if upright.has_transparency_data:
            return png(np.array(_shrunk(upright.convert("RGBA")), np.uint8)), "png"
        own = picture.format == "JPEG" and _is_ours(data, *picture.size)
        return (data if own and max(picture.size) <= MAX_SIDE else _jpeg(_shrunk(upright.convert("RGB")))), "jpg"


def grey(data: bytes) -> Pixels:
    """(H, W) of a grey picture file, or the first channel of one in colour. Raises `BadPicture`."""
    with _opened(data) as picture:
        if max(picture.size) > MAX_SIDE:
            raise BadPicture(f"a part map has no side longer than {MAX_SIDE} pixels")
        pixels = np.array(picture if picture.mode == "L" else picture.convert("RGB"), np.uint8)
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 0])


def pixels(data: bytes) -> Pixels:
    """(H, W) of a grey picture file, (H, W, 4) RGBA of others. Raises `BadPicture`."""
    with _opened(data) as picture:
        return np.array(picture if picture.mode == "L" else picture.convert("RGBA"), np.uint8)


def size(data: bytes) -> tuple[int, int]:
    """Width and height. Raises `BadPicture`."""
    with _opened(data) as picture:
        return picture.size


def png(pixels: Pixels) -> bytes:
    """A PNG file of (H, W) or (H, W, 3 or 4); the colour behind full transparency is kept."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", compress_level=6)
    return target.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """A decoded picture; every fault of its file, also one that shows later in the block, becomes a `BadPicture`."""
    if len(data) > MAX_BYTES:
        raise BadPicture(f"the file is larger than {MAX_BYTES // 2**20} MiB")
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
        raise BadPicture("the JPEG has too many scans; save it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit comes first
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                _check_size(picture)
                picture.load()
                yield picture
    except (BadPicture, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise BadPicture(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise BadPicture("the file is no JPEG, PNG or WebP picture") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, struct.error) as error:
        raise BadPicture("the picture is damaged or cut short") from error


def _check_size(picture: Image.Image) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise BadPicture(_TOO_LARGE)
    if min(picture.size) < MIN_SIDE:
        raise BadPicture(f"the picture is smaller than {MIN_SIDE} pixels")


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF says, its colours brought to sRGB."""
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    if not isinstance(profile, bytes) or len(profile) > _MAX_PROFILE_BYTES or upright.mode not in ("RGB", "CMYK"):
        return upright
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(upright, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return upright  # a broken profile says nothing about the picture
    return turned if turned is not None else upright


def _shrunk(picture: Image.Image) -> Image.Image:
    if max(picture.size) <= MAX_SIDE:
        return picture
    scale = MAX_SIDE / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _jpeg(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    bare = Image.frombytes("RGB", picture.size, picture.tobytes())  # leaves metadata behind
    bare.save(target, "JPEG", quality=_QUALITY, subsampling=0)
    return target.getvalue()


@lru_cache(maxsize=64)
def _head(width: int, height: int) -> bytes:
    """Everything that our encoder writes before the picture itself."""
    blank = _jpeg(Image.new("RGB", (width, height)))
    scan = blank.rindex(b"\xff\xda")
    return blank[: scan + 2 + int.from_bytes(blank[scan + 2 : scan + 4], "big")]


def _is_ours(data: bytes, width: int, height: int) -> bool:
    if not data.endswith(_END) or max(width, height) > MAX_SIDE:
        return False
    head = _head(width, height)
    return data.startswith(head) and _MARKER.search(data, len(head), len(data) - len(_END)) is None
