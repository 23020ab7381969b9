"""Text from the class probabilities of connectionist temporal classification (Graves et al. 2006), read greedily."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLANK = 0
MAX_ALPHABET_BYTES = 1 << 20
MAX_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class Reading:
    """A line of text. `score` is the mean probability of its characters, 0 where there is none; `scores` are each's,
    `centres` where each stands, 0..1 along the line."""

    text: str
    score: float
    scores: tuple[float, ...]
    centres: tuple[float, ...]


class Alphabet:
    """The characters by class: blank, those of a file, space."""

    def __init__(self, text: bytes) -> None:
        """`text`: UTF-8, one character a line. Raises `ValueError` for anything else."""
        if len(text) > MAX_ALPHABET_BYTES:
            raise ValueError("The file of characters is too large.")
        lines = text.decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")  # raises UnicodeDecodeError
        if not 0 < len(lines) <= MAX_CHARACTERS or any(not 0 < len(line) <= 8 for line in lines):
            raise ValueError("The file of characters has a line that is no character.")
        self._characters = ("", *lines, " ")

    def __len__(self) -> int:
        return len(self._characters)

    def decode(self, probabilities: NDArray[np.floating], *, space_above: float = 1.0) -> Reading:
        """The most probable class at each step, repeats and blanks left out. `probabilities`: [steps, classes].

        Between two characters there is a space, too, where it is likelier than `space_above` at any step: networks that
        were trained on Chinese put it second to the blank. It counts for no score. Raises `ValueError` where the
        classes are not this alphabet's.
        """
        if probabilities.ndim != 2 or probabilities.shape[1] != len(self):
            raise ValueError(f"The model has {probabilities.shape[-1]} classes, its alphabet {len(self)}.")
        best = probabilities.argmax(axis=1)
        kept = (best != BLANK) & np.concatenate([[True], best[1:] != best[:-1]])
        steps = np.flatnonzero(kept)
        scores = probabilities[steps, best[steps]].astype(float)
        characters = [self._characters[index] for index in best[steps]]
        for position in range(len(steps) - 1, 0, -1):
            between = probabilities[steps[position - 1] + 1 : steps[position], -1]
            if between.size and between.max() > space_above and " " not in characters[position - 1 : position + 1]:
                characters.insert(position, " ")
        return Reading(
            text="".join(characters),
            score=float(scores.mean()) if len(scores) else 0.0,
            scores=tuple(scores.tolist()),
            centres=tuple(((steps + 0.5) / max(1, len(best))).tolist()),
        )
