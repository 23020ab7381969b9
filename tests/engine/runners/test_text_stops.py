"""Stop strings: nothing of them is ever said, nothing else is kept back longer than needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.engine.runners.stops import Stops
from sidecar.errors import BadRequest

LETTERS = st.text("ab。", max_size=12)


@given(pieces=st.lists(LETTERS, max_size=8), stops=st.lists(LETTERS.filter(bool), max_size=3))
def test_what_is_said_is_the_text_before_the_first_stop_string(pieces: list[str], stops: list[str]) -> None:
    watch = Stops(stops)
    said = ""
    fed = ""
    for piece in pieces:
        fed += piece
        said += watch.feed(piece)
        assert watch.found == any(stop in fed for stop in stops)
        if watch.found:
            break
        kept = fed[len(said) :]
        assert kept == "" or any(stop.startswith(kept) for stop in stops)
    rest = "" if watch.found else watch.finish()
    ends = [fed.find(stop) for stop in stops if stop in fed]
    assert said + rest == (fed[: min(ends)] if ends else fed)


@pytest.mark.parametrize("wrong", [[""], ["x" * 201], ["x"] * 17])
def test_stop_strings_have_bounds(wrong: list[str]) -> None:
    with pytest.raises(BadRequest, match="stop strings"):
        Stops(wrong)
