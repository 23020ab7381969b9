"""Pieces of a picture with straight alpha, and how they are laid over a frame or gathered into an overlay."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .arrays import Mask, Rgb, Rgba


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


def clipped(x0: float, y0: float, x1: float, y1: float, width: int, height: int) -> tuple[int, int, int, int] | None:
    """The whole-pixel box (x, y, w, h) around the corners, inside the frame; None where nothing of it is."""
    left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    right, bottom = min(width, int(np.ceil(x1)) + 1), min(height, int(np.ceil(y1)) + 1)
    return None if right - left < 2 or bottom - top < 2 else (left, top, right - left, bottom - top)
