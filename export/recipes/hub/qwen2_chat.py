"""Qwen2.5-0.5B-Instruct: a small chat model for Chinese and English."""

from __future__ import annotations

from .common import TOKENIZER, licence, transformer
from .decoders import decoder

RECIPE = decoder(
    "qwen2-chat",
    "Qwen2.5 0.5B Instruct",
    architecture="Qwen2ForCausalLM",
    source=transformer("Qwen/Qwen2.5-0.5B-Instruct", *TOKENIZER, "generation_config.json"),
    licence=licence("Apache-2.0", "Qwen Team, Alibaba Cloud"),
    millions=630,
    download_mb=1000,
    notes="Invents facts about products unless they stand in the prompt.",
    tiny={
        "vocab_size": 160,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
    },
)
