"""Chinese-CLIP ViT-B/16, the text tower: Chinese questions about pictures."""

from __future__ import annotations

from .common import TOKENIZER, licence, transformer
from .towers import TINY_IMAGE, TINY_TEXT, text_tower

SOURCE = transformer("OFA-Sys/chinese-clip-vit-base-patch16", *TOKENIZER)
LICENCE = licence(
    "Apache-2.0",
    "OFA-Sys, Alibaba (arXiv:2211.01335)",
    notice="The code's licence is Apache-2.0; the model card names none. Converted to ONNX, weights kept.",
)
TINY = {
    "text_config": dict(TINY_TEXT) | {"max_position_embeddings": 64, "model_type": "chinese_clip_text_model"},
    "vision_config": dict(TINY_IMAGE) | {"projection_dim": 24, "model_type": "chinese_clip_vision_model"},
    "projection_dim": 24,
}

RECIPE = text_tower(
    "chinese-clip-text",
    "Chinese-CLIP ViT-B/16, texts",
    architecture="ChineseCLIPModel",
    source=SOURCE,
    licence=LICENCE,
    millions=102,
    width="projection_dim",
    component="text_model",
    steps=("first_token", "through:text_projection", "normalize"),
    notes="Chinese; trained on texts of up to 52 tokens.",
    tiny=TINY,
    download_mb=753,  # both towers lie in one file
)
