"""Marqo-FashionSigLIP, the text tower: SigLIP B/16 tuned on fashion products, stored as OpenCLIP stores it."""

from __future__ import annotations

from ...recipe import HubSource
from .common import licence
from .towers import text_tower

SOURCE = HubSource(
    "Marqo/marqo-fashionSigLIP",
    "e5619578fd528afa0bf88d8fae37748336a57fa2",
    ("open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json", "tokenizer_config.json"),
)
LICENCE = licence("Apache-2.0", "Marqo")
TINY = {"context_length": 16, "vocab_size": 160, "width": 128, "heads": 4, "layers": 2, "image_size": 32, "patch": 8}

RECIPE = text_tower(
    "fashion-siglip-text",
    "Marqo-FashionSigLIP, texts",
    architecture="OpenClipSiglip",
    source=SOURCE,
    licence=LICENCE,
    millions=111,
    width="text_config.projection_size",
    steps=("pad_tokens", "normalize"),
    notes="English product texts, in lower case and without punctuation.",
    tiny=TINY,
    download_mb=813,  # both towers lie in one file
)
