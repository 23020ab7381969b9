"""Where the demo's frames come from: a portrait that moves like a person before a camera, or a real camera."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 480
MOST_FILE_BYTES = 64 * 2**20
MOST_PIXELS = 64_000_000
FACE_HEIGHT = 0.38  # of a portrait, where the turning point of head and shoulders lies


class BadSource(RuntimeError):
    """The picture or the camera cannot be used; the message says what to do."""


class Source(Protocol):
    """Gives frames of (480, 640, 3) uint8 sRGB, top row first."""

    def frame(self, t_s: float) -> Pixels:
        """The frame `t_s` seconds after the start; may wait for a camera. Raises `BadSource`."""

    def close(self) -> None:
        """Lets the camera go."""


class Portrait:
    """A still picture, moved +-24 px, scaled 0.99..1.11 times, rotated +-6 degrees, dimmed 72..100 %, all smoothly."""

    def __init__(self, picture: Pixels) -> None:
        height, width = picture.shape[:2]
        self._picture = picture
        self._cover = max(WIDTH / width, HEIGHT / height)
        half = HEIGHT / self._cover / 2
        self._pivot = (width / 2, min(max(FACE_HEIGHT * height, half), height - half))

    def frame(self, t_s: float) -> Pixels:
        """The portrait as it stands at `t_s`; the same time gives the same picture."""
        turn = 2 * math.pi * t_s
        scale = self._cover * (1.05 + 0.06 * math.sin(0.17 * turn))
        matrix = cv2.getRotationMatrix2D(self._pivot, 6.0 * math.sin(0.21 * turn), scale)
        matrix[0, 2] += WIDTH / 2 - self._pivot[0] + 24 * math.sin(0.23 * turn)
        matrix[1, 2] += HEIGHT / 2 - self._pivot[1] + 12 * math.sin(0.31 * turn)
        moved = cv2.warpAffine(
            self._picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        light = 0.86 + 0.14 * math.cos(0.13 * turn)
        dimmed: Pixels = cv2.convertScaleAbs(moved, alpha=light)  # type: ignore[assignment]
        return dimmed

    def close(self) -> None:
        """Nothing to let go."""


class Camera:
    """The `number`-th camera; its frames are cut to 4:3 and scaled."""

    def __init__(self, number: int) -> None:
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise BadSource(f"Camera {number} cannot be opened; check that no other program has it.")
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)

    def frame(self, t_s: float) -> Pixels:
        """The camera's next frame, whatever `t_s` is."""
        read, picture = self._capture.read()
        if not read:
            raise BadSource("The camera gives no more pictures; check its cable.")
        return fitted(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]

    def close(self) -> None:
        """Lets the camera go."""
        self._capture.release()


def sample_portrait() -> Portrait:
    """The portrait that ships with the project."""
    data = (resources.files("sidecar.catalog") / "portrait" / "astronaut.png").read_bytes()
    return Portrait(_decoded(data, "the shipped portrait"))


def portrait_from(path: Path) -> Portrait:
    """A picture file of the user's. Raises `BadSource`."""
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise BadSource(f"{path} is larger than {MOST_FILE_BYTES >> 20} MiB; use a smaller picture.")
        return Portrait(_decoded(path.read_bytes(), str(path)))
    except OSError as error:
        raise BadSource(f"{path} cannot be read: {error.strerror}.") from error


def fitted(picture: Pixels) -> Pixels:
    """(480, 640, 3): the middle 4:3 of a picture, scaled."""
    height, width = picture.shape[:2]
    wide = min(width, height * WIDTH // HEIGHT)
    high = min(height, width * HEIGHT // WIDTH)
    top, left = (height - high) // 2, (width - wide) // 2
    scaled: Pixels = cv2.resize(  # type: ignore[assignment]
        picture[top : top + high, left : left + wide], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
    )
    return scaled


def _decoded(data: bytes, name: str) -> Pixels:
    """(H, W, 3) sRGB, upright by EXIF; the header is read before any pixel is."""
    import io

    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as picture:
            if picture.width * picture.height > MOST_PIXELS or min(picture.size) < 64:
                raise BadSource(f"{name} is {picture.width}x{picture.height}; use a photo from 64 px to 64 megapixels.")
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"), np.uint8)
    except UnidentifiedImageError as error:
        raise BadSource(f"{name} is not a PNG, JPEG or WebP picture.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise BadSource(f"{name} is damaged or cut short.") from error
