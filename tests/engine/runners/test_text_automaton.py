"""Automata over bytes: the languages of `re`, and nothing that is not UTF-8."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.engine.runners import automaton as module
from sidecar.engine.runners.automaton import (
    DEAD,
    Either,
    Letters,
    Pattern,
    Repeated,
    Sequenced,
    Text,
    build,
    byte_ranges,
    choice,
)
from sidecar.errors import BadRequest

LEAVES = st.one_of(
    st.text("ab红🧣", max_size=3).map(Text),
    st.sampled_from(
        [
            Letters(((0x61, 0x62),)),
            Letters(((0x7A, 0x7EA2),)),
            Letters(((0xD7F0, 0xE010),)),
            Letters(((0x61, 0x61), (0xFFFF, 0x1FFFF))),
        ]
    ),
)


def _grown(inner: st.SearchStrategy[Pattern]) -> st.SearchStrategy[Pattern]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    repeated = st.tuples(inner, st.integers(0, 2), st.one_of(st.none(), st.integers(0, 2)))
    return st.one_of(
        several.map(Sequenced),
        several.map(Either),
        repeated.map(lambda parts: Repeated(parts[0], parts[1], None if parts[2] is None else parts[1] + parts[2])),
    )


PATTERNS = st.recursive(LEAVES, _grown, max_leaves=6)


def expression(pattern: Pattern) -> str:
    """The same language for `re`."""
    if isinstance(pattern, Text):
        return re.escape(pattern.text)
    if isinstance(pattern, Letters):
        return "[" + "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in pattern.ranges) + "]"
    if isinstance(pattern, Sequenced):
        return "".join(f"(?:{expression(part)})" for part in pattern.parts)
    if isinstance(pattern, Either):
        return "(?:" + "|".join(f"(?:{expression(part)})" for part in pattern.parts) + ")"
    return f"(?:{expression(pattern.part)}){{{pattern.least},{'' if pattern.most is None else pattern.most}}}"


@given(pattern=PATTERNS, text=st.text("abc红色🧣", max_size=6))
@settings(max_examples=300, deadline=None)
def test_an_automaton_matches_what_the_expression_matches(pattern: Pattern, text: str) -> None:
    assert build(pattern).matches(text) == (re.fullmatch(expression(pattern), text, re.DOTALL) is not None)


@given(pattern=PATTERNS, picks=st.lists(st.integers(0, 10**6), max_size=40))
@settings(max_examples=200, deadline=None)
def test_every_way_through_is_text_and_can_end_as_soon_as_it_says(pattern: Pattern, picks: list[int]) -> None:
    automaton = build(pattern)
    state, data = 0, bytearray()
    for pick in picks:
        (ways,) = np.nonzero(automaton.table[state] != DEAD)
        if not len(ways):
            break
        data.append(int(ways[pick % len(ways)]))
        state = int(automaton.table[state, data[-1]])
    left = int(automaton.left[state])
    while automaton.left[state]:
        following = automaton.table[state]
        nearest = min((int(automaton.left[after]), byte) for byte, after in enumerate(following) if after != DEAD)
        data.append(nearest[1])
        state = int(following[nearest[1]])
        left -= 1
    assert left == 0 and automaton.accepts[state]
    assert automaton.matches(data.decode())  # strict UTF-8


@given(low=st.integers(0, 0x10FFFF), width=st.integers(0, 0x3000), probe=st.integers(0, 0x10FFFF))
def test_byte_ranges_are_the_code_points_between(low: int, width: int, probe: int) -> None:
    high = min(0x10FFFF, low + width)
    sequences = byte_ranges(low, high)
    for point in {probe, low, high, max(0, low - 1), min(0x10FFFF, high + 1)}:
        if 0xD800 <= point < 0xE000:
            continue
        data = chr(point).encode()
        hits = sum(
            len(ranges) == len(data)
            and all(first <= byte <= last for byte, (first, last) in zip(data, ranges, strict=True))
            for ranges in sequences
        )
        assert hits == (low <= point <= high)


def test_what_must_follow_is_known() -> None:
    automaton = build(choice(["red dress", "red shoes"]))
    assert automaton.forced(0) == b"red "
    assert automaton.forced(automaton.after(0, b"red d")) == b"ress"
    assert automaton.ends(automaton.after(0, b"red dress"))
    assert build(choice(["a", "ab"])).forced(1) == b""  # the end is a choice too


@pytest.mark.parametrize("wrong", [[], [""], ["a", ""], ["\ud800"]])
def test_choices_that_are_none_are_refused(wrong: list[str]) -> None:
    with pytest.raises(BadRequest, match=r"Choices|half a character"):
        build(choice(wrong))


def test_what_grows_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Repeated(Repeated(Repeated(Text("ab"), 0, 100), 0, 100), 0, 100)
    with pytest.raises(BadRequest, match="too large"):
        build(many)
    monkeypatch.setattr(module, "MAX_STATES", 50)
    with pytest.raises(BadRequest, match="too large"):
        build(Text("x" * 60))


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(BadRequest, match="Nothing fits"):
        build(Letters(()))
