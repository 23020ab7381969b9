"""The runner of decoder-only text models: conversations that keep what was computed.

Every run of the graph is short, so a cancel, a rest and a look at the first words come between runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, TooLarge, Unavailable
from ..runner_specs import TextGeneration
from .answer import CHUNK_TOKENS, DEFAULT, Answer, Options, Progress
from .chat import Chat, Message, Overflow
from .constrain import Constraint, Guide, Vocabulary
from .graph import Graph
from .kv_cache import Cache
from .sampling import Sampler
from .tokens import Tokenizer


class TextGenerator:
    """The runner of a `text_generation` pack. `files`: its tokenizer and chat template by name.

    `chunk`: how many tokens of a prompt one run reads; a GPU takes more at once, if its graph's logits are of the last
    position alone. Another chunk rounds otherwise, so the same answers come from the same one.
    Raises `Unavailable` when they, the manifest and the graph do not fit each other.
    """

    def __init__(
        self,
        spec: TextGeneration,
        files: Mapping[str, bytes],
        graphs: Mapping[str, Graph],
        *,
        chunk: int = CHUNK_TOKENS,
    ) -> None:
        self.spec, self.chunk = spec, chunk
        self.graph = graphs["model"]
        self.tokenizer = Tokenizer(files[spec.tokenizer], vocabulary=spec.vocabulary)
        if max(*spec.stop_ids, spec.bos_id or 0) >= spec.vocabulary:
            raise Unavailable("The model's manifest names tokens that the model does not have.")
        self.chat = self._chat(files)
        self._vocabulary: Vocabulary | None = None

    def conversation(self, *, bound: bool = True) -> Conversation:
        """A new conversation with an empty cache; `bound`: keep the cache on the device where the graph can."""
        return Conversation(self, Cache(self.graph, self.spec, bound=bound))

    def guide(self, constraint: Constraint, most: int) -> Guide:
        """The way of one answer through a constraint. Raises `BadRequest` when it may not fit into `most` tokens."""
        if self._vocabulary is None:
            self._vocabulary = Vocabulary(self.tokenizer, self.spec.stop_ids)
        return Guide(constraint, self._vocabulary, most)

    def _chat(self, files: Mapping[str, bytes]) -> Chat | None:
        if self.spec.chat_template is None:
            return None
        try:
            source = files[self.spec.chat_template].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unavailable("The model's chat template is not text.") from error
        bos = "" if self.spec.bos_id is None else self.tokenizer.text_of(self.spec.bos_id)
        return Chat(source, self.tokenizer, bos=bos, eos=self.tokenizer.text_of(self.spec.stop_ids[0]))


class Conversation:
    """A cache and the tokens in it. One answer at a time: a new one ends the one before."""

    def __init__(self, generator: TextGenerator, cache: Cache) -> None:
        self._generator = generator
        self._cache = cache
        self._tokens: list[int] = []
        self._answer: Answer | None = None

    @property
    def tokens(self) -> tuple[int, ...]:
        """What the cache holds."""
        return tuple(self._tokens)

    def reply(
        self,
        messages: Sequence[Message],
        options: Options = DEFAULT,
        *,
        overflow: Overflow = "refuse",
        template: Mapping[str, str | bool | int] | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """The answer to messages, the last of them the user's.

        What the prompt has in common with the last one and its answer is not computed again. `overflow`: refuse a
        conversation that does not fit, or leave out its oldest turns; `template`: what the template asks for beside
        messages; `progress` hears how many of how many prompt tokens are done. Raises `BadRequest`, `TooLarge`.
        """
        chat = self._generator.chat
        if chat is None:
            raise BadRequest("This model has no chat template; it only continues text.")
        room = self._generator.spec.context - options.max_tokens
        ids = chat.fitting(messages, room, overflow, options=template)
        return self.generate(ids, options, progress=progress)

    def complete(self, text: str, options: Options = DEFAULT, *, progress: Progress | None = None) -> Answer:
        """What continues a text, which gets the special tokens that the tokenizer puts before one."""
        ids = self._generator.tokenizer.encode(text, with_special=True)
        return self.generate(ids, options, progress=progress)

    def generate(
        self, prompt: Sequence[int], options: Options = DEFAULT, *, progress: Progress | None = None
    ) -> Answer:
        """The answer to a prompt of ids. Raises `BadRequest` for an empty one, `TooLarge` for one that is too long."""
        generator, spec = self._generator, self._generator.spec
        if not prompt or min(prompt) < 0 or max(prompt) >= spec.vocabulary:
            raise BadRequest("The prompt is empty, or has tokens that the model does not know.")
        if len(prompt) + options.max_tokens > spec.context:
            room = max(0, spec.context - options.max_tokens)
            raise TooLarge(f"The prompt has {len(prompt)} tokens; the model has room for {room}. Shorten it.")
        constraint = options.constraint
        guide = None if constraint is None else generator.guide(constraint, options.max_tokens)
        sampler = Sampler(options.sampling, spec.vocabulary)
        if self._answer is not None:
            self._answer.close()
        self._answer = Answer(
            self, prompt, options, tokenizer=generator.tokenizer, sampler=sampler, guide=guide,
            stop_ids=spec.stop_ids, chunk=generator.chunk, progress=progress,
        )  # fmt: skip
        return self._answer

    def reuse(self, prompt: Sequence[int]) -> int:
        """Keeps what the cache has in common with a prompt, but for its last token; returns how much that is."""
        common = 0
        for known, wanted in zip(self._tokens, prompt[:-1], strict=False):
            if known != wanted:
                break
            common += 1
        self._cache.crop(common)
        del self._tokens[common:]
        return common

    def feed(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Adds ids to the cache; the logits after the last. Raises `Terminated`, and then holds what it held before."""
        logits = self._cache.run(ids)
        self._tokens += ids
        return logits
