"""A small tokenizer of CLIP's kind: bytes, a few merges, a begin and an end token."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
WORDS = ("a", "red", "dress", "shirt", "coat", "the", "blue", "photo")
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Ids and merges: every byte in and at the end of a word, the words above, `!` first as in CLIP's own."""
    letters = ["!", *(letter for letter in sorted(pre_tokenizers.ByteLevel.alphabet()) if letter != "!")]
    tokens = letters + [f"{letter}</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while len(pieces) > 1:
            if (pieces[0], pieces[1]) not in merges:
                merges.append((pieces[0], pieces[1]))
            pieces[:2] = ["".join(pieces[:2])]
            if pieces[0] not in tokens:
                tokens.append(pieces[0])
    tokens += [BEGIN, END]
    return {token: place for place, token in enumerate(tokens)}, merges


def tokenizer_json() -> bytes:
    """The file as a pack holds it."""
    ids, merges = vocabulary()
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, end_of_word_suffix="</w>", unk_token=END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, ids[END]), (BEGIN, ids[BEGIN]), add_prefix_space=False, trim_offsets=False
    )
    tokenizer.add_special_tokens([BEGIN, END])
    return tokenizer.to_str().encode()


def write(folder: Path) -> tuple[str, str]:
    """`vocab.json` and `merges.txt`, as transformers' own tokenizer reads them."""
    ids, merges = vocabulary()
    (folder / "vocab.json").write_text(json.dumps(ids), "utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / "vocab.json"), str(folder / "merges.txt")
