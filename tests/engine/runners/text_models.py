"""Tokenizers and decoders for tests of the text runner: trained on a few sentences, and made of arithmetic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from sidecar.engine.manifest import TensorSpec
from sidecar.engine.runner_specs import TextGeneration
from sidecar.engine.runners.text import TextGenerator

SPECIAL = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
CORPUS = [
    "A red cotton dress goes well with white shoes and a small straw hat.",
    "这件红色连衣裙搭配白色鞋子和一顶小草帽很好看。尺码有小号、中号和大号。",
    "Is the jacket waterproof? Yes, it keeps the rain out. 夹克防水吗？是的。👗👒",
    '{"name": "dress", "colour": "red", "price": 49.9, "sizes": ["S", "M", "L"], "in_stock": true}',
] * 3
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LAYERS, HEADS, SIZE, CONTEXT = 2, 1, 4, 400


@cache
def byte_level() -> bytes:
    """A tokenizer.json of Qwen's and Llama 3's family, with 600 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return str(tokenizer.to_str()).encode()


@cache
def spaced() -> bytes:
    """A tokenizer.json of Llama 2's family: spaces as U+2581, bytes as <0x0A> for what it does not know."""
    alphabet = sorted({letter for text in CORPUS for letter in text.replace(" ", "▁")} | {"▁"})
    pieces = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *alphabet]
    merges = [("r", "e"), ("▁", "re"), ("▁re", "d"), ("红", "色")]
    vocab = {piece: place for place, piece in enumerate([*pieces, *("".join(pair) for pair in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<pad>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return str(tokenizer.to_str()).encode()


def spec(*, context: int = CONTEXT, vocabulary: int = 600) -> TextGeneration:
    """What a pack around `Arithmetic` would say."""
    return TextGeneration(
        tokenizer="tokenizer.json", layers=LAYERS, kv_heads=HEADS, head_size=SIZE, context=context,
        vocabulary=vocabulary, stop_ids=(4, 2), bos_id=1, chat_template="chat.jinja",
    )  # fmt: skip


class Arithmetic:
    """A decoder without a network: logits are random numbers that every token so far decides, read from the cache.

    So a cache that lost, doubled or moved a position gives other tokens. `runs` are the lengths of what was fed.
    """

    def __init__(self, *, layers: int = LAYERS, vocabulary: int = 600, seed: int = 0, shared: bool = False) -> None:
        total = "past" if shared else "total"
        parts = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
        self.inputs = (
            TensorSpec(name="input_ids", dtype="int64", shape=("batch", "sequence")),
            TensorSpec(name="attention_mask", dtype="int64", shape=("batch", "total")),
            TensorSpec(name="position_ids", dtype="int64", shape=("batch", "sequence")),
            *(_tensor(f"past_key_values.{part}", "past") for part in parts),
        )
        self.outputs = (
            TensorSpec(name="logits", dtype="float32", shape=("batch", "sequence", vocabulary)),
            *(_tensor(f"present.{part}", total) for part in parts),
        )
        self.runs: list[int] = []
        self.fail: Exception | None = None
        self.likely: Sequence[int] = ()  # what it says whatever was asked, for tests of what is said
        self.seed = seed
        self._parts, self._vocabulary = parts, vocabulary
        self._prompt = 0

    def __call__(
        self, feeds: Mapping[str, NDArray[np.generic]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.generic]]:
        if self.fail is not None:
            raise self.fail
        assert set(feeds) == {tensor.name for tensor in self.inputs}
        ids, past = feeds["input_ids"], feeds["past_key_values.0.key"]
        length = feeds["attention_mask"].shape[1] - ids.shape[1]
        assert feeds["position_ids"].tolist() == [list(range(length, length + ids.shape[1]))]
        new = np.broadcast_to(ids.astype(np.float32)[:, None, :, None], (1, HEADS, ids.shape[1], SIZE))
        results: dict[str, NDArray[np.generic]] = {}
        for place, part in enumerate(self._parts):
            old = feeds[f"past_key_values.{part}"]
            assert old.shape == past.shape
            if self.outputs[1].shape[2] == "past":
                joined = old.copy()
                joined[:, :, length : length + ids.shape[1]] = new + place
            else:
                assert old.shape[2] == length
                joined = np.concatenate([old, new + place], axis=2)
            results[f"present.{part}"] = joined
        logits = [self._logits(results, length + place + 1) for place in range(ids.shape[1])]
        self.runs.append(ids.shape[1])
        return {"logits": np.array([logits], np.float32), **results}

    def _logits(self, cache: Mapping[str, NDArray[np.generic]], length: int) -> NDArray[np.float32]:
        histories = [cache[f"present.{part}"][0, 0, :length, 0] - place for place, part in enumerate(self._parts)]
        assert all((history == histories[0]).all() for history in histories)
        tokens = histories[0].astype(np.int64)
        mixed = int((tokens * (np.arange(length) * 2654435761 % 1000003 + 1)).sum() % (2**31))
        logits = np.random.default_rng((self.seed, mixed)).standard_normal(self._vocabulary).astype(np.float32)
        if self.likely:
            for place, token in enumerate(self.likely):
                if length == self._prompt + place:
                    logits[token] = 100.0
        return logits

    def say(self, tokens: Sequence[int], *, after: int) -> None:
        """After a prompt of so many tokens it says these."""
        self.likely, self._prompt = tokens, after


def generator(
    graph: Arithmetic | None = None, *, tokenizer: bytes | None = None, template: str = CHATML, context: int = CONTEXT
) -> TextGenerator:
    """A runner around a graph."""
    files = {"tokenizer.json": tokenizer or byte_level(), "chat.jinja": template.encode()}
    return TextGenerator(spec(context=context), files, {"model": graph or Arithmetic()})


def changed(data: bytes, **parts: object) -> bytes:
    """A tokenizer.json with other parts."""
    return json.dumps({**json.loads(data), **parts}).encode()


def _tensor(name: str, axis: str) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", shape=("batch", HEADS, axis, SIZE))
