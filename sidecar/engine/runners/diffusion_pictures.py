"""Pictures to latents and back: the outer ends of a diffusion model.

Pictures are RGB: uint8 [height, width, 3] outside, float32 [1, 3, height, width] with -1..1 at the graphs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, Unavailable
from ..runner_specs import Diffusion
from .graph import Graph
from .noise import Noise

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Latent = NDArray[np.float32]
_LOG_VARIANCE = (-30.0, 20.0)


class PictureCoder:
    """The encoder, the decoder and the preview of a pack. Raises `Unavailable` when the decoder is missing."""

    def __init__(self, spec: Diffusion, graphs: Mapping[str, Graph]) -> None:
        if "decoder" not in graphs or ("encoder" not in graphs and spec.inputs != "latent"):
            raise Unavailable("The model has no decoder, or none of the encoder that its kind needs.")
        for name in ("encoder", "decoder", "preview"):
            if name in graphs and len(graphs[name].inputs) != 1:
                raise Unavailable(f"The model's {name} takes more than one input.")
        self._spec = spec
        self._encoder, self._decoder = graphs.get("encoder"), graphs["decoder"]
        self._preview = graphs.get("preview")
        self._rgb = None if spec.latent_rgb is None else np.array(spec.latent_rgb, np.float32)

    @property
    def encodes(self) -> bool:
        """Whether pictures can go in."""
        return self._encoder is not None

    def encode(self, pixels: NDArray[np.float32], draw: Noise) -> Latent:
        """The latent of a picture; an encoder that answers with a distribution is drawn from. Raises `BadRequest`."""
        if self._encoder is None:
            raise BadRequest("This model makes pictures from words only; it takes no picture.")
        found = _run(self._encoder, pixels)
        channels, sides = self._spec.latent_channels, tuple(side // self._spec.factor for side in pixels.shape[2:])
        if found.shape == (1, 2 * channels, *sides):
            mean, log_variance = found[:, :channels], np.clip(found[:, channels:], *_LOG_VARIANCE)
            found = mean + np.exp(0.5 * log_variance) * draw(mean.shape)
        if found.shape != (1, channels, *sides):
            raise Unavailable("The model's encoder answers with another shape than its manifest says.")
        return (found - np.float32(self._spec.latent_shift)) * np.float32(self._spec.latent_scale)

    def decode(self, latent: Latent) -> NDArray[np.float32]:
        """The picture of a clean latent, float32 [height, width, 3], 0..1."""
        clean = latent / np.float32(self._spec.latent_scale) + np.float32(self._spec.latent_shift)
        return self._shown(_run(self._decoder, clean), latent)

    def preview(self, latent: Latent) -> Picture:
        """A quick look at a latent: by the tiny decoder, else the linear fit (as small as the latent), else whole."""
        if self._preview is not None:
            return to_bytes(self._shown(_run(self._preview, latent), latent))
        if self._rgb is None:
            return to_bytes(self.decode(latent))
        colours = np.tensordot(latent[0], self._rgb[:-1], axes=(0, 0)) + self._rgb[-1]
        return to_bytes(np.clip(colours / 2 + 0.5, 0, 1))

    def _shown(self, pixels: NDArray[np.float32], latent: Latent) -> NDArray[np.float32]:
        height, width = (side * self._spec.factor for side in latent.shape[2:])
        if pixels.shape != (1, 3, height, width):
            raise Unavailable("The model's decoder answers with another shape than its manifest says.")
        if not np.isfinite(pixels).all():
            raise Unavailable("The model's picture is not a number everywhere; export it with --precision fp32.")
        shown: NDArray[np.float32] = np.clip(pixels[0].transpose(1, 2, 0) / 2 + np.float32(0.5), 0, 1)
        return shown


def _run(graph: Graph, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    source = graph.inputs[0]
    found = graph({source.name: tensor.astype(source.dtype, copy=False)}, [graph.outputs[0].name])
    return found[graph.outputs[0].name].astype(np.float32, copy=False)


def to_pixels(picture: Picture, height: int, width: int, what: str) -> NDArray[np.float32]:
    """A picture as the encoder takes it. Raises `BadRequest` for another shape; `what` is its name in the sentence."""
    if picture.dtype != np.uint8 or picture.shape != (height, width, 3):
        raise BadRequest(f"The {what} must be RGB, 8 bits, {width} x {height}.")
    planar = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
    return planar / np.float32(255) * np.float32(2) - np.float32(1)


def to_mask(mask: Picture, height: int, width: int) -> Mask:
    """Where to paint: from 128 on in an 8-bit mask. Raises `BadRequest` for another shape."""
    if mask.dtype != np.uint8 or mask.shape != (height, width):
        raise BadRequest(f"The mask must be grey, 8 bits, {width} x {height}.")
    chosen: Mask = mask >= 128
    return chosen


def mask_latent(mask: Mask, factor: int) -> Latent:
    """A mask in the latent's size, float32 [1, 1, height, width], 1 where to paint: the nearest pixel of each."""
    return mask[::factor, ::factor].astype(np.float32)[None, None]


def to_bytes(picture: NDArray[np.float32]) -> Picture:
    """A picture of 0..1 in 8 bits."""
    return np.asarray(np.rint(picture * np.float32(255)), np.uint8)
