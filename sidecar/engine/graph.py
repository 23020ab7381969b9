"""One session as a graph: tensors checked before every run, runs counted, tensors kept on the device where asked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .manifest import TensorSpec
from .tensors import Checker

Arrays = dict[str, NDArray[Any]]


class Host(Protocol):
    """What runs sessions (the runtime), and is told of every run that ended well."""

    def run(self, session: Any, outputs: tuple[str, ...], feeds: Mapping[str, Any]) -> list[Any]:
        """One run. Raises `Terminated` or `Unavailable`."""

    def run_bound(self, session: Any, binding: Any) -> None:
        """One run on an I/O binding. Raises `Terminated` or `Unavailable`."""

    def place(self, array: NDArray[Any], device: str) -> Any:
        """A copy of the array in the device's memory, as a value that sessions can be bound to."""


class Meter(Protocol):
    """Counts the runs of a model."""

    def ran(self, begun_s: float, spent_s: float) -> None:
        """A run began then and took so long, in seconds of `time.perf_counter`."""


@dataclass(frozen=True)
class Placed:
    """How a graph was loaded. `device`: where its provider keeps tensors (`cpu`, `cuda`, `dml`); `captures`: whether
    its runs are replayed from one that was captured, which needs tensors that never move."""

    provider: str
    precision: str
    device: str
    captures: bool = False


