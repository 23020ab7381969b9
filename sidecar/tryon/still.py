"""Try-on on a single picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from . import patches
from .arrays import Infer, Mask, Rgb
from .dress import Dressed, dress
from .layers import Layer
from .results import Code, Stopped, TryOnStill
from .watch import BODY_MODELS, FACE_MODELS, Sight, Watcher

STILL_MODELS = BODY_MODELS + FACE_MODELS

_SETTLE_ROUNDS = 5


def try_on_still(
    models: Mapping[str, Infer], rgb: Rgb, layers: Sequence[Layer], *, should_stop: Callable[[], bool] | None = None
) -> TryOnStill:
    """A picture (H, W, 3) uint8 sRGB, top row first, with the layers worn, and the masks of what was drawn.

    Where nothing can be shown the picture comes back as it was with a reason and confidence 0. Raises `Stopped`.
    """

    def check() -> None:
        if should_stop is not None and should_stop():
            raise Stopped

    check()
    kinds = {layer.kind for layer in layers if layer.reason is None}
    if not kinds:
        reason = next((layer.reason for layer in layers), None)
        return TryOnStill(rgb.copy(), 0.0 if reason else 1.0, reason, None, {})
    watcher = Watcher(models, body="top" in kinds, face="glasses" in kinds, settle_rounds=_SETTLE_ROUNDS)
    sight = watcher.look(rgb, 0, check)

    def absent() -> Code:
        return watcher.absence(rgb, sight)

    dressed = dress(sight, rgb, layers, check, absent=absent)
    image = rgb.copy()
    for _, patch in dressed.patches:
        patches.blend(image, patch)
    return TryOnStill(image, dressed.confidence, dressed.reason, dressed.fit, _masks(rgb, sight, dressed))


def _masks(rgb: Rgb, sight: Sight, dressed: Dressed) -> dict[str, Mask]:
    """(H, W) uint8 by name: `person` where it was looked for, and all that each kind changed."""
    masks: dict[str, Mask] = {}
    if sight.person is not None:
        size = rgb.shape[1], rgb.shape[0]
        masks["person"] = np.asarray(cv2.resize(sight.person, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    for kind, patch in dressed.patches:
        mask = masks.setdefault(kind, np.zeros(rgb.shape[:2], np.uint8))
        np.maximum(mask[patch.region], patch.alpha, out=mask[patch.region])
    return masks
