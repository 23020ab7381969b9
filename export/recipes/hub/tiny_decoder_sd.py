"""TAESD: the tiny decoder of Stable Diffusion 1 and 2."""

from __future__ import annotations

from .tiny_decoders import tiny_decoder

RECIPE = tiny_decoder("tiny-decoder-sd", "Tiny decoder for Stable Diffusion 1 and 2", "madebyollin/taesd")
