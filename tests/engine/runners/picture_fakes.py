"""Networks of numpy for the picture runners: they see only what a runner feeds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecar.engine.manifest import TensorSpec

Feeds = Mapping[str, NDArray[Any]]


class FakeGraph:
    """A graph that is a function; `calls` are the shapes that it was fed with."""

    def __init__(self, run: Callable[[Feeds], dict[str, NDArray[Any]]], *, inputs: str, outputs: str) -> None:
        self._run = run
        self.inputs = tuple(TensorSpec(name=name, dtype="float32", shape=()) for name in inputs.split())
        self.outputs = tuple(TensorSpec(name=name, dtype="float32", shape=()) for name in outputs.split())
        self.calls: list[dict[str, tuple[int, ...]]] = []

    def __call__(self, feeds: Feeds, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        assert set(feeds) == {tensor.name for tensor in self.inputs}
        assert all(value.dtype == np.float32 for value in feeds.values())
        self.calls.append({name: value.shape for name, value in feeds.items()})
        return self._run(feeds)
