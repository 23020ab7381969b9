"""Whisper large v3 turbo: speech to text in a hundred languages."""

from __future__ import annotations

from ...recipe import GraphSpec, Recipe, Tensor
from .common import TOKENIZER, by_parameters, choices, licence, transformer, with_working_set

_MEGABYTES = by_parameters(875, "fp32", "fp16", "int8")
_SELF: tuple[int | str, ...] = ("batch", "{kv_heads}", "past", "{head_size}")
_GROWN: tuple[int | str, ...] = ("batch", "{kv_heads}", "total", "{head_size}")
_CROSS: tuple[int | str, ...] = ("batch", "{kv_heads}", "heard", "{head_size}")

RECIPE = Recipe(
    name="whisper-turbo",
    title="Whisper large v3 turbo",
    version="1.0.0",
    architecture="WhisperForConditionalGeneration",
    route="optimum",
    source=transformer("openai/whisper-large-v3-turbo", *TOKENIZER, "generation_config.json"),
    licence=licence("MIT", "OpenAI (arXiv:2212.04356)", url="https://github.com/openai/whisper/blob/main/LICENSE"),
    restriction="none",
    task="speech to text",
    runner="speech_recognition",
    graphs=(
        GraphSpec(
            name="encoder",
            component="encoder_model",
            inputs=(
                Tensor(
                    "input_features",
                    "float32",
                    ("batch", "{num_mel_bins}", "{frames}"),
                    "log-mel of 30 s, 100 a second",
                ),
            ),
            outputs=(
                Tensor("last_hidden_state", "float32", ("batch", "{max_source_positions}", "{d_model}"), "50 a second"),
            ),
            vary=({"batch": 1}, {"batch": 2}),
        ),
        GraphSpec(
            name="decoder",
            component="decoder_model",
            inputs=(
                Tensor("input_ids", "int64", ("batch", "sequence"), "token ids"),
                Tensor("encoder_hidden_states", "float32", ("batch", "heard", "{d_model}"), "the encoder's answer"),
            ),
            outputs=(Tensor("logits", "float32", ("batch", "sequence", "{vocab_size}"), "for the token that follows"),),
            per_layer_outputs=(
                Tensor("present.{layer}.decoder.key", "float32", ("batch", "{kv_heads}", "sequence", "{head_size}")),
                Tensor("present.{layer}.decoder.value", "float32", ("batch", "{kv_heads}", "sequence", "{head_size}")),
                Tensor("present.{layer}.encoder.key", "float32", _CROSS),
                Tensor("present.{layer}.encoder.value", "float32", _CROSS),
            ),
            vary=({"batch": 1, "sequence": 4, "heard": 50}, {"batch": 2, "sequence": 7, "heard": 30}),
        ),
        GraphSpec(
            name="decoder_with_past",
            component="decoder_with_past_model",
            inputs=(Tensor("input_ids", "int64", ("batch", 1), "the token before"),),
            outputs=(Tensor("logits", "float32", ("batch", 1, "{vocab_size}"), "for the token that follows"),),
            per_layer_inputs=(
                Tensor("past_key_values.{layer}.decoder.key", "float32", _SELF),
                Tensor("past_key_values.{layer}.decoder.value", "float32", _SELF),
                Tensor("past_key_values.{layer}.encoder.key", "float32", _CROSS),
                Tensor("past_key_values.{layer}.encoder.value", "float32", _CROSS),
            ),
            per_layer_outputs=(
                Tensor("present.{layer}.decoder.key", "float32", _GROWN),
                Tensor("present.{layer}.decoder.value", "float32", _GROWN),
            ),
            vary=(
                {"batch": 1, "past": 4, "total": 5, "heard": 50},
                {"batch": 2, "past": 9, "total": 10, "heard": 30},
            ),
        ),
    ),
    gates=choices(),
    megabytes=_MEGABYTES,
    memory_mb=with_working_set(_MEGABYTES, 600),
    download_mb=1620,
    notes="Smaller sizes: the same recipe with --from openai/whisper-small or -base.",
    tiny={
        "vocab_size": 160,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_mel_bins": 8,
        "max_source_positions": 1500,
        "max_target_positions": 32,
        "decoder_start_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "begin_suppress_tokens": None,
        "suppress_tokens": None,
    },
)
