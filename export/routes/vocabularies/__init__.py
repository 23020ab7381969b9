"""Vocabularies of weight files as `tokenizer.json`, the format of the `tokenizers` library, written without it."""
