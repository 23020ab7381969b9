"""Which token comes next: greedy, or drawn with temperature, top-k and top-p, in the order that transformers has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BadRequest, Unavailable

FIRST_CANDIDATES = 256  # top-p rarely needs more; it asks for eight times as many until its share is reached


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How to choose. `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 leave every token in; a penalty of 1 is none.

    The same `seed` chooses the same tokens from the same logits. Raises `BadRequest` for values out of range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 10.0:
            raise BadRequest("temperature lies between 0 and 10.")
        if self.top_k < 0:
            raise BadRequest("top_k is 0 (all) or a number of tokens.")
        if not 0.0 < self.top_p <= 1.0:
            raise BadRequest("top_p lies above 0 and is at most 1.")
        if not 0.1 <= self.repetition_penalty <= 10.0:
            raise BadRequest("repetition_penalty lies between 0.1 and 10.")


GREEDY = Sampling()


class Sampler:
    """Chooses the tokens of one answer; keeps what was seen for the penalty (Keskar et al. 2019, section 4.1)."""

    def __init__(self, sampling: Sampling, vocabulary: int) -> None:
        self._sampling = sampling
        self._random = np.random.Generator(np.random.PCG64(sampling.seed))
        self._seen = np.zeros(vocabulary, bool) if sampling.repetition_penalty != 1.0 else None

    def saw(self, tokens: list[int]) -> None:
        """Tokens of the prompt or of the answer, which the penalty makes less likely from now on."""
        if self._seen is not None:
            self._seen[tokens] = True

    def choose(self, logits: NDArray[np.float32], allowed: NDArray[np.int64] | None = None) -> int:
        """One id. `logits`: float32 [vocabulary]; `allowed`: the only ids to choose from, at least one.

        Raises `Unavailable` when the model answered with something that is not a number.
        """
        scores = (logits if allowed is None else logits[allowed]).astype(np.float32, copy=False)
        if self._seen is not None:
            seen = self._seen if allowed is None else self._seen[allowed]
            scores = self._penalised(scores, seen)
        best = int(scores.argmax())
        if not math.isfinite(scores[best]):
            raise Unavailable("The model's answer is not a number; run: vitrine doctor")
        place = best if self._sampling.temperature == 0.0 else self._drawn(scores)
        return place if allowed is None else int(allowed[place])

    def _penalised(self, scores: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
        penalty = np.float32(self._sampling.repetition_penalty)
        return np.where(seen, np.where(scores < 0, scores * penalty, scores / penalty), scores)

    def _drawn(self, scores: NDArray[np.float32]) -> int:
        places, weights = candidates(scores, self._sampling)
        reached = np.cumsum(weights)
        place = int(np.searchsorted(reached, self._random.random() * reached[-1], side="right"))
        return int(places[min(place, len(places) - 1)])  # rounding may reach the very end


def candidates(scores: NDArray[np.float32], sampling: Sampling) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The places that may be drawn, most likely first, and their weights, not normalised.

    top-k keeps the k largest; top-p (Holtzman et al. 2020) the fewest whose share of what is left reaches p.
    """
    scaled = scores.astype(np.float64) / sampling.temperature
    weights = np.exp(scaled - scaled.max())
    if sampling.top_k and sampling.top_k < len(weights):
        places = np.argpartition(-weights, sampling.top_k - 1)[: sampling.top_k]
    else:
        places = np.arange(len(weights))
    if sampling.top_p < 1.0:
        places = _nucleus(places, weights[places], sampling.top_p)
    places = places[np.lexsort((places, -weights[places]))]
    kept = weights[places]
    return places[kept > 0], kept[kept > 0]


def _nucleus(places: NDArray[np.int64], weights: NDArray[np.float64], share: float) -> NDArray[np.int64]:
    total, count = weights.sum(), min(FIRST_CANDIDATES, len(weights))
    while True:
        top = np.argpartition(-weights, count - 1)[:count] if count < len(weights) else np.arange(len(weights))
        top = top[np.lexsort((top, -weights[top]))]
        reached = np.cumsum(weights[top]) >= share * total
        if reached.any() or count == len(weights):
            needed = int(reached.argmax()) + 1 if reached.any() else count
            return places[top[:needed]]
        count = min(8 * count, len(weights))
