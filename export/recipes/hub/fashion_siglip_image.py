"""Marqo-FashionSigLIP, the image tower."""

from __future__ import annotations

from .fashion_siglip_text import LICENCE, SOURCE, TINY
from .towers import SIGLIP_PIXELS, image_tower

RECIPE = image_tower(
    "fashion-siglip-image",
    "Marqo-FashionSigLIP, pictures",
    architecture="OpenClipSiglip",
    source=SOURCE,
    licence=LICENCE,
    millions=93,
    width="text_config.projection_size",
    preprocessing=SIGLIP_PIXELS,
    tiny=TINY,
    download_mb=813,  # both towers lie in one file
)
