"""The demo's picture files: a contact sheet of before and after, and an animation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct
from PIL import Image, ImageDraw, ImageFont

from .frames import Pixels

CELL = (320, 240)
SMALL = (480, 360)
CAPTION = 26
COLUMNS = 4
MOST_BYTES = 5_000_000
QUALITIES = (80, 60, 40, 20)


class Kept(Struct, frozen=True):
    """A frame and its answer: `look` is the row of the sheet, pictures are (H, W, 3) uint8 sRGB."""

    look: int
    before: Pixels
    after: Pixels


def small(pixels: Pixels) -> Pixels:
    """A copy for the animation."""
    scaled: Pixels = cv2.resize(pixels, SMALL, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return scaled


def captioned(pixels: Pixels, text: str) -> Pixels:
    """The picture with a line of text on a dark strip below it."""
    height, width = pixels.shape[:2]
    framed = Image.new("RGB", (width, height + CAPTION), (24, 24, 28))
    framed.paste(Image.fromarray(pixels), (0, 0))
    ImageDraw.Draw(framed).text((8, height + 6), text, fill=(235, 235, 235), font=ImageFont.load_default(13))
    return np.asarray(framed)


def contact_sheet(titles: Sequence[str], kept: Sequence[Kept]) -> Pixels:
    """One row a look: the frame that was sent, then what came back for it and for two later frames."""
    rows = [_row(title, [item for item in kept if item.look == look]) for look, title in enumerate(titles)]
    return np.vstack(rows)


def _row(title: str, kept: list[Kept]) -> Pixels:
    cells = [captioned(np.zeros((CELL[1], CELL[0], 3), np.uint8), f"{title}: nothing came back")]
    if kept:
        shown = kept[-(COLUMNS - 1) :]
        cells = [_cell(shown[0].before, "camera frame"), *(_cell(item.after, title) for item in shown)]
    blank = np.full_like(cells[0], 24)
    return np.hstack(cells + [blank] * (COLUMNS - len(cells)))


def _cell(pixels: Pixels, text: str) -> Pixels:
    scaled: Pixels = cv2.resize(pixels, CELL, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return captioned(scaled, text)


def write_contact_sheet(path: Path, titles: Sequence[str], kept: Sequence[Kept]) -> None:
    """Writes the sheet as PNG. Raises `OSError`."""
    Image.fromarray(contact_sheet(titles, kept)).save(path)


def write_animation(path: Path, frames: Sequence[Pixels], *, fps: float) -> None:
    """Writes an endless WebP of at most 5 MB: lower quality, then fewer frames, until it fits. Raises `OSError`."""
    chosen = list(frames)
    while True:
        for quality in QUALITIES:
            data = _webp(chosen, duration_ms=round(1000 / fps * len(frames) / len(chosen)), quality=quality)
            if len(data) <= MOST_BYTES or (quality == QUALITIES[-1] and len(chosen) < 4):
                path.write_bytes(data)
                return
        chosen = chosen[::2]


def _webp(frames: list[Pixels], *, duration_ms: int, quality: int) -> bytes:
    first, *rest = [Image.fromarray(pixels) for pixels in frames]
    file = io.BytesIO()
    first.save(
        file, "WEBP", save_all=True, append_images=rest, duration=duration_ms, loop=0, quality=quality, method=2
    )
    return file.getvalue()
