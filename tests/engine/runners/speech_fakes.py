"""Sounds and scripted graphs for tests of the runners that listen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.engine.manifest import TensorSpec
from sidecar.engine.runner_specs import SpeechRecognition, VoiceActivity

RATE = 16_000
WORDS = ("red", " coat", " and", " scarf", "红", "色", "外", "套", " no", "sh", "hint")
SPECIAL = (
    "<end>",
    "<start>",
    "<en>",
    "<zh>",
    "<transcribe>",
    "<before>",
    "<silence>",
    "<timeless>",
    "<0.00>",
    "<0.02>",
)
IDS = {token: number for number, token in enumerate((*WORDS, *SPECIAL))}
VOCABULARY = len(IDS)
VAD = VoiceActivity(window=512, context=64, state=(1, 1, 4), threshold=0.5)


def recognition(**changes: Any) -> SpeechRecognition:
    """What a manifest would say of the scripted model."""
    values: dict[str, Any] = {
        "tokenizer": "tokenizer.json",
        "mels": 80,
        "layers": 1,
        "heads": 2,
        "head_size": 4,
        "context": 64,
        "prompt": (IDS["<start>"], IDS["<transcribe>"], IDS["<timeless>"]),
        "stop_id": IDS["<end>"],
        "suppress_from": IDS["<0.00>"],
        "suppress": (IDS["sh"],),
        "suppress_first": (IDS[" no"],),
        "no_speech_id": IDS["<silence>"],
        "previous_id": IDS["<before>"],
        "languages": {"en": IDS["<en>"], "zh": IDS["<zh>"]},
    }
    return SpeechRecognition(**(values | changes))


def tokenizer() -> bytes:
    """A vocabulary of whole words, spelled byte by byte as Whisper's is."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letter = {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    spelled = {"".join(letter[byte] for byte in word.encode()): IDS[word] for word in WORDS}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": IDS[token], "content": token, **flags} for token in SPECIAL]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "WordLevel", "vocab": spelled, "unk_token": "red"}
    document = {"version": "1.0", "added_tokens": added, "pre_tokenizer": level, "decoder": level, "model": model}
    return json.dumps(document).encode()


def tone(seconds: float, hertz: float = 220.0, level: float = 0.3) -> NDArray[np.float32]:
    """A sine."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


class Encoder:
    """Answers with caches that say how often it ran."""

    def __init__(self, layers: int = 1, *, hidden: bool = False) -> None:
        self.inputs = (TensorSpec(name="input_features", dtype="float32", shape=("batch", 80, 3000)),)
        names = (
            ["last_hidden_state"]
            if hidden
            else [f"present.{i}.encoder.{p}" for i in range(layers) for p in ("key", "value")]
        )
        self.outputs = tuple(TensorSpec(name=name, dtype="float32", shape=("batch", 2, 3, 4)) for name in names)
        self.runs = 0

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        self.runs += 1
        assert feeds["input_features"].shape == (1, 80, 3000)
        return {spec.name: np.full((1, 2, 3, 4), self.runs, np.float32) for spec in self.outputs}


class Script:
    """What the decoder says next, given everything that it was fed: `answers` are texts' tokens, one after the other.

    `silence` is the probability of nobody speaking at the first token, `language` what it hears.
    """

    def __init__(
        self, answers: Sequence[str], *, language: str = "en", silence: float = 0.01, sure: float = 12.0
    ) -> None:
        self.answers, self.language, self.silence, self.sure = list(answers), language, silence, sure
        self.fed: list[list[int]] = []

    def logits(self, history: Sequence[int]) -> NDArray[np.float32]:
        """Of the token after `history`, the last one of a run."""
        values = np.zeros(VOCABULARY, np.float32)
        if history[-1] == IDS["<start>"]:
            values[IDS[f"<{self.language}>"]] = 3.0
            rest = np.exp(values).sum() - np.exp(values[IDS["<silence>"]])
            values[IDS["<silence>"]] = np.log(self.silence / (1 - self.silence) * rest)
            return values
        if IDS["<timeless>"] not in history:
            return values
        spoken = len(history) - 1 - max(i for i, token in enumerate(history) if token == IDS["<timeless>"])
        word = self.answers[spoken] if spoken < len(self.answers) else "<end>"
        values[IDS[word]] = self.sure
        return values


class Decoder:
    """A decoder with one layer's caches, whose own cache holds the ids that it was fed."""

    def __init__(self, script: Script, *, past: bool = True, cross: bool = True) -> None:
        own = [f"past_key_values.0.decoder.{part}" for part in ("key", "value")]
        other = [f"past_key_values.0.encoder.{part}" for part in ("key", "value")]
        names = (own if past else []) + (other if cross else [])
        self.inputs = (
            TensorSpec(name="input_ids", dtype="int64", shape=("batch", "sequence")),
            *(TensorSpec(name=name, dtype="float32", shape=("batch", 2, "past", 4)) for name in names),
        )
        self.outputs = ()
        self._script, self._first = script, not past
        self.runs = 0

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        self.runs += 1
        assert set(feeds) - {"encoder_hidden_states"} == {tensor.name for tensor in self.inputs}
        ids = feeds["input_ids"][0].tolist()
        before = [] if self._first else feeds["past_key_values.0.decoder.key"][0, 0, :, 0].astype(int).tolist()
        history = [*before, *ids]
        self._script.fed.append(history)
        logits = np.stack([self._script.logits(history[: len(before) + i + 1]) for i in range(len(ids))])
        cache = np.repeat(np.repeat(np.array(history, np.float32)[None, None, :, None], 2, axis=1), 4, axis=3)
        answer = {"logits": logits[None]} | {f"present.0.decoder.{part}": cache for part in ("key", "value")}
        if self._first:
            answer |= {f"present.0.encoder.{part}": np.ones((1, 2, 3, 4), np.float32) for part in ("key", "value")}
        return answer


class LoudnessVad:
    """A voice detector that takes what is loud for speech; its state counts windows, so that lost ones would show."""

    def __init__(self) -> None:
        names = ("windows", "state_0", "state_1")
        shapes: tuple[tuple[int | str, ...], ...] = (("windows", 576), VAD.state, VAD.state)
        self.inputs = tuple(TensorSpec(name=n, dtype="float32", shape=s) for n, s in zip(names, shapes, strict=True))
        answers = ("probabilities", "next_0", "next_1")
        self.outputs = tuple(TensorSpec(name=n, dtype="float32", shape=("windows",)) for n in answers)
        self.sizes: list[int] = []
        self.seen: list[NDArray[np.float32]] = []
        self.counted = 0.0

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        windows = feeds["windows"]
        self.sizes.append(len(windows))
        self.seen.append(windows)
        self.counted = float(feeds["state_0"][0, 0, 0]) + len(windows)
        loud = np.sqrt((windows[:, 64:] ** 2).mean(axis=1))
        state = np.full(VAD.state, self.counted, np.float32)
        return {"probabilities": np.clip(4 * loud, 0, 1).astype(np.float32), "next_0": state, "next_1": state}
