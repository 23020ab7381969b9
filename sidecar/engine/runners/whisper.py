"""The runner of speech recognition: a Whisper model over up to 30 s of sound, greedily, with its caches.

https://arxiv.org/abs/2212.04356; the rules against invented text are those of openai/whisper's `transcribe.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, Unavailable
from ..runner_specs import SpeechRecognition
from .audio import checked
from .graph import Graph
from .mel import FRAMES, SAMPLES, log_mel
from .tokens import TextStream, Tokenizer

Floats = NDArray[np.float32]
Progress = Callable[[str], None]
# Nobody spoke where the model thinks so, unless it is sure of its words. Seen with the base model: at most 0.3 on
# speech of more than a second, at least 0.6 on silence, noise, tones and clicks.
NO_SPEECH = 0.6
SURE = -0.3
REPEATS = 4
_LONGEST_PATTERN = 24
_LEAST_REPEATED = 12  # tokens: "no, no, no" is speech


@dataclass(frozen=True)
class Transcript:
    """What was heard. `text` is empty where nobody spoke.

    `share` is the probability of the language among those allowed, `no_speech` that of nobody speaking, `confidence`
    the mean log probability of the tokens; `looped`: the model began to repeat itself and was stopped.
    """

    text: str
    language: str
    share: float
    no_speech: float
    confidence: float
    tokens: int
    looped: bool


class _Steps(Protocol):
    """A decoder that remembers what it was given."""

    def __call__(self, ids: Sequence[int]) -> Floats:
        """Logits [ids, vocabulary] of the token after each."""


class Transcriber:
    """The runner of a `speech_recognition` pack. `files`: its tokenizer by name. Raises `Unavailable`."""

    def __init__(self, spec: SpeechRecognition, files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> None:
        self.spec = spec
        self._graphs = graphs
        self._tokenizer = Tokenizer(files[spec.tokenizer])
        if [tensor.name for tensor in graphs["encoder"].inputs] != ["input_features"]:
            raise Unavailable("The model's tensors are not those of speech recognition.")
        self._never = np.array(sorted({*spec.suppress, *spec.prompt, *spec.languages.values()} - {spec.stop_id}))
        self._first = np.array(sorted({*spec.suppress_first, spec.stop_id}))

    def transcribe(
        self,
        sound: Floats,
        *,
        language: str | None = None,
        among: Collection[str] = (),
        hint: str | None = None,
        max_tokens: int | None = None,
        progress: Progress | None = None,
    ) -> Transcript:
        """What is said in at most 30 s of float32 sound, 16 kHz, -1..1.

        `language` is what is spoken; without it the model decides, `among` some languages if they are named. `hint` is
        a text that might stand before it: names and spelling follow it (None: the pack's own for the language).
        `progress` gets the text as it comes. Raises `BadRequest`, `Terminated`.
        """
        self._check(checked(sound), [language] if language else among)
        encoded = self._encoded(log_mel(sound, self.spec.mels))
        steps = self._decoder(encoded)
        start, *rest = self.spec.prompt
        logits = steps([start])[-1]
        no_speech = 0.0 if self.spec.no_speech_id is None else float(_softmax(logits)[self.spec.no_speech_id])
        chosen, share = self._language(logits, [language] if language else among)
        before = self._before(self.spec.hints.get(chosen, "") if hint is None else hint)
        if before:  # a new start, since the hint stands before everything else
            steps = self._decoder(encoded)
            logits = steps([*before, start, self.spec.languages[chosen], *rest])[-1]
        else:
            logits = steps([self.spec.languages[chosen], *rest])[-1]
        room = self.spec.context - len(before) - len(self.spec.prompt) - 2
        tokens, scores, looped = self._greedy(steps, logits, min(max_tokens or room // 2, room), progress)
        confidence = float(np.mean(scores)) if scores else 0.0
        silent = not tokens or (no_speech > NO_SPEECH and confidence < SURE)
        text = "" if silent else self._text(tokens)
        return Transcript(text, chosen, share, no_speech, confidence, len(tokens), looped)

    def _check(self, sound: Floats, languages: Collection[str]) -> None:
        if len(sound) > SAMPLES:
            raise BadRequest("At most 30 s of sound at once; longer sound is cut at pauses first.")
        unknown = [name for name in languages if name not in self.spec.languages]
        if unknown:
            raise BadRequest(f"The model knows no language {unknown[0]!r}.")

    def _encoded(self, features: Floats) -> Mapping[str, Floats]:
        frames = self._graphs["encoder"].inputs[0].shape[-1]
        if frames != FRAMES:
            raise Unavailable(f"The model hears {frames} frames at once, not {FRAMES}.")
        return self._graphs["encoder"]({"input_features": features})

    def _decoder(self, encoded: Mapping[str, Floats]) -> _Steps:
        if "decoder_with_past" in self._graphs:
            return _FirstAndNext(self._graphs["decoder"], self._graphs["decoder_with_past"], encoded)
        return _Cached(self._graphs["decoder"], encoded, self.spec)

    def _before(self, hint: str) -> list[int]:
        """A hint as the text before this sound, without any special token in it."""
        if not hint or self.spec.previous_id is None:
            return []
        ids = [token for token in self._tokenizer.encode(" " + hint) if token < self.spec.stop_id]
        return [self.spec.previous_id, *ids[-self.spec.context // 4 :]]

    def _language(self, logits: Floats, among: Collection[str]) -> tuple[str, float]:
        names = [name for name in self.spec.languages if not among or name in among]
        shares = _softmax(logits[[self.spec.languages[name] for name in names]])
        best = int(shares.argmax())
        return names[best], float(shares[best])

    def _greedy(
        self, steps: _Steps, logits: Floats, most: int, progress: Progress | None
    ) -> tuple[list[int], list[float], bool]:
        """The likeliest token, again and again; ids, their log probabilities, and whether it ended in a loop."""
        tokens: list[int] = []
        scores: list[float] = []
        stream = TextStream(self._tokenizer) if progress is not None else None
        while len(tokens) < most:
            logits = self._allowed(logits, first=not tokens)
            token = int(logits.argmax())
            scores.append(float(np.log(_softmax(logits)[token])))
            if token == self.spec.stop_id:
                break
            tokens.append(token)
            if stream is not None and progress is not None and (text := stream.feed(token)):
                progress(text)
            if pattern := looping(tokens):
                return tokens[: len(tokens) - pattern * (REPEATS - 1)], scores, True
            logits = steps([token])[-1]
        return tokens, scores, False

    def _allowed(self, logits: Floats, *, first: bool) -> Floats:
        """Logits without what is never said; copied, since a graph's answer is not ours to change."""
        logits = logits.copy()
        logits[self.spec.suppress_from :] = -np.inf
        logits[self._never] = -np.inf
        if first:
            logits[self._first] = -np.inf
        return logits

    def _text(self, tokens: Sequence[int]) -> str:
        stream = TextStream(self._tokenizer)
        return ("".join(map(stream.feed, tokens)) + stream.finish()).strip()


class _Cached:
    """A decoder with its cache, over keys and values that the encoder made."""

    def __init__(self, graph: Graph, cross: Mapping[str, Floats], spec: SpeechRecognition) -> None:
        self._graph = graph
        self._cross = {_past(name): values for name, values in cross.items()}
        empty = np.zeros((1, spec.heads, 0, spec.head_size), np.float32)
        names = [tensor.name for tensor in graph.inputs if tensor.name.startswith("past_key_values.")]
        self._own: dict[str, Floats] = {name: empty for name in names if name not in self._cross}

    def __call__(self, ids: Sequence[int]) -> Floats:
        outputs = self._graph({"input_ids": np.array([ids], np.int64), **self._own, **self._cross})
        logits: Floats = outputs.pop("logits")[0]
        self._own = {_past(name): values for name, values in outputs.items()}
        return logits


class _FirstAndNext:
    """A graph for the first step, which makes all caches, and one for each next token."""

    def __init__(self, first: Graph, following: Graph, encoded: Mapping[str, Floats]) -> None:
        (self._encoded,) = encoded.values()
        self._first, self._next = first, following
        self._past: dict[str, Floats] = {}
        self._inputs = {tensor.name for tensor in following.inputs}

    def __call__(self, ids: Sequence[int]) -> Floats:
        if not self._past:
            return self._run(self._first, ids, {"encoder_hidden_states": self._encoded})
        extra = {"encoder_hidden_states": self._encoded} if "encoder_hidden_states" in self._inputs else {}
        return np.concatenate([self._run(self._next, [token], {**self._past, **extra}) for token in ids])

    def _run(self, graph: Graph, ids: Sequence[int], feeds: Mapping[str, Floats]) -> Floats:
        outputs = graph({"input_ids": np.array([ids], np.int64), **feeds})
        logits: Floats = outputs.pop("logits")[0]
        self._past = {**self._past, **{_past(name): values for name, values in outputs.items()}}
        return logits


def looping(tokens: Sequence[int]) -> int:
    """The length of the pattern that the end of `tokens` repeats `REPEATS` times, or 0."""
    for size in range(1, _LONGEST_PATTERN + 1):
        count = REPEATS * size
        if len(tokens) < max(count, _LEAST_REPEATED):
            continue
        tail = list(tokens[-max(count, -(-_LEAST_REPEATED // size) * size) :])
        if tail == tail[:size] * (len(tail) // size):
            return size
    return 0


def _past(name: str) -> str:
    return name.replace("present.", "past_key_values.", 1)


def _softmax(logits: Floats) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares
