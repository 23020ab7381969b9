"""Messages to a prompt: the model's own chat template, special tokens that only it may write, and what to do when a
conversation outgrows the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import BadRequest, TooLarge
from .template_guard import Template
from .tokens import MAX_TEXT_CHARS, Tokenizer

Role = Literal["system", "user", "assistant"]
Overflow = Literal["refuse", "trim"]
MAX_MESSAGES = 1024


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


class Chat:
    """A chat template with its tokenizer. `bos`, `eos`: how the special tokens are written that templates ask for."""

    def __init__(self, source: str, tokenizer: Tokenizer, *, bos: str, eos: str) -> None:
        self._template = Template(source)
        self._tokenizer = tokenizer
        self._named = {"bos_token": bos, "eos_token": eos}

    def prompt(self, messages: Sequence[Message], *, options: Mapping[str, str | bool | int] | None = None) -> str:
        """The text that the model answers to. `options`: what a template asks for beside messages.

        Raises `BadRequest` for no messages, too many, or when the template refuses them.
        """
        if not 0 < len(messages) <= MAX_MESSAGES:
            raise BadRequest(f"A conversation has 1 to {MAX_MESSAGES} messages.")
        if sum(len(message.content) for message in messages) > MAX_TEXT_CHARS:
            raise BadRequest(f"A conversation has at most {MAX_TEXT_CHARS} characters.")
        special = self._tokenizer.special_texts
        turns = [{"role": turn.role, "content": without(turn.content, special)} for turn in messages]
        fixed = {"messages": turns, "tools": None, "documents": None, "add_generation_prompt": True, **self._named}
        return self._template.render({**(options or {}), **fixed})

    def fitting(
        self,
        messages: Sequence[Message],
        room: int,
        overflow: Overflow,
        *,
        options: Mapping[str, str | bool | int] | None = None,
    ) -> list[int]:
        """The ids of the prompt, at most `room` of them.

        `trim` leaves out the oldest turns after the system's, and begins with a user's; `refuse` raises `TooLarge`, as
        does a last turn that does not fit alone.
        """

        def encoded(first: int) -> list[int]:
            return self._tokenizer.encode(self.prompt([*messages[:head], *messages[first:]], options=options))

        head = 1 if messages and messages[0].role == "system" else 0
        ids = encoded(head)
        if len(ids) <= room:
            return ids
        starts = [place for place in range(head + 1, len(messages)) if messages[place].role == "user"]
        if overflow == "trim" and starts:
            ids = _longest(starts, encoded, room)
        if len(ids) > room:
            raise TooLarge(f"The conversation has {len(ids)} tokens; the model has room for {room}. Shorten it.")
        return ids


def without(text: str, special: Sequence[str]) -> str:
    """The text with a space for each name of a special token: who writes a message must not end it and speak for
    another. Raises `BadRequest` if that makes a new one."""
    if not any(name in text for name in special):
        return text
    text = re.sub("|".join(re.escape(name) for name in special), " ", text)
    if any(name in text for name in special):
        raise BadRequest("A message holds names of the model's special tokens.")
    return text


def _longest(starts: Sequence[int], encoded: Callable[[int], list[int]], room: int) -> list[int]:
    """The prompt from the earliest start that fits, by bisection; from the last one if none does."""
    low, high = 0, len(starts) - 1
    best = encoded(starts[high])
    while low < high:
        middle = (low + high) // 2
        ids = encoded(starts[middle])
        if len(ids) <= room:
            best, high = ids, middle
        else:
            low = middle + 1
    return best
