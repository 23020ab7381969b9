"""CLIP ViT-B/32, both towers in one graph."""

from __future__ import annotations

from .common import TOKENIZER, licence, transformer
from .towers import CLIP_PIXELS, TINY_IMAGE, TINY_TEXT, joint

SOURCE = transformer("openai/clip-vit-base-patch32", *TOKENIZER)
LICENCE = licence("MIT", "OpenAI (arXiv:2103.00020)", url="https://github.com/openai/CLIP/blob/main/LICENSE")
TINY = {
    "text_config": dict(TINY_TEXT) | {"max_position_embeddings": 32, "eos_token_id": 2, "projection_dim": 24},
    "vision_config": dict(TINY_IMAGE) | {"projection_dim": 24},
    "projection_dim": 24,
}

RECIPE = joint(
    "clip",
    "CLIP ViT-B/32, joint",
    architecture="CLIPModel",
    route="optimum",
    source=SOURCE,
    licence=LICENCE,
    millions=151,
    width="projection_dim",
    masked=True,
    preprocessing=CLIP_PIXELS,
    notes="English. The repository's weights as safetensors came in by a pull request of the hub's own converter.",
    tiny=TINY,
)
