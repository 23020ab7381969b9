"""Which recorded answer fits a live call best: the same arguments, else the same layers, else the next in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .reader import Take
from .records import Step

Fit = tuple[bool, bool, bool, int]
Item = TypeVar("Item")


def fit_of_call(live: dict[str, Any], step: Step) -> Fit:
    """How well a recorded call fits a live one, best greatest."""
    return _fit(live, live.get("layers"), step.a, step.a.get("layers"))


def fit_of_take(options: dict[str, Any], layers: Any, take: Take) -> Fit:
    """How well a recorded stretch of a stream fits a live stream that wears these layers."""
    return _fit(options | {"layers": layers}, layers, take.options | {"layers": take.layers}, take.layers)


def _fit(live: dict[str, Any], live_layers: Any, recorded: dict[str, Any], recorded_layers: Any) -> Fit:
    same = sum(1 for name, value in live.items() if name in recorded and recorded[name] == value)
    return live == recorded, live_layers == recorded_layers, _worn(live_layers) == _worn(recorded_layers), same


def _worn(layers: Any) -> list[Any]:
    """What is worn, whatever its size and colour."""
    if not isinstance(layers, list):
        return []
    return [(layer.get("product"), layer.get("kind")) for layer in layers if isinstance(layer, dict)]


class Chooser:
    """Remembers what was chosen, so that equally good answers come in the order in which they were recorded."""

    def __init__(self, *, loop: bool) -> None:
        self._loop = loop
        self._used: dict[int, int] = {}
        self._turn = 0

    def choose(
        self, items: Sequence[Item], fit: Callable[[Item], Fit], *, refused: Callable[[Item], bool]
    ) -> Item | None:
        """The best item; of several, the first that was not chosen yet, and then the last, or with `loop` the first
        again. What was refused fits only the very same arguments. None where nothing is left."""
        fits = [(item, fit(item)) for item in items]
        fits = [(item, how) for item, how in fits if how[0] or not refused(item)]
        if not fits:
            return None
        best = max(how for _, how in fits)
        among = [item for item, how in fits if how == best]
        self._turn += 1
        fresh = [item for item in among if id(item) not in self._used]
        if fresh:
            chosen = fresh[0]
        elif self._loop:
            chosen = min(among, key=lambda item: self._used[id(item)])
        else:
            chosen = among[-1]
        self._used[id(chosen)] = self._turn
        return chosen
