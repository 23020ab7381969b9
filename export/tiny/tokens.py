"""Tokenizers for the small models: every byte is a token, in the two forms that repositories have."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

_TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"


def write_bytes_bpe(folder: Path) -> None:
    """`tokenizer.json`: the first 156 byte letters after four special tokens, no merges; a chat template beside it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())[:156]
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"pad_token": "<pad>", "eos_token": "</s>", "chat_template": _TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_clip(folder: Path, *, pad: str | None) -> None:
    """CLIP's older form: `vocab.json` and `merges.txt`, 256 letters alone and at the end of a word, start and end."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["!", *(letter for letter in letters if letter != "!")]
    tokens += [f"{letter}</w>" for letter in tokens]
    tokens += ["ab</w>", "cd</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\na b</w>\nc d</w>\n")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad or "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
