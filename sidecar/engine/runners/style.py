"""A picture in another picture's style, or in one that the pack brings along.

Any picture as a style: Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network". The pack's own styles: Dumoulin et al. 2017, "A learned representation for artistic style".
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from ..runner_specs import ImageStyle
from .graph import Graph
from .image_input import Floats, Pixels, Placed, check, resize, to_tensor

KEPT_STYLES = 32
MIN_SIDE = 32
LONGEST_SIDE = 1024


class Styler:
    """Applies styles. `graphs` are the pack's: `style` and `transfer`, and `presets` where it has styles of its own.

    Pictures are uint8 [height, width, 3], RGB; results have the picture's size. `strength` is 0..1. `keep_colours`
    takes only lightness from the style, so that a product keeps its colour. Everything raises `ValueError` for what is
    no picture or too small a one; a cancelled run's exception comes through.
    """

    def __init__(self, spec: ImageStyle, graphs: Mapping[str, Graph]) -> None:
        self._spec = spec
        self._graphs = graphs
        self._vectors: OrderedDict[bytes, Floats] = OrderedDict()

    def vector(self, picture: Pixels) -> Floats:
        """The style of a picture as the network's numbers; the last 32 are kept, so a second time costs nothing."""
        check(picture)
        key = hashlib.sha256(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).digest()
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return self._vectors[key]
        found = self._graphs["style"]({"image": to_tensor(picture, self._spec.style).tensor})["style"]
        found.flags.writeable = False
        self._vectors[key] = found
        if len(self._vectors) > KEPT_STYLES:
            self._vectors.popitem(last=False)
        return found

    def apply(self, picture: Pixels, style: Floats, *, strength: float = 1.0, keep_colours: bool = False) -> Pixels:
        """The picture in a style that `vector` gave, or in a weighted sum of such.

        At less than full strength the style is mixed with the picture's own, so that forms stay and do not shine
        through. The network works at a fixed size; the result is enlarged from there.
        """
        _check_strength(strength)
        _check_sides(picture)
        if strength < 1.0:
            style = np.asarray(strength * style + (1.0 - strength) * self.vector(picture), np.float32)
        placed = to_tensor(picture, self._spec.content)
        made = self._graphs["transfer"]({"image": placed.tensor, "style": style})["picture"]
        styled = resize(_pixels(made, placed, self._spec.content.layout), *placed.size, "lanczos")
        return _with_colours_of(picture, styled) if keep_colours else styled

    def apply_preset(
        self,
        picture: Pixels,
        weights: Mapping[int, float],
        *,
        strength: float = 1.0,
        keep_colours: bool = False,
        longest_side: int = LONGEST_SIDE,
    ) -> Pixels:
        """The picture in one of the pack's styles, or in a mix: number of the style -> its share, of any sum.

        These have no weaker form, so a lower strength mixes the result with the picture. A picture whose longest side
        is above `longest_side` is worked on at that size and enlarged again.
        """
        _check_strength(strength)
        _check_sides(picture)
        if self._spec.preset is None:
            raise ValueError("This pack has no styles of its own.")
        placed = to_tensor(picture, self._spec.preset, longest_side=longest_side)
        feeds = {"image": placed.tensor, "weights": self._weights(weights)}
        made = self._graphs["presets"](feeds)["picture"]
        styled = resize(_pixels(made, placed, self._spec.preset.layout), *placed.size, "lanczos")
        if keep_colours:
            styled = _with_colours_of(picture, styled)
        if strength == 1.0:
            return styled
        return np.asarray(cv2.addWeighted(styled, strength, picture, 1.0 - strength, 0.0), np.uint8)

    def _weights(self, shares: Mapping[int, float]) -> Floats:
        count = self._spec.preset_count
        if not shares or not all(0 <= number < count and 0.0 <= share < 1e6 for number, share in shares.items()):
            raise ValueError(f"Styles are numbered 0 to {count - 1}, and their shares are not negative.")
        if sum(shares.values()) <= 0.0:
            raise ValueError("At least one style must have a share.")
        weights = np.zeros(count, np.float32)
        for number, share in shares.items():
            weights[number] = share / sum(shares.values())
        return weights


def _pixels(made: NDArray[np.float32], placed: Placed, layout: str) -> Pixels:
    """A graph's picture, 0..1, without the padding, as bytes."""
    values = made[0] if layout == "nhwc" else made[0].transpose(1, 2, 0)
    box = placed.shown
    inner = values[box.y : box.y + box.height, box.x : box.x + box.width]
    return np.asarray(np.clip(inner * 255.0 + 0.5, 0.0, 255.0), np.uint8)


def _with_colours_of(picture: Pixels, styled: Pixels) -> Pixels:
    mixed = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2YCrCb)
    mixed[..., 0] = cv2.cvtColor(styled, cv2.COLOR_RGB2YCrCb)[..., 0]
    return np.asarray(cv2.cvtColor(mixed, cv2.COLOR_YCrCb2RGB), np.uint8)


def _check_strength(strength: float) -> None:
    if not 0.0 <= strength <= 1.0:
        raise ValueError("The strength of a style is 0 to 1.")


def _check_sides(picture: Pixels) -> None:
    check(picture)
    if min(picture.shape[:2]) < MIN_SIDE:
        raise ValueError(f"A picture to style has {MIN_SIDE} pixels a side at least.")
