"""Try-on over a stream of frames: one session a stream, fed in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import cv2
import numpy as np

from . import patches
from .arrays import Infer, Rgb
from .dress import Dressed, dress
from .layers import Layer
from .results import Code, Stopped, TryOnResult
from .watch import BODY_MODELS, FACE_MODELS, Watcher

__all__ = ["STREAM_MODELS", "Stopped", "TryOnSession"]

STREAM_MODELS = BODY_MODELS + FACE_MODELS

Output = Literal["composite", "overlay"]
ShouldStop = Callable[[], bool]


class TryOnSession:
    """The memory of one stream: the person followed and the layers worn.

    `models` resolves the names in `STREAM_MODELS`. `should_stop` is polled between stages. Not for several threads.
    """

    def __init__(self, models: Mapping[str, Infer], *, should_stop: ShouldStop | None = None) -> None:
        self._models = models
        self._should_stop = should_stop
        self._layers: tuple[Layer, ...] = ()
        self._watcher: Watcher | None = None
        self._follows: tuple[bool, bool] | None = None

    def set_layers(self, layers: Sequence[Layer]) -> None:
        """Changes what is worn from the next frame on; the person stays followed where the same models are needed."""
        self._layers = tuple(layers)
        kinds = {layer.kind for layer in layers if layer.reason is None}
        follows = ("top" in kinds, "glasses" in kinds)
        if follows != self._follows:
            self._follows = follows
            self._watcher = Watcher(self._models, body=follows[0], face=follows[1]) if kinds else None

    def close(self) -> None:
        """Forgets the person and the layers."""
        self._layers, self._watcher, self._follows = (), None, None

    def frame(
        self,
        rgb: Rgb,
        t_us: int,
        *,
        output: Output = "composite",
        mirror: bool = False,
        should_stop: ShouldStop | None = None,
        out: Rgb | None = None,
    ) -> TryOnResult:
        """One frame dressed.

        `rgb` (H, W, 3) uint8 sRGB, top row first; `t_us` capture time in microseconds. `composite` answers (H, W, 3),
        `overlay` (H, W, 4) with straight alpha; `mirror` flips the answer left to right. Where nothing can be shown
        the frame comes back as it was (an overlay empty) with a reason and confidence 0. `out` receives the picture if
        given. Raises `Stopped` when asked to stop.
        """
        dressed = self._dress(rgb, t_us, should_stop or self._should_stop)
        image = _composite(rgb, dressed) if output == "composite" else _overlay(rgb.shape, dressed)
        if mirror:
            image = np.asarray(cv2.flip(image, 1), np.uint8)
        if out is not None:
            np.copyto(out, image)
            image = out
        return TryOnResult(image, dressed.confidence, dressed.reason, dressed.fit)

    def _dress(self, rgb: Rgb, t_us: int, should_stop: ShouldStop | None) -> Dressed:
        def check() -> None:
            if should_stop is not None and should_stop():
                raise Stopped

        check()
        if self._watcher is None:
            reason = next((layer.reason for layer in self._layers if layer.reason is not None), None)
            return Dressed((), 0.0 if reason else 1.0, reason, None)
        watcher = self._watcher
        sight = watcher.look(rgb, t_us, check)
        check()

        def absent() -> Code:
            return watcher.absence(rgb, sight)

        return dress(sight, rgb, self._layers, check, absent=absent)


def _composite(rgb: Rgb, dressed: Dressed) -> Rgb:
    image = rgb.copy()
    for _, patch in dressed.patches:
        patches.blend(image, patch)
    return image


def _overlay(shape: tuple[int, ...], dressed: Dressed) -> Rgb:
    image = np.zeros((shape[0], shape[1], 4), np.uint8)
    for _, patch in dressed.patches:
        patches.gather(image, patch)
    return image
