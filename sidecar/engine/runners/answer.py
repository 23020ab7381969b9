"""One answer of a text model, token by token: choosing, ending, and text as soon as it is certain."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest
from .constrain import Constraint, Guide
from .sampling import GREEDY, Sampler, Sampling
from .stops import Stops
from .tokens import TextStream, Tokenizer

CHUNK_TOKENS = 32  # of a prompt in one run: on a processor more is little faster, and holds others up for longer
MAX_NEW_TOKENS = 4096
Reason = Literal["stop", "length", "stop_string", "complete"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to answer: at most `max_tokens`, until one of `stop` (which is left out), in the language of `constraint`."""

    max_tokens: int = 256
    sampling: Sampling = GREEDY
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_tokens <= MAX_NEW_TOKENS:
            raise BadRequest(f"max_tokens lies between 1 and {MAX_NEW_TOKENS}.")
        if self.constraint is not None and self.stop:
            raise BadRequest("A constraint ends the answer by itself; leave stop strings out.")


DEFAULT = Options()


@dataclass(frozen=True)
class Piece:
    """What one step gave: text that is certain (may be empty), and the token; None for text that needed no token."""

    text: str
    token: int | None


@dataclass
class Usage:
    """What an answer cost. `reused`: prompt tokens that were computed before. The consumer's time is not counted."""

    prompt: int = 0
    reused: int = 0
    generated: int = 0
    prompt_s: float = 0.0
    answer_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second after the first, which the prompt's last run gives; 0 before the second."""
        return (self.generated - 1) / self.answer_s if self.generated > 1 and self.answer_s > 0 else 0.0


class Feeder(Protocol):
    """The conversation, as an answer sees it."""

    def reuse(self, prompt: Sequence[int]) -> int:
        """Keeps what is already computed of a prompt, but for its last token; returns how much that is."""

    def feed(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Adds ids; the logits after the last, float32 [vocabulary]. May raise `Terminated`."""


class Answer:
    """An iterator of `Piece`; nothing runs before the first is asked for, or after `close`.

    `usage` and `tokens` grow while it runs; `reason` says at the end why it ended: a stop token, `max_tokens`, a stop
    string, or a constraint that is fulfilled. Raises what the runs raise: `Terminated` when the call was cancelled.
    """

    def __init__(
        self,
        feeder: Feeder,
        prompt: Sequence[int],
        options: Options,
        *,
        tokenizer: Tokenizer,
        sampler: Sampler,
        guide: Guide | None,
        stop_ids: Sequence[int],
        chunk: int,
        progress: Progress | None = None,
    ) -> None:
        self.usage = Usage(prompt=len(prompt))
        self.tokens: list[int] = []
        self.reason: Reason | None = None
        self._feeder, self._prompt, self._options = feeder, list(prompt), options
        self._sampler, self._guide, self._stop_ids = sampler, guide, frozenset(stop_ids)
        self._chunk, self._progress = chunk, progress
        self._stream, self._stops = TextStream(tokenizer), Stops(options.stop)
        self._remaining = options.max_tokens
        self._pieces = self._run()

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        return next(self._pieces)

    def close(self) -> None:
        """Ends the answer: no run begins any more."""
        self._pieces.close()

    def text(self) -> str:
        """The rest of the answer at once."""
        return "".join(piece.text for piece in self)

    # -- running -------------------------------------------------------------------------------------------------

    def _run(self) -> Generator[Piece, None, None]:
        logits = self._read_prompt()
        while self.reason is None:
            if self._guide and (end := self._guide.forced_end()):
                self.reason = "complete"
                yield Piece(self._stream.feed_bytes(end), None)
                break
            forced = self._guide.forced_tokens() if self._guide else []
            if forced:
                yield from self._take(forced)
                logits = self._feed(forced)
                continue
            token = self._choose(logits)
            if token in self._stop_ids:
                self.reason = "stop"
                break
            yield from self._take([token])
            if self.reason is None:
                logits = self._feed([token])
        if self.reason != "stop_string" and (rest := self._rest()):
            yield Piece(rest, None)

    def _read_prompt(self) -> NDArray[np.float32]:
        """The prompt in chunks, but for what is known; the logits after it."""
        self._sampler.saw(self._prompt)
        start = time.perf_counter()
        done = self.usage.reused = self._feeder.reuse(self._prompt)
        self.usage.prompt_s += time.perf_counter() - start
        while True:
            start = time.perf_counter()
            chunk = self._prompt[done : done + self._chunk]
            logits = self._feeder.feed(chunk)
            done += len(chunk)
            self.usage.prompt_s += time.perf_counter() - start
            if self._progress is not None:
                self._progress(done, len(self._prompt))
            if done == len(self._prompt):
                return logits

    def _choose(self, logits: NDArray[np.float32]) -> int:
        start = time.perf_counter()
        token = self._sampler.choose(logits, self._guide.allowed(self._remaining) if self._guide else None)
        if self.tokens:
            self.usage.answer_s += time.perf_counter() - start
        return token

    def _feed(self, ids: list[int]) -> NDArray[np.float32]:
        start = time.perf_counter()
        logits = self._feeder.feed(ids)
        self.usage.answer_s += time.perf_counter() - start
        return logits

    def _take(self, ids: list[int]) -> Iterator[Piece]:
        """Adds tokens to the answer; says in `reason` when it is at its end."""
        for token in ids:
            self.tokens.append(token)
            self.usage.generated += 1
            self._remaining -= 1
            self._sampler.saw([token])
            if self._guide:
                self._guide.advance(token)
            text = self._stops.feed(self._stream.feed(token))
            self.reason = self._reason()
            yield Piece(text, token)

    def _reason(self) -> Reason | None:
        if self._stops.found:
            return "stop_string"
        if self._guide and (self._guide.must_end or (self._remaining == 0 and self._guide.may_end)):
            return "complete"
        return "length" if self._remaining == 0 else None

    def _rest(self) -> str:
        return self._stops.feed(self._stream.finish()) + self._stops.finish()
