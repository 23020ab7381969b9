"""TAESDXL: the tiny decoder of SDXL."""

from __future__ import annotations

from .tiny_decoders import tiny_decoder

RECIPE = tiny_decoder("tiny-decoder-sdxl", "Tiny decoder for SDXL", "madebyollin/taesdxl")
