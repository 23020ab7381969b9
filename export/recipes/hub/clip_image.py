"""CLIP ViT-B/32, the image tower with its projection."""

from __future__ import annotations

from .clip import LICENCE, SOURCE, TINY
from .towers import CLIP_PIXELS, image_tower

RECIPE = image_tower(
    "clip-image",
    "CLIP ViT-B/32, pictures",
    architecture="CLIPModel",
    source=SOURCE,
    licence=LICENCE,
    millions=88,
    width="projection_dim",
    preprocessing=CLIP_PIXELS,
    tiny=TINY,
    download_mb=605,  # both towers lie in one file
)
