"""Text in a picture, as of a garment label or a price tag: where it stands, what it says, how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..runner_specs import TextReading
from . import boxes
from .ctc import Alphabet, Reading
from .graph import Graph
from .image_input import Pixels, to_tensor

BATCH = 8
MAX_LINES = 200
TURN_BELOW = 0.85  # a line that is less sure than this is also read upside down
TURN_GAIN = 0.1  # and is taken so if that is surer by this: blurred text reads well either way
KEEP_ABOVE = 0.5


@dataclass(frozen=True)
class Line:
    """A line of text. `corners` [4, 2]: x and y in the picture's pixels, clockwise from where its text begins."""

    text: str
    score: float
    corners: NDArray[np.float32]


class Reader:
    """Finds lines and reads them. `files` are the pack's by name, `graphs` its `detector` and `recogniser`.

    Raises `ValueError` where the alphabet is no list of characters.
    """

    def __init__(self, spec: TextReading, files: Mapping[str, bytes], graphs: Mapping[str, Graph]) -> None:
        if spec.recogniser.height is None or spec.recogniser.layout != "nchw":
            raise ValueError("A recogniser reads lines [batch, channels, height, width] of a fixed height.")
        self._spec = spec
        self._height = spec.recogniser.height
        self._alphabet = Alphabet(files[spec.characters])
        self._detector, self._recogniser = graphs["detector"], graphs["recogniser"]

    def read(self, picture: Pixels, *, keep_above: float = KEEP_ABOVE) -> list[Line]:
        """The lines of a picture (uint8 [height, width, 3], RGB), from top to bottom and left to right.

        At most 200 are read. What reads with less than `keep_above` is left out. Raises `ValueError`
        for anything that is no picture; a cancelled run's exception comes through.
        """
        found = self.find(picture)
        upright = self.read_lines([boxes.cut_out(picture, box.corners) for box in found])
        lines = [Line(read.text.strip(), read.score, box.corners) for box, read in zip(found, upright, strict=True)]
        unsure = [index for index, line in enumerate(lines) if line.score < TURN_BELOW]
        turned = self._turn(picture, lines, unsure, gain=TURN_GAIN)
        if 2 * turned > len(lines):  # the whole picture stands on its head, and some lines only seemed to be right
            self._turn(picture, lines, [index for index in range(len(lines)) if index not in unsure], gain=0.0)
        kept = [line for line in lines if line.text and line.score >= keep_above]
        return [kept[index] for index in boxes.reading_order([line.corners for line in kept])]

    def _turn(self, picture: Pixels, lines: list[Line], indices: Sequence[int], *, gain: float) -> int:
        """Reads lines upside down and puts in what reads better by `gain`; returns how many did."""
        corners = [np.roll(lines[index].corners, 2, axis=0) for index in indices]
        readings = self.read_lines([boxes.cut_out(picture, box) for box in corners])
        better = 0
        for index, box, reading in zip(indices, corners, readings, strict=True):
            if reading.score > lines[index].score + gain:
                lines[index] = Line(reading.text.strip(), reading.score, box)
                better += 1
        return better

    def find(self, picture: Pixels) -> list[boxes.Box]:
        """Where there is text, in the picture's pixels; the 200 surest."""
        spec = self._spec
        placed = to_tensor(picture, spec.detector, longest_side=spec.longest_side)
        probability = self._detector({"image": placed.tensor})["probability"][0, 0]
        found = boxes.find(probability, threshold=spec.threshold, box_threshold=spec.box_threshold, unclip=spec.unclip)
        surest = sorted(found, key=lambda box: -box.score)[:MAX_LINES]
        return [boxes.Box(placed.to_picture(box.corners), box.score) for box in surest]

    def read_lines(self, pictures: Sequence[Pixels]) -> list[Reading]:
        """What straight pictures of one line each say, in their order; those of one bucket of width run together."""
        readings: dict[int, Reading] = {}
        for width, indices in self._batches([self._width(picture) for picture in pictures]):
            batch = np.stack([self._line(pictures[index], width) for index in indices])
            probabilities = self._recogniser({"image": batch})["probabilities"]
            for index, steps in zip(indices, probabilities, strict=True):
                readings[index] = self._alphabet.decode(steps, space_above=self._spec.space_threshold)
        return [readings[index] for index in range(len(pictures))]

    def _width(self, picture: Pixels) -> int:
        """A line's width at the recogniser's height."""
        height, width = picture.shape[:2]
        at_height: int = -(-width * self._height // height)
        return min(self._spec.longest_line, max(1, at_height))

    def _batches(self, widths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Padded width and the lines that share it."""
        step = self._spec.bucket
        by_bucket: dict[int, list[int]] = {}
        for index, width in enumerate(widths):
            by_bucket.setdefault(-(-width // step) * step, []).append(index)
        for bucket, indices in sorted(by_bucket.items()):
            for start in range(0, len(indices), BATCH):
                yield bucket, indices[start : start + BATCH]

    def _line(self, picture: Pixels, width: int) -> NDArray[np.float32]:
        """[channels, height, width]; zeros, the middle of the range, on the right as in training."""
        spec = msgspec.structs.replace(self._spec.recogniser, width=self._width(picture), fit="stretch")
        values = to_tensor(picture, spec).tensor[0]
        return np.pad(values, ((0, 0), (0, 0), (0, width - values.shape[2])))
