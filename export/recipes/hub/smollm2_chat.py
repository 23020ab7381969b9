"""SmolLM2-360M-Instruct: a small chat model for English, of the Llama architecture."""

from __future__ import annotations

from .common import TOKENIZER, licence, transformer
from .decoders import decoder

RECIPE = decoder(
    "smollm2-chat",
    "SmolLM2 360M Instruct",
    architecture="LlamaForCausalLM",
    source=transformer("HuggingFaceTB/SmolLM2-360M-Instruct", *TOKENIZER, "generation_config.json"),
    licence=licence("Apache-2.0", "Hugging Face, SmolLM2 (arXiv:2502.02737)"),
    millions=409,
    download_mb=726,
    notes="English only. Other models of the Llama architecture: the same recipe with --from and their own licence.",
    tiny={
        "vocab_size": 160,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "rope_theta": 100000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
    },
)
