"""SigLIP 2 B/16, both towers in one graph."""

from __future__ import annotations

from .common import TOKENIZER, licence, transformer
from .towers import SIGLIP_PIXELS, TINY_IMAGE, TINY_TEXT, joint

SOURCE = transformer("google/siglip2-base-patch16-224", *TOKENIZER)
LICENCE = licence("Apache-2.0", "Google (arXiv:2502.14786)")
TINY = {
    "text_config": dict(TINY_TEXT) | {"max_position_embeddings": 16, "projection_size": 32},
    "vision_config": dict(TINY_IMAGE),
}

RECIPE = joint(
    "siglip",
    "SigLIP 2 B/16, joint",
    architecture="SiglipModel",
    route="optimum",
    source=SOURCE,
    licence=LICENCE,
    millions=375,
    width="text_config.projection_size",
    masked=False,
    preprocessing=SIGLIP_PIXELS,
    notes="Many languages. Lower-case texts, padded to 64 tokens with the tokenizer's padding token, as in training.",
    tiny=TINY,
)