class LoadedGraph:
    """One network that can be run."""

    def __init__(
        self,
        called: str,
        session: Any,
        placed: Placed,
        *,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        host: Host,
        meter: Meter,
    ) -> None:
        self.session = session
        self.placed = placed
        self.inputs, self.outputs = inputs, outputs
        self.taken, self.given = Checker(called, inputs), Checker(called, outputs)
        self.all = tuple(self.given.specs)
        self.host, self.meter = host, meter
        self._standing = Standing(self) if placed.captures else None

    @property
    def is_fixed(self) -> bool:
        """Whether every run has tensors of the same sizes."""
        return self.taken.is_fixed and self.given.is_fixed

    def __call__(self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> Arrays:
        """One run; all outputs unless some are named. Raises `ValueError`, `Terminated` or `Unavailable`."""
        self.taken.all(feeds)
        return self.run(feeds, self.all if outputs is None else self.named(outputs))

    def run(self, feeds: Mapping[str, NDArray[Any]], wanted: tuple[str, ...]) -> Arrays:
        """As a call, of tensors that have been checked."""
        begun_s = time.perf_counter()
        if self._standing is not None:
            found = self._standing.run(feeds, wanted)
        else:
            found = dict(zip(wanted, self.host.run(self.session, wanted, feeds), strict=True))
        self.meter.ran(begun_s, time.perf_counter() - begun_s)
        return found

    def bind(self) -> Bound:
        """Runs whose tensors stay on the device."""
        return Bound(self)

    def named(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """The outputs of these names; raises `ValueError` for one that is none."""
        for name in outputs:
            if name not in self.given.specs:
                raise ValueError(f"{name} is none of the outputs {', '.join(self.all)[:120]}")
        return tuple(outputs)


class Standing:
    """Tensors that stay where they are on the device: inputs are copied in, and a captured run is replayed on them."""

    def __init__(self, graph: LoadedGraph) -> None:
        device = graph.placed.device
        self._graph = graph
        self._binding = graph.session.io_binding()
        self._inputs = {spec.name: graph.host.place(_zeros(graph.taken, spec), device) for spec in graph.inputs}
        self._outputs = {spec.name: graph.host.place(_zeros(graph.given, spec), device) for spec in graph.outputs}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    def run(self, feeds: Mapping[str, NDArray[Any]], wanted: tuple[str, ...]) -> Arrays:
        """One run; the wanted outputs come to host memory."""
        for name, array in feeds.items():
            self._inputs[name].update_inplace(np.ascontiguousarray(array))
        self._graph.host.run_bound(self._graph.session, self._binding)
        return {name: np.array(self._outputs[name].numpy()) for name in wanted}


def _own(array: NDArray[Any], is_kept: bool) -> NDArray[Any]:
    return np.array(array) if is_kept else array


def _zeros(checker: Checker, spec: TensorSpec) -> NDArray[Any]:
    return np.zeros([axis for axis in spec.shape if isinstance(axis, int)], checker.dtype(spec.name))


@dataclass
class _Held:
    """An input that is not fed: its value, and the output that becomes it (None: they share one buffer)."""

    value: Any
    shape: tuple[int, ...]
    output: str | None


class Bound:
    """Runs of a graph whose carried and shared tensors stay where the provider has them."""

    def __init__(self, graph: LoadedGraph) -> None:
        if graph.placed.captures:
            raise ValueError("a graph whose runs are captured cannot be bound")
        self._graph = graph
        self._binding = graph.session.io_binding()
        self._held: dict[str, _Held] = {}
        self._buffers: dict[str, Any] = {}  # by output: the value that it shares with an input

    def carry(self, output: str, into: str, first: NDArray[Any]) -> None:
        """After each run `output` is the input `into` of the next one, which begins with `first`. Again: anew."""
        self._check(output, into, first)
        self._buffers.pop(output, None)
        self._held[into] = _Held(np.array(first, order="C"), first.shape, output)

    def share(self, output: str, into: str, buffer: NDArray[Any]) -> None:
        """One buffer, which begins as a copy of `buffer`, is the input `into` and takes `output`, of the same shape."""
        self._check(output, into, buffer)
        value = self._graph.host.place(buffer, self._graph.placed.device)
        self._buffers[output] = value
        self._held[into] = _Held(value, buffer.shape, None)

    def read(self, into: str) -> NDArray[Any]:
        """What a carried or shared input holds now, copied into host memory."""
        value = self._held[into].value
        return np.array(value if isinstance(value, np.ndarray) else value.numpy())

    def run(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str], into: Mapping[str, NDArray[Any]] | None = None
    ) -> Arrays:
        """One run; `feeds` are the other inputs, `outputs` come to host memory, those of `into` are written there.

        Raises `ValueError`, `Terminated` or `Unavailable`; then nothing was carried.
        """
        graph, targets = self._graph, into or {}
        wanted = graph.named([name for name in outputs if name not in targets])
        self._check_run(feeds, targets)
        begun_s = time.perf_counter()
        self._bind_inputs(feeds)
        order = self._bind_outputs(wanted, targets)
        graph.host.run_bound(graph.session, self._binding)
        found = dict(zip(order, self._binding.get_outputs(), strict=True))
        for held in self._held.values():
            if held.output is not None:
                held.value = found[held.output]
                held.shape = tuple(held.value.shape())
        kept = {held.output for held in self._held.values()} | self._buffers.keys()
        # On the processor `numpy` is a view: of what goes on being used, the caller gets a copy.
        results = {name: _own(found[name].numpy(), name in kept) for name in wanted}
        results |= targets
        graph.meter.ran(begun_s, time.perf_counter() - begun_s)
        return results

    def _check(self, output: str, into: str, first: NDArray[Any]) -> None:
        taken, given = self._graph.taken, self._graph.given
        if into not in taken.specs or output not in given.specs or taken.dtype(into) != given.dtype(output):
            raise ValueError(f"{output} cannot become {into}")
        taken.check(into, first, {})

    def _check_run(self, feeds: Mapping[str, NDArray[Any]], targets: Mapping[str, NDArray[Any]]) -> None:
        taken, given = self._graph.taken, self._graph.given
        if feeds.keys() & self._held.keys():
            raise ValueError("an input that is carried is not fed")
        taken.names(feeds.keys() | self._held.keys())
        sizes: dict[str, int] = {}
        for name, array in feeds.items():
            taken.check(name, array, sizes)
        for name, held in self._held.items():
            taken.shape(name, held.shape, sizes)
        for name, array in targets.items():
            self._graph.named([name])
            given.check(name, array, sizes)
            if not (array.flags.c_contiguous and array.flags.writeable):
                raise ValueError(f"{name} can only be written into a contiguous array")

    def _bind_inputs(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        for name, array in feeds.items():
            self._binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name, held in self._held.items():
            if isinstance(held.value, np.ndarray):
                self._binding.bind_cpu_input(name, held.value)
            else:
                self._binding.bind_ortvalue_input(name, held.value)

    def _bind_outputs(self, wanted: tuple[str, ...], targets: Mapping[str, NDArray[Any]]) -> list[str]:
        """Binds every output that is needed, anew, so that no run writes into what an earlier one gave; their order."""
        self._binding.clear_binding_outputs()
        carried = {held.output for held in self._held.values() if held.output is not None}
        order: list[str] = []
        for name in dict.fromkeys([*wanted, *targets, *sorted(carried), *self._buffers]):
            if name in targets:
                array = targets[name]
                self._binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            elif name in self._buffers:
                self._binding.bind_ortvalue_output(name, self._buffers[name])
            else:
                # What is also wanted here is copied out of the device by `numpy`.
                self._binding.bind_output(name, self._graph.placed.device if name in carried else "cpu")
            order.append(name)
        return order
