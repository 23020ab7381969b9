"""What the source answers to inputs at several sizes: asked once, kept on disk, so that the source can leave memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import decoders, sample_text
from .errors import SourceError
from .recipe import GraphSpec, Recipe
from .route import Reference
from .routes.example import feeds

_SEED = 20240229


@dataclass(frozen=True)
class Probe:
    """One input set of a graph with the sizes of its free axes, and the source's answers."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, NDArray[Any]]
    answers: Mapping[str, NDArray[Any]]
    is_text: bool = False

    @property
    def elements(self) -> int:
        """How much goes in; the largest probe is the one that is timed."""
        return sum(array.size for array in self.inputs.values())


def ask(recipe: Recipe, known: Mapping[str, int], reference: Reference, source: Path, folder: Path) -> None:
    """Writes the inputs and the source's answers of every graph of the (resolved) recipe into `folder`: at every size
    that the recipe names, and for a decoder on a text.

    Raises `SourceError` where the source answers with something that is not finite: nothing could be held against it.
    """
    for graph in recipe.graphs:
        given = [feeds(graph, known, sizes, seed=_SEED + index) for index, sizes in enumerate(graph.vary)]
        if decoders.is_decoder(graph) and (text := sample_text.ids(source, known["vocabulary"])):
            given.append(decoders.feeds(graph, text))
        for index, inputs in enumerate(given):
            answers = reference(graph.name, inputs)
            for name, values in answers.items():
                if values.dtype.kind == "f" and not np.isfinite(values).all():
                    raise SourceError(
                        f"{recipe.name}: the source itself answers {graph.name}.{name} with NaN or infinity."
                    )
            _save(folder / f"{graph.name}-{index}-inputs.npz", inputs)
            _save(
                folder / f"{graph.name}-{index}-answers.npz", {item.name: answers[item.name] for item in graph.outputs}
            )


def read(graph: GraphSpec, folder: Path) -> Iterator[Probe]:
    """The probes of one graph, one at a time in memory."""
    for index in itertools.count():
        file = folder / f"{graph.name}-{index}-inputs.npz"
        if not file.exists():
            return
        inputs = _load(file)
        answers = _load(folder / f"{graph.name}-{index}-answers.npz")
        yield Probe(_sizes(graph, inputs), inputs, answers, is_text=index >= len(graph.vary))


def timed(graph: GraphSpec, folder: Path) -> Probe:
    """The probe that candidates are timed on: the one with the most input. Of a decoder the shortest, since it
    spends its life on single tokens.
    """
    if decoders.is_decoder(graph):
        return min(read(graph, folder), key=lambda probe: probe.inputs["input_ids"].size)
    return max(read(graph, folder), key=lambda probe: probe.elements)


def _sizes(graph: GraphSpec, inputs: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """The sizes of the free axes that these inputs have."""
    return {
        axis: size
        for tensor in graph.inputs
        for axis, size in zip(tensor.shape, inputs[tensor.name].shape, strict=True)
        if isinstance(axis, str)
    }


def _save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    named: dict[str, Any] = dict(arrays)
    np.savez(path, **named)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
