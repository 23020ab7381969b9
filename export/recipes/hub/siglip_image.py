"""SigLIP 2 B/16, the image tower."""

from __future__ import annotations

from .siglip import LICENCE, SOURCE, TINY
from .towers import SIGLIP_PIXELS, image_tower

RECIPE = image_tower(
    "siglip-image",
    "SigLIP 2 B/16, pictures",
    architecture="SiglipModel",
    source=SOURCE,
    licence=LICENCE,
    millions=93,
    width="text_config.projection_size",
    preprocessing=SIGLIP_PIXELS,
    tiny=TINY,
    download_mb=1501,  # both towers lie in one file
)
