"""Pieces of a picture with straight alpha, and how they are laid over a frame or gathered into an overlay."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .arrays import Mask, Points, Rgb, Rgba

_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Patch:
    """`rgb` (h, w, 3) and `alpha` (h, w) whose top left pixel lies at (`x`, `y`), all inside the frame."""

    x: int
    y: int
    rgb: Rgb
    alpha: Mask

    @property
    def region(self) -> tuple[slice, slice]:
        """The rows and columns of the frame that the patch covers."""
        height, width = self.alpha.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)


def pyramid(picture: Rgba) -> tuple[Rgba, ...]:
    """A picture at full, half, quarter and eighth size."""
    levels = [picture]
    for _ in range(_LEVELS - 1):
        size = max(1, levels[-1].shape[1] // 2), max(1, levels[-1].shape[0] // 2)
        levels.append(np.asarray(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA), np.uint8))
    return tuple(levels)


def level_for(shrink: float) -> int:
    """Which level to sample a picture from that is drawn `shrink` times smaller, so that no pixels are skipped."""
    return int(np.clip(np.floor(np.log2(max(shrink, 1.0)) + 0.35), 0, _LEVELS - 1))


def of_rgba(x: int, y: int, picture: Rgba) -> Patch:
    """A patch of an RGBA picture (h, w, 4)."""
    rgb = cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB)
    return Patch(x, y, np.asarray(rgb, np.uint8), np.asarray(cv2.extractChannel(picture, 3), np.uint8))


def blend(frame: Rgb, patch: Patch) -> None:
    """Lays a patch over a frame in place; where its alpha is 0 not a bit changes."""
    target = frame[patch.region]
    alpha = cv2.merge((patch.alpha, patch.alpha, patch.alpha))
    over = cv2.multiply(patch.rgb, alpha, scale=1 / 255)
    under = cv2.multiply(target, cv2.bitwise_not(alpha), scale=1 / 255)
    cv2.add(over, under, dst=over)
    np.copyto(target, over)


def gather(overlay: Rgba, patch: Patch) -> None:
    """Lays a patch over an RGBA overlay in place, straight alpha both."""
    target = overlay[patch.region]
    top = patch.alpha.astype(np.float32) * (1 / 255)
    bottom = target[..., 3].astype(np.float32) * (1 / 255) * (1 - top)
    total = top + bottom
    share = (top / np.maximum(total, 1e-6))[..., None]
    colour = patch.rgb * share + target[..., :3] * (1 - share)
    shown = total > 0
    target[..., :3] = np.where(shown[..., None], np.rint(colour), 0)
    target[..., 3] = np.rint(total * 255)


Box = tuple[int, int, int, int]
"""x, y, width and height in whole pixels."""


def clipped(points: Points, width: int, height: int, *, margin: int = 0) -> Box | None:
    """The box around points (N, 2) inside the frame; None where nothing of it is."""
    low, high = np.floor(points.min(axis=0)) - margin, np.ceil(points.max(axis=0)) + margin + 1
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(width, int(high[0])), min(height, int(high[1]))
    return None if right - left < 2 or bottom - top < 2 else (left, top, right - left, bottom - top)
