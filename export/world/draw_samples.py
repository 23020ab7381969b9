"""Draws the four sample products: pictures with alpha, part masks, and nothing else.

Run as `python -m export.world.draw_samples OUT`. Everything is drawn from curves at twice the size and
reduced; the same numpy and OpenCV give the same pixels. Picture coordinates are pixels from the top left corner.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .garment_drawing import draw_sweatshirt, draw_tee
from .glasses_drawing import draw_clear_glasses, draw_sunglasses

Image = NDArray[np.uint8]


def draw_all() -> dict[str, Image]:
    """File name to picture: RGBA products and temples, RGB part maps (torso and sleeve bits, base fabric coverage)."""
    tee, tee_parts = draw_tee()
    sweatshirt, sweatshirt_parts = draw_sweatshirt()
    clear, clear_temple = draw_clear_glasses()
    dark, dark_temple = draw_sunglasses()
    return {
        "sample-top-1.png": tee,
        "sample-top-1.parts.png": tee_parts,
        "sample-top-2.png": sweatshirt,
        "sample-top-2.parts.png": sweatshirt_parts,
        "sample-glasses-1.png": clear,
        "sample-glasses-1.temple.png": clear_temple,
        "sample-glasses-2.png": dark,
        "sample-glasses-2.temple.png": dark_temple,
    }


def write(name: str, picture: Image, folder: Path) -> None:
    """Writes one PNG. Raises `OSError` where it cannot."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, code), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise OSError(f"cannot encode {name}")
    (folder / name).write_bytes(data.tobytes())


def main(argv: Sequence[str] | None = None) -> int:
    """Draws into the folder given."""
    parser = argparse.ArgumentParser(description="Draw the sample products.")
    parser.add_argument("out", type=Path)
    folder: Path = parser.parse_args(argv).out
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in draw_all().items():
        write(name, picture, folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
