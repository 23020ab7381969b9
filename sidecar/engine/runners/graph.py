"""One network as runners see it: named arrays in, named arrays out. What runs it is not their concern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from ..manifest import TensorSpec


class Terminated(Exception):
    """A run was stopped because its call was cancelled. Runners let it through."""


class Binding(Protocol):
    """Runs of a graph whose tensors stay where the provider has them; one conversation has one.

    Inputs that are carried or shared are not fed: they are what the last run made of them.
    """

    def carry(self, output: str, into: str, first: NDArray[Any]) -> None:
        """After each run `output` is the input `into` of the next one, which begins with `first`. Again: anew."""

    def share(self, output: str, into: str, buffer: NDArray[Any]) -> None:
        """One buffer, which begins as a copy of `buffer`, is the input `into` and takes `output`, of the same shape."""

    def read(self, into: str) -> NDArray[Any]:
        """What a carried or shared input holds now, copied into host memory."""

    def run(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str], into: Mapping[str, NDArray[Any]] | None = None
    ) -> dict[str, NDArray[Any]]:
        """One run; `feeds` are the other inputs, `outputs` come to host memory, those of `into` are written there.

        `into`: C-contiguous arrays of the exact shape and dtype. Raises `ValueError` for a tensor that is not what the
        manifest says, `Terminated`, or `Unavailable`; after the last two, nothing was carried.
        """


class Graph(Protocol):
    """One network of a pack; every run's tensors are held against the manifest before it."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it takes."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives."""

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        """One run; all outputs unless some are named. Raises `ValueError`, `Terminated` or `Unavailable`."""


class BindableGraph(Graph, Protocol):
    """A graph that can keep tensors on the device between runs."""

    def bind(self) -> Binding:
        """A new binding."""
