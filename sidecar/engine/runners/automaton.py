"""Languages as automata over bytes: patterns are put together, and become a table that says which byte may come next.

Texts are UTF-8, so a character class becomes byte ranges; an automaton never accepts half a code point. Construction
after Thompson (1968), determinised by subsets (Rabin and Scott 1959).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest

MAX_NODES = 60_000
MAX_STATES = 20_000
DEAD = -1
UNREACHABLE = 1 << 30
_LAST = 0x10FFFF
# Code points by the length of their UTF-8 form, without the surrogates, which have none.
_FORMS = ((0x00, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, _LAST))

Pattern: TypeAlias = "Text | Letters | Sequenced | Either | Repeated"


@dataclass(frozen=True)
class Text:
    """These very characters."""

    text: str


@dataclass(frozen=True)
class Letters:
    """One character out of ranges of code points, ends included."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sequenced:
    """One after the other."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True)
class Either:
    """One of these."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True)
class Repeated:
    """`least` to `most` times; None: any number of times."""

    part: Pattern
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, eq=False)
class Automaton:
    """A language. `table`: int32 [states, 256], the next state or -1; state 0 is the start.

    `left`: how many bytes at least lead from a state to an accepting one; every state can reach one. `named` [256]:
    the bytes of texts that the pattern names, unlike those of its character classes.
    """

    table: NDArray[np.int32]
    accepts: NDArray[np.bool_]
    left: NDArray[np.int32] = field(repr=False)
    named: NDArray[np.bool_] = field(repr=False)

    def after(self, state: int, data: bytes) -> int:
        """The state after these bytes, or -1."""
        for byte in data:
            if state == DEAD:
                break
            state = int(self.table[state, byte])
        return state

    def matches(self, text: str) -> bool:
        """Whether a text is in the language."""
        state = self.after(0, text.encode())
        return state != DEAD and bool(self.accepts[state])

    def ends(self, state: int) -> bool:
        """Whether a state accepts and nothing may follow."""
        return bool(self.accepts[state]) and bool((self.table[state] == DEAD).all())

    def spelled(self, bytes_: NDArray[np.bool_]) -> Automaton:
        """The texts that are made of these bytes [256] alone. Raises `BadRequest` when there are none."""
        return _trimmed(np.where(bytes_, self.table, np.int32(DEAD)), self.accepts, self.named)

    def forced(self, state: int) -> bytes:
        """What must follow, as far as there is no choice; the end of the text is a choice too."""
        found = bytearray()
        seen = {state}
        while not self.accepts[state]:
            (ways,) = np.nonzero(self.table[state] != DEAD)
            if len(ways) != 1:
                break
            state = int(self.table[state, ways[0]])
            if state in seen:  # a ring that accepts nothing is ruled out by `left`, but not by the loop
                break
            seen.add(state)
            found.append(int(ways[0]))
        return bytes(found)


def choice(texts: Sequence[str]) -> Pattern:
    """One of these texts. Raises `BadRequest` for none, or for an empty one."""
    if not texts or not all(texts):
        raise BadRequest("Choices are one text or more, none of them empty.")
    return Either(tuple(Text(text) for text in texts))


def build(pattern: Pattern) -> Automaton:
    """The automaton of a pattern. Raises `BadRequest` when it grows too large."""
    nodes = _Nodes()
    start, end = nodes.new(), nodes.new()
    nodes.add(pattern, start, end)
    return _determinised(nodes, start, end)


class _Nodes:
    """Thompson's construction: nodes with empty steps, and with steps over a range of bytes."""

    def __init__(self) -> None:
        self.empty: list[list[int]] = []
        self.steps: list[list[tuple[int, int, int]]] = []
        self.named = np.zeros(256, bool)

    def new(self) -> int:
        if len(self.empty) >= MAX_NODES:
            raise BadRequest("The grammar is too large; use shorter limits.")
        self.empty.append([])
        self.steps.append([])
        return len(self.empty) - 1

    def add(self, pattern: Pattern, start: int, end: int) -> None:
        """Lets `pattern` lead from `start` to `end`."""
        if isinstance(pattern, Text):
            data = _encoded(pattern.text)
            self.named[list(data)] = True
            self._bytes([(byte, byte) for byte in data], start, end)
        elif isinstance(pattern, Letters):
            for low, high in pattern.ranges:
                for sequence in byte_ranges(low, high):
                    self._bytes(sequence, start, end)
        elif isinstance(pattern, Sequenced):
            self._sequence(pattern.parts, start, end)
        elif isinstance(pattern, Either):
            for part in pattern.parts:
                self.add(part, start, end)
        else:
            self._repeat(pattern, start, end)

    def _bytes(self, ranges: Sequence[tuple[int, int]], start: int, end: int) -> None:
        if not ranges:
            self.empty[start].append(end)
        for place, (low, high) in enumerate(ranges):
            target = end if place == len(ranges) - 1 else self.new()
            self.steps[start].append((low, high, target))
            start = target

    def _sequence(self, parts: Sequence[Pattern], start: int, end: int) -> None:
        for part in parts:
            target = self.new()
            self.add(part, start, target)
            start = target
        self.empty[start].append(end)

    def _repeat(self, pattern: Repeated, start: int, end: int) -> None:
        for _ in range(pattern.least):
            target = self.new()
            self.add(pattern.part, start, target)
            start = target
        if pattern.most is None:
            ring = self.new()
            self.empty[start].append(ring)
            self.add(pattern.part, ring, ring)
            self.empty[ring].append(end)
            return
        self.empty[start].append(end)
        for _ in range(pattern.most - pattern.least):
            target = self.new()
            self.add(pattern.part, start, target)
            self.empty[target].append(end)
            start = target


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest("A text of the grammar holds half a character.") from error


