from __future__ import annotations

import numpy as np
import pytest

from sidecar.engine.runners.ctc import Alphabet

LETTERS = Alphabet("a\nb\n字".encode())  # classes: blank, a, b, 字, space


def steps(*best: tuple[int, float]) -> np.ndarray:
    rows = np.zeros((len(best), 5), np.float32)
    for row, (index, probability) in zip(rows, best, strict=True):
        row[:] = (1.0 - probability) / 4
        row[index] = probability
    return rows


def test_repeats_are_one_character_and_blanks_part_them() -> None:
    reading = LETTERS.decode(steps((1, 0.9), (1, 0.8), (0, 0.9), (1, 0.7), (3, 0.6), (4, 0.5), (2, 0.9)))
    assert reading.text == "aa字 b"
    np.testing.assert_allclose(reading.scores, [0.9, 0.7, 0.6, 0.5, 0.9], atol=1e-6)
    assert reading.score == pytest.approx(0.72)
    np.testing.assert_allclose(reading.centres, [0.5 / 7, 3.5 / 7, 4.5 / 7, 5.5 / 7, 6.5 / 7])


def test_a_space_may_be_second_to_the_blank() -> None:
    rows = steps((1, 0.9), (0, 0.9), (2, 0.9), (0, 0.9), (0, 0.9), (1, 0.9), (4, 0.9), (0, 0.9), (3, 0.9))
    rows[:, 4] = np.where(rows.argmax(axis=1) == 4, 0.9, [0.5, 0.001, 0.001, 0.001, 0.06, 0.6, 0.9, 0.5, 0.001])
    assert LETTERS.decode(rows, space_above=0.05).text == "ab a 字"
    assert LETTERS.decode(rows).text == "aba 字"
    assert LETTERS.decode(rows, space_above=0.05).scores == LETTERS.decode(rows).scores


def test_nothing_but_blanks_reads_as_nothing() -> None:
    reading = LETTERS.decode(steps((0, 0.9), (0, 0.9)))
    assert (reading.text, reading.score, reading.scores) == ("", 0.0, ())
    assert LETTERS.decode(np.zeros((0, 5), np.float32)).text == ""


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="its alphabet 5"):
        LETTERS.decode(np.zeros((3, 6), np.float32))


def test_the_last_line_may_end_the_file_or_not() -> None:
    assert len(Alphabet(b"a\nb\n")) == len(Alphabet(b"a\nb")) == len(Alphabet(b"a\r\nb\r\n")) == 4


@pytest.mark.parametrize("bad", [b"", b"a\n\nb", b"a\nfar too long\n", b"\xff\xfe", b"a\n" * (1 << 20)])
def test_a_file_that_is_no_alphabet_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError):
        Alphabet(bad)
