"""The reader over networks that read block writing: each block's grey is its letter, a bright stripe marks its foot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from picture_fakes import FakeGraph

from sidecar.engine.runner_specs import Preprocessing, TextReading
from sidecar.engine.runners.graph import Terminated
from sidecar.engine.runners.reading import Reader

LETTERS = "abcdefgh"
HEIGHT, BLOCK = 24, 24
PAPER, FOOT = 255, 225
SPEC = TextReading(
    characters="letters.txt",
    detector=Preprocessing(
        colour="grey", low=0.0, high=255.0, layout="nchw", width=None, height=None, multiple=32, fit="stretch"
    ),
    recogniser=Preprocessing(colour="grey", low=0.0, high=255.0, layout="nchw", width=None, height=48, fit="stretch"),
    bucket=64,
    longest_side=416,
)


def written(text: str) -> NDArray[np.uint8]:
    line = np.full((HEIGHT, BLOCK * len(text)), PAPER, np.uint8)
    for index, letter in enumerate(text):
        block = line[:, index * BLOCK : (index + 1) * BLOCK]
        block[:] = 20 + 22 * LETTERS.index(letter)
        block[-5:] = FOOT
    return line


def page(lines: Mapping[tuple[int, int], str], *, turns: int = 0) -> NDArray[np.uint8]:
    grey = np.full((320, 416), PAPER, np.uint8)
    for (x, y), text in lines.items():
        block = written(text)
        grey[y : y + HEIGHT, x : x + block.shape[1]] = block
    return np.repeat(np.rot90(grey, turns)[..., None], 3, axis=2).copy()


def detect(feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What is not paper, shrunk as the detector was trained to see it."""
    text = (feeds["image"][0, 0] < PAPER - 8).astype(np.uint8)
    core = cv2.erode(text, np.ones((15, 15), np.uint8))
    return {"probability": np.where(core, np.float32(0.9), np.float32(0.05))[None, None]}


def recognise(feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The letter by the grey in each 8 pixels; unsure where the foot is at the top. Zeros are padding.

    A line that begins with `c` seems right on its head, too, as some do to real networks.
    """
    batch = feeds["image"][:, 0]
    assert batch.shape[1] == 48 and batch.shape[2] % 64 == 0
    probabilities = np.zeros((len(batch), batch.shape[2] // 8, len(LETTERS) + 2), np.float32)
    for line, out in zip(batch, probabilities, strict=True):
        upside_down = line[3:9].max() > 215 > line[-9:-3].max() if line.max() else False
        for step, row in enumerate(out):
            column = line[:, step * 8 : step * 8 + 8]
            spread = float(column[16:28].max() - column[16:28].min())
            level = float(column[16:28].mean())
            index = round((level - 20) / 22)
            clear = spread < 6 and 10 < level < 200 and abs(level - 20 - 22 * index) < 4
            seems_right = abs(float(line[20:28, 16:32].mean()) - 20 - 22 * LETTERS.index("c")) < 4
            row[1 + index if clear else 0] = 0.95 if not upside_down else 0.9 if seems_right else 0.4
    return {"probabilities": probabilities}


def reader() -> tuple[Reader, FakeGraph, FakeGraph]:
    detector = FakeGraph(detect, inputs="image", outputs="probability")
    recogniser = FakeGraph(recognise, inputs="image", outputs="probabilities")
    files = {"letters.txt": "\n".join(LETTERS).encode()}
    return Reader(SPEC, files, {"detector": detector, "recogniser": recogniser}), detector, recogniser


TWO_COLUMNS = {(24, 40): "abcd", (220, 42): "hgfe", (24, 120): "acegbd", (24, 200): "habc"}


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_lines_are_found_read_and_ordered_however_the_picture_lies(turns: int) -> None:
    lines = reader()[0].read(page(TWO_COLUMNS, turns=turns))
    assert [line.text for line in lines] == ["abcd", "hgfe", "acegbd", "habc"]
    assert all(line.score > 0.9 for line in lines)


def test_corners_are_in_the_pictures_pixels_and_begin_where_the_text_does() -> None:
    big = cv2.resize(page(TWO_COLUMNS), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    found, detector, _ = reader()
    line = found.read(big)[0]
    assert detector.calls[0]["image"] == (1, 1, 320, 416)
    np.testing.assert_allclose(line.corners, [[72, 120], [360, 120], [360, 192], [72, 192]], atol=12)
    upside_down = reader()[0].read(page(TWO_COLUMNS, turns=2))[0]
    np.testing.assert_allclose(upside_down.corners[0], [416 - 24, 320 - 40], atol=5)


def test_lines_of_one_width_run_together_and_the_rest_apart() -> None:
    many = {(20, 10 + 34 * row): "abcdefgh"[: 4 + 4 * (row % 2)] for row in range(9)}
    found, _, recogniser = reader()
    assert [line.text for line in found.read(page(many))] == list(many.values())
    shapes = [call["image"] for call in recogniser.calls]
    assert len(shapes) == 2 and sorted(shape[0] for shape in shapes) == [4, 5]
    assert len({shape[3] for shape in shapes}) == 2


def test_an_empty_picture_has_no_lines_and_costs_one_run() -> None:
    found, detector, recogniser = reader()
    assert found.read(np.full((100, 100, 3), PAPER, np.uint8)) == []
    assert (len(detector.calls), len(recogniser.calls)) == (1, 0)


def test_unsure_lines_are_left_out() -> None:
    assert reader()[0].read(page({(24, 40): "abcd"}), keep_above=0.99) == []


def test_a_long_line_is_squeezed_and_stays_bounded() -> None:
    found, _, recogniser = reader()
    found.read_lines([np.zeros((4, 8000, 3), np.uint8)])
    assert recogniser.calls[0]["image"][3] == SPEC.longest_line


def test_a_cancelled_run_comes_through() -> None:
    def stop(feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        raise Terminated

    graph = FakeGraph(stop, inputs="image", outputs="probability")
    with pytest.raises(Terminated):
        Reader(SPEC, {"letters.txt": b"a"}, {"detector": graph, "recogniser": graph}).read(page(TWO_COLUMNS))


def test_files_that_do_not_fit_the_network_are_refused() -> None:
    detector = FakeGraph(detect, inputs="image", outputs="probability")
    recogniser = FakeGraph(recognise, inputs="image", outputs="probabilities")
    short = Reader(SPEC, {"letters.txt": b"a\nb"}, {"detector": detector, "recogniser": recogniser})
    with pytest.raises(ValueError, match="classes"):
        short.read(page(TWO_COLUMNS))
    with pytest.raises(ValueError, match="no character"):
        Reader(SPEC, {"letters.txt": b"\n\n"}, {"detector": detector, "recogniser": recogniser})
