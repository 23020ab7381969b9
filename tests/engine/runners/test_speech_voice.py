from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from speech_fakes import RATE, VAD, LoudnessVad, tone

from sidecar.engine.runners.speech import joined
from sidecar.engine.runners.voice import RUN_WINDOWS, Rules, Span, VoiceDetector, spans_of
from sidecar.errors import BadRequest, Unavailable

WINDOW = 512


def detector() -> tuple[VoiceDetector, LoudnessVad]:
    graph = LoudnessVad()
    return VoiceDetector(VAD, {}, {"model": graph}), graph


def spans(pattern: str, rules: Rules = Rules(padding_s=0.0)) -> list[tuple[int, int]]:  # noqa: B008
    """`#` speech, `-` a probability between the two thresholds, `.` none; ends in windows."""
    values = np.array([{"#": 0.9, "-": 0.4, ".": 0.01}[letter] for letter in pattern], np.float32)
    found = spans_of(values, rules, window=WINDOW, threshold=0.5, length=len(values) * WINDOW)
    return [(span.begin // WINDOW, span.end // WINDOW) for span in found]


def test_speech_is_found_and_short_pauses_belong_to_it() -> None:
    assert spans("." * 20 + "#" * 20 + "." * 20) == [(20, 40)]
    assert spans("#" * 20 + "." * 5 + "#" * 20 + "." * 20) == [(0, 45)]
    assert spans("#" * 20 + "." * 12 + "#" * 20) == [(0, 20), (32, 52)]


def test_clicks_are_no_speech() -> None:
    assert spans("." * 20 + "##" + "." * 20) == []
    assert spans("#" * 8) == [(0, 8)]  # a quarter of a second


def test_between_the_thresholds_nothing_changes() -> None:
    assert spans("#" * 10 + "-" * 30 + "." * 20) == [(0, 40)]
    assert spans("." * 10 + "-" * 30) == []
    assert spans("#" * 10 + "." * 5 + "-" * 3 + "." * 5 + "." * 20) == [(0, 10)]  # the pause goes on


def test_padding_stops_half_way_to_the_neighbours_and_at_the_ends() -> None:
    rules = Rules(padding_s=0.5)
    assert spans("#" * 20 + "." * 12 + "#" * 20, rules) == [(0, 26), (26, 52)]


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    rules = Rules(padding_s=0.0, longest_s=100 * WINDOW / RATE)
    assert spans("#" * 70 + "-" + "#" * 60, rules) == [(0, 70), (70, 131)]
    pieces = spans("#" * 450, rules)
    assert pieces[0][0] == 0 and pieces[-1][1] == 450
    assert all(a[1] == b[0] for a, b in pairwise(pieces))


@given(st.text("#-.", max_size=200), st.floats(0, 1), st.integers(2, 60))
def test_pieces_are_in_order_apart_and_inside(pattern: str, padding: float, longest: int) -> None:
    found = spans(pattern, Rules(padding_s=padding, longest_s=longest * WINDOW / RATE))
    assert all(0 <= begin < end <= len(pattern) for begin, end in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert bool(found) <= ("#" in pattern)


def test_a_sound_is_heard_in_windows_with_what_came_before() -> None:
    made, graph = detector()
    sound = np.concatenate([np.zeros(RATE, np.float32), tone(1.0), np.zeros(RATE, np.float32)])
    (span,) = made.spans(sound)
    assert span.begin == pytest.approx(RATE - 1600, abs=WINDOW) and span.end == pytest.approx(
        2 * RATE + 1600, abs=WINDOW
    )
    windows = np.concatenate(graph.seen)
    np.testing.assert_array_equal(windows[0, :64], 0)
    np.testing.assert_array_equal(windows[1:, :64], windows[:-1, -64:])
    assert graph.counted == len(windows) == -(-len(sound) // WINDOW)


def test_pieces_of_any_length_are_heard_as_the_whole_is() -> None:
    (made, graph), (whole, heard) = detector(), detector()
    sound = np.random.default_rng(1).standard_normal(40_000).astype(np.float32) * 0.2
    stream = made.stream()
    pieces = np.split(sound, [1, 5, 700, 5_000, 5_001, 30_000])
    found = np.concatenate([stream.feed(piece) for piece in pieces])
    np.testing.assert_array_equal(found, whole.probabilities(sound)[: len(found)])
    np.testing.assert_array_equal(np.concatenate(graph.seen), np.concatenate(heard.seen)[: len(found)])
    assert len(found) == len(sound) // WINDOW


def test_a_long_sound_is_several_runs() -> None:
    made, graph = detector()
    made.probabilities(np.zeros(WINDOW * (RUN_WINDOWS + 5), np.float32))
    assert graph.sizes == [RUN_WINDOWS, 5]


def test_silence_nothing_and_bad_sound() -> None:
    made, _ = detector()
    assert made.spans(np.zeros(RATE, np.float32)) == [] == made.spans(np.zeros(0, np.float32))
    with pytest.raises(BadRequest):
        made.spans(np.full(RATE, np.inf, np.float32))


def test_a_graph_of_another_kind_is_refused() -> None:
    graph = LoudnessVad()
    graph.inputs = graph.inputs[:1]
    with pytest.raises(Unavailable, match="not those of voice activity"):
        VoiceDetector(VAD, {}, {"model": graph})


def test_neighbours_are_one_utterance_as_long_as_they_fit() -> None:
    second = RATE
    apart = [Span(0, 2 * second), Span(3 * second, 5 * second), Span(9 * second, 11 * second)]
    assert joined(apart, gap=1.0, longest=28.0) == [Span(0, 5 * second), Span(9 * second, 11 * second)]
    assert joined(apart, gap=10.0, longest=6.0) == [Span(0, 5 * second), Span(9 * second, 11 * second)]
    assert joined([], gap=1.0, longest=1.0) == []
