"""Answers that are valid by construction: of all tokens, only those that keep the text in a language may be chosen.

Every token is followed through the language's automaton byte by byte, so any way to cut a text into tokens is open to
the model. While tokens run short only those remain that still allow to end in time.
"""

from __future__ import annotations

import codecs
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, Unavailable
from .automaton import DEAD, Automaton, build, choice
from .json_schema import pattern
from .tokens import Tokenizer, spell

KEPT_BYTES = 32 * 2**20
KEPT_AUTOMATA = 4
Walk = tuple[NDArray[np.int64], NDArray[np.int32]]


@dataclass(frozen=True, eq=False)
class Constraint:
    """A language that the answer must be in. Make one with `choices` or `json_schema`; it may be used again."""

    automaton: Automaton


def choices(texts: Sequence[str]) -> Constraint:
    """The answer is one of these texts. Raises `BadRequest` for none or for an empty one."""
    return Constraint(build(choice(texts)))


def json_schema(schema: Mapping[str, Any]) -> Constraint:
    """The answer is JSON of this schema; see `json_schema.pattern` for what a schema may say. Raises `BadRequest`."""
    return Constraint(build(pattern(schema)))


class Vocabulary:
    """The bytes of every token, laid out so that all of them walk through an automaton at once.

    `stop_ids` end an answer, so they spell nothing even where the tokenizer says so.
    """

    def __init__(self, tokenizer: Tokenizer, stop_ids: Sequence[int]) -> None:
        self.tokenizer = tokenizer
        self.stop_ids = np.array(sorted(set(stop_ids)), np.int64)
        ending = set(stop_ids)
        pieces = [b"" if token in ending else piece for token, piece in enumerate(tokenizer.pieces)]
        self._bytes = np.frombuffer(b"".join(pieces), np.uint8)
        self._lengths = np.array([len(piece) for piece in pieces], np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        spelled = np.nonzero(self._lengths)[0]
        first = self._bytes[self._starts[spelled]]
        order = spelled[np.argsort(first, kind="stable")]
        bounds = np.searchsorted(np.sort(first), np.arange(257))
        self._by_first = [order[bounds[byte] : bounds[byte + 1]] for byte in range(256)]
        self._single = np.zeros(256, bool)
        self._single[self._bytes[self._starts[self._lengths == 1]]] = True
        self._known: OrderedDict[Automaton, _Walks] = OrderedDict()

    def spellable(self, automaton: Automaton) -> Automaton:
        """The language without texts that need a byte which is no token of its own: the model could get stuck in them.

        Raises `Unavailable` when such a byte belongs to a text that is named, `BadRequest` when nothing is left.
        """
        if not self._single[automaton.named].all():
            raise Unavailable("The model's tokenizer cannot spell a text of the grammar.")
        used = (automaton.table != DEAD).any(axis=0)
        return automaton if self._single[used].all() else automaton.spelled(self._single)

    def walks(self, automaton: Automaton) -> _Walks:
        """The walks through one automaton, as far as they are known; the same for every answer that it guides."""
        walks = self._known.pop(automaton, None) or _Walks(self, self.spellable(automaton))
        self._known[automaton] = walks
        if len(self._known) > KEPT_AUTOMATA:
            self._known.popitem(last=False)
        return walks

    def walk(self, automaton: Automaton, state: int) -> Walk:
        """The tokens that may follow a state, ascending, and the state after each."""
        row = automaton.table[state]
        open_bytes = np.nonzero(row != DEAD)[0]
        if not len(open_bytes):
            return np.zeros(0, np.int64), np.zeros(0, np.int32)
        tokens = np.concatenate([self._by_first[byte] for byte in open_bytes])
        states = row[self._bytes[self._starts[tokens]]]
        done_tokens, done_states = [], []
        place = 1
        while len(tokens):
            ended = self._lengths[tokens] == place
            done_tokens.append(tokens[ended])
            done_states.append(states[ended])
            tokens, states = tokens[~ended], states[~ended]
            states = automaton.table[states, self._bytes[self._starts[tokens] + place]]
            alive = states != DEAD
            tokens, states = tokens[alive], states[alive]
            place += 1
        found, reached = np.concatenate(done_tokens), np.concatenate(done_states)
        order = np.argsort(found)
        return found[order], reached[order]


class _Walks:
    """The walks from the states of one automaton, the least used ones forgotten."""

    def __init__(self, vocabulary: Vocabulary, automaton: Automaton) -> None:
        self.automaton = automaton
        self._vocabulary = vocabulary
        self._found: OrderedDict[int, Walk] = OrderedDict()
        self._bytes = 0

    def after(self, state: int) -> Walk:
        """The tokens that may follow, and the state after each."""
        walk = self._found.pop(state, None)
        if walk is None:
            walk = self._vocabulary.walk(self.automaton, state)
            self._bytes += walk[0].nbytes + walk[1].nbytes
            while self._found and self._bytes > KEPT_BYTES:
                _, old = self._found.popitem(last=False)
                self._bytes -= old[0].nbytes + old[1].nbytes
        self._found[state] = walk
        return walk


class Guide:
    """One answer's way through a language. Raises `BadRequest` when it may not fit into `most` tokens."""

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary, most: int) -> None:
        self._vocabulary = vocabulary
        self._walks = vocabulary.walks(constraint.automaton)
        self._automaton = self._walks.automaton
        self.state = 0
        if self._automaton.left[0] > most:  # one token a byte is always possible, so this many are enough
            raise BadRequest(f"The grammar's shortest text may need {self._automaton.left[0]} tokens; allow as many.")

    @property
    def may_end(self) -> bool:
        """Whether the text is complete."""
        return bool(self._automaton.accepts[self.state])

    @property
    def must_end(self) -> bool:
        """Whether the text is complete and nothing may follow."""
        return self._automaton.ends(self.state)

    def allowed(self, remaining: int) -> NDArray[np.int64]:
        """The ids to choose from, stop ids among them where the text may end; `remaining`: tokens left."""
        tokens, states = self._walks.after(self.state)
        fits = self._automaton.left[states] < remaining
        tokens = tokens if fits.all() else tokens[fits]
        return np.concatenate([tokens, self._vocabulary.stop_ids]) if self.may_end else tokens

    def advance(self, token: int) -> None:
        """The token was chosen."""
        self.state = self._automaton.after(self.state, self._vocabulary.tokenizer.pieces[token])

    def forced_end(self) -> bytes:
        """The rest of the text, when it has no choice left; empty otherwise."""
        forced = self._automaton.forced(self.state)
        return forced if forced and self._automaton.ends(self._automaton.after(self.state, forced)) else b""

    def forced_tokens(self) -> list[int]:
        """Tokens that spell what must follow, so that they need no choosing, a whole run of them at once.

        The last one is left to the model: what comes after it may belong into one token with it.
        """
        text = _whole_letters(self._automaton.forced(self.state))
        tokens = self._vocabulary.tokenizer.encode(text.decode()) if text else []
        known = all(self._vocabulary.tokenizer.pieces[token] for token in tokens)
        return tokens[:-1] if known and spell(self._vocabulary.tokenizer, tokens) == text else []


def _whole_letters(data: bytes) -> bytes:
    """The letters that are complete; none where the first byte ends a letter that a token began."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data).encode()
    except UnicodeDecodeError:
        return b""
