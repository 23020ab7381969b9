"""SigLIP 2 B/16, the text tower: many languages, with padding inside the graph."""

from __future__ import annotations

from .siglip import LICENCE, SOURCE, TINY
from .towers import text_tower

RECIPE = text_tower(
    "siglip-text",
    "SigLIP 2 B/16, texts",
    architecture="SiglipModel",
    source=SOURCE,
    licence=LICENCE,
    millions=282,
    width="text_config.projection_size",
    steps=("pad_tokens", "normalize"),
    notes="Many languages; texts in lower case.",
    tiny=TINY,
    download_mb=1501,  # both towers lie in one file
)