def _determinised(nodes: _Nodes, start: int, end: int) -> Automaton:
    first = _closure(nodes, [start])
    known = {first: 0}
    order, rows = [first], []
    for members in order:
        row = np.full(256, DEAD, np.int32)
        for low, high, targets in _split([step for node in members for step in nodes.steps[node]]):
            reached = _closure(nodes, targets)
            if reached not in known:
                if len(order) >= MAX_STATES:
                    raise BadRequest("The grammar is too large; use shorter limits.")
                known[reached] = len(order)
                order.append(reached)
            row[low : high + 1] = known[reached]
        rows.append(row)
    accepts = np.array([end in members for members in order])
    return _trimmed(np.stack(rows), accepts, nodes.named)


def _closure(nodes: _Nodes, starts: Sequence[int]) -> frozenset[int]:
    found, waiting = set(starts), list(starts)
    while waiting:
        for target in nodes.empty[waiting.pop()]:
            if target not in found:
                found.add(target)
                waiting.append(target)
    return frozenset(found)


def _split(steps: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, list[int]]]:
    """Ranges that overlap, as ranges that do not, each with all that it leads to."""
    edges = sorted({low for low, _, _ in steps} | {high + 1 for _, high, _ in steps})
    pieces = []
    for low, after in pairwise(edges):
        targets = [target for first, last, target in steps if first <= low and after - 1 <= last]
        if targets:
            pieces.append((low, after - 1, targets))
    return pieces


def _trimmed(table: NDArray[np.int32], accepts: NDArray[np.bool_], named: NDArray[np.bool_]) -> Automaton:
    """Without the states that lead to no accepting one, and with the way left from each of the others."""
    left = _ways_left(table, accepts)
    if left[0] == UNREACHABLE:
        raise BadRequest("Nothing fits the grammar.")
    kept = left < UNREACHABLE
    number = np.where(kept, np.cumsum(kept) - 1, DEAD).astype(np.int32)
    renamed = np.where(table == DEAD, DEAD, number[table]).astype(np.int32)
    return Automaton(renamed[kept], accepts[kept], left[kept], named)


def _ways_left(table: NDArray[np.int32], accepts: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Bytes from each state to the nearest accepting one, found from there backwards."""
    origins, steps = np.nonzero(table != DEAD)
    targets = table[origins, steps]
    origins = origins[np.argsort(targets, kind="stable")]
    bounds = np.searchsorted(np.sort(targets), np.arange(len(table) + 1))
    left = np.where(accepts, 0, UNREACHABLE).astype(np.int32)
    front, distance = np.nonzero(accepts)[0], 0
    while len(front):
        distance += 1
        before = np.unique(np.concatenate([origins[bounds[state] : bounds[state + 1]] for state in front]))
        front = before[left[before] == UNREACHABLE]
        left[front] = distance
    return left


def byte_ranges(low: int, high: int) -> list[list[tuple[int, int]]]:
    """UTF-8 of the code points from `low` to `high`, as sequences of byte ranges; surrogates have none."""
    found: list[list[tuple[int, int]]] = []
    for first, last in _FORMS:
        start, stop = max(low, first), min(high, last)
        if start <= stop:
            found += _ranges(chr(start).encode(), chr(stop).encode())
    return found


def _ranges(low: bytes, high: bytes) -> list[list[tuple[int, int]]]:
    """Between two UTF-8 forms of one length: the first byte alone, or split where the following are not all free."""
    if len(low) == 1:
        return [[(low[0], high[0])]]
    least, most = b"\x80" * (len(low) - 1), b"\xbf" * (len(low) - 1)
    if low[0] == high[0]:
        return [[(low[0], low[0]), *rest] for rest in _ranges(low[1:], high[1:])]
    found: list[list[tuple[int, int]]] = []
    first, last = low[0], high[0]
    if low[1:] != least:
        found += [[(first, first), *rest] for rest in _ranges(low[1:], most)]
        first += 1
    tail: list[list[tuple[int, int]]] = []
    if high[1:] != most:
        tail = [[(last, last), *rest] for rest in _ranges(least, high[1:])]
        last -= 1
    if first <= last:
        found.append([(first, last), *[(0x80, 0xBF)] * (len(low) - 1)])
    return found + tail
