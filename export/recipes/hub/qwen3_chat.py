"""Qwen3-0.6B: a small chat model that can be told to think first."""

from __future__ import annotations

from .common import TOKENIZER, licence, transformer
from .decoders import decoder

RECIPE = decoder(
    "qwen3-chat",
    "Qwen3 0.6B",
    architecture="Qwen3ForCausalLM",
    source=transformer("Qwen/Qwen3-0.6B", *TOKENIZER, "generation_config.json"),
    licence=licence("Apache-2.0", "Qwen Team, Alibaba Cloud"),
    millions=752,
    download_mb=1515,
    notes="Its template starts with a thinking part; `enable_thinking=false` leaves that out. The 1.7B model is the "
    "same recipe with --from Qwen/Qwen3-1.7B.",
    tiny={
        "vocab_size": 160,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
    },
)
