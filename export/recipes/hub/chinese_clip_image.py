"""Chinese-CLIP ViT-B/16, the image tower."""

from __future__ import annotations

import msgspec

from .chinese_clip_text import LICENCE, SOURCE, TINY
from .towers import CLIP_PIXELS, image_tower

RECIPE = image_tower(
    "chinese-clip-image",
    "Chinese-CLIP ViT-B/16, pictures",
    architecture="ChineseCLIPModel",
    source=SOURCE,
    licence=LICENCE,
    millions=86,
    width="projection_dim",
    preprocessing=msgspec.structs.replace(CLIP_PIXELS, fit="stretch"),
    tiny=TINY,
    download_mb=753,  # both towers lie in one file
)
