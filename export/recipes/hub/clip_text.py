"""CLIP ViT-B/32, the text tower with its projection."""

from __future__ import annotations

from .clip import LICENCE, SOURCE, TINY
from .towers import text_tower

RECIPE = text_tower(
    "clip-text",
    "CLIP ViT-B/32, texts",
    architecture="CLIPModel",
    source=SOURCE,
    licence=LICENCE,
    millions=63,
    width="projection_dim",
    notes="English; 77 tokens.",
    tiny=TINY,
    download_mb=605,  # both towers lie in one file
)
