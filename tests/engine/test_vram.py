"""GPU memory as NVML tells it, with a made-up NVML: numbers for each process, none, and a driver that fails."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sidecar.engine import vram
from sidecar.engine.graph import LoadedGraph, Placed
from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Model, Runtime
from sidecar.engine.vram import Reading, Vram

MIB = 2**20
OURS = 4711


class NVMLError(Exception):
    """As the library has it."""


@dataclass
class FakeNvml:
    """`devices`: bytes by pid on each; `tells`: whether the driver tells processes apart."""

    devices: list[dict[int, int]]
    tells: bool = True
    broken: bool = False
    NVMLError: type[Exception] = NVMLError
    begun: list[str] = field(default_factory=list)

    def nvmlInit(self) -> None:
        self.begun.append("init")
        self._fail()

    def nvmlDeviceGetCount(self) -> int:
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[int, int]:
        return self.devices[index]

    def nvmlDeviceGetMemoryInfo(self, device: dict[int, int]) -> Any:
        self._fail()
        return SimpleNamespace(used=sum(device.values()))

    def nvmlDeviceGetComputeRunningProcesses(self, device: dict[int, int]) -> list[Any]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=size if self.tells else None) for pid, size in device.items()]

    def _fail(self) -> None:
        if self.broken:
            raise NVMLError("driver not loaded")


def test_own_memory_is_summed_over_devices_and_others_do_not_count() -> None:
    library = FakeNvml([{OURS: 100, 9: 5000}, {OURS: 20}])
    assert Vram(library, pid=OURS).read() == Reading(120, 5120)


def test_a_process_that_came_to_the_gpu_meanwhile_had_nothing_there() -> None:
    before, after = Reading(None, 5000), Reading(300, 5300)
    assert before.grown_to(after) == 300 and after.shrunk_to(before) == 300


def test_where_processes_are_not_told_apart_the_device_counts() -> None:
    library = FakeNvml([{OURS: 100, 9: 5000}], tells=False)
    before = Vram(library, pid=OURS).read()
    assert before == Reading(None, 5100)
    library.devices[0][OURS] = 160
    after = Vram(library, pid=OURS).read()
    assert before is not None and after is not None and before.grown_to(after) == 60
    assert after.shrunk_to(before) == 60 and before.shrunk_to(after) == 0


def test_a_driver_that_stops_answering_is_no_number() -> None:
    library = FakeNvml([{OURS: 100}])
    view = Vram(library, pid=OURS)
    library.broken = True
    assert view.read() is None


def test_without_the_package_or_the_driver_there_is_no_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert vram.open_nvml(pid=OURS) is None
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml([], broken=True))
    assert vram.open_nvml(pid=OURS) is None


def test_it_is_opened_where_package_and_driver_are(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeNvml([{OURS: 7}])
    monkeypatch.setitem(sys.modules, "pynvml", library)
    view = vram.open_nvml(pid=OURS)
    assert view is not None and view.read() == Reading(7, 7) and library.begun == ["init"]


# -- in the runtime --------------------------------------------------------------------------------------------------


class OnGpu(Runtime):
    """A runtime whose loads take GPU memory of the made-up device; sessions are stand-ins."""

    def __init__(self, library: FakeNvml, *, gives_back: bool = True) -> None:
        super().__init__(Registry(), providers=["cuda"], threads=1, vram=Vram(library, pid=OURS))
        self._library = library
        self._gives_back = gives_back

    def _assemble(self, pack: Any) -> Model:
        self._library.devices[0][OURS] = self._library.devices[0].get(OURS, 300 * MIB) + 50 * MIB
        model = Model(pack, self)
        (graph,) = pack.manifest.graphs
        placed = Placed("cuda", "fp16", "cuda")
        model.graphs["model"] = LoadedGraph(
            model.name, graph, placed, inputs=graph.inputs, outputs=graph.outputs, host=self, meter=model
        )
        return model

    def run(self, session: Any, outputs: tuple[str, ...], feeds: Any) -> list[Any]:
        specs = {spec.name: spec for spec in session.outputs}
        return [np.zeros([int(axis) for axis in specs[name].shape], np.float32) for name in outputs]

    def unload(self, name: str) -> bool:
        if self._gives_back:
            model = self._models[name]
            library, device = self._library, self._library.devices[0]
            original = library.nvmlDeviceGetComputeRunningProcesses
            asked = iter([device[OURS], device[OURS] - 50 * MIB])

            def shrinking(_: Any) -> list[Any]:
                device[OURS] = next(asked, device[OURS])
                return original(device)

            library.nvmlDeviceGetComputeRunningProcesses = shrinking  # type: ignore[method-assign]
            assert model.vram_bytes
        return super().unload(name)


def test_a_load_costs_what_the_driver_says_and_the_states_tell_it() -> None:
    runtime = OnGpu(FakeNvml([{9: 1000 * MIB}]))
    assert runtime.load("pose-full").vram_bytes == 350 * MIB, "the first brings the driver's own share"
    assert runtime.load("hand").vram_bytes == 50 * MIB
    assert {state.name: state.vram_bytes for state in runtime.states()} == {"pose-full": 350 * MIB, "hand": 50 * MIB}
    assert runtime.vram_bytes() == 400 * MIB


@pytest.mark.parametrize("gives_back", [True, False])
def test_unloading_is_verified_on_the_gpu_too(gives_back: bool) -> None:
    runtime = OnGpu(FakeNvml([{9: 1000 * MIB}]), gives_back=gives_back)
    runtime.load("pose-full")
    assert runtime.unload("pose-full") is gives_back


def test_what_the_driver_does_not_tell_is_added_up_from_the_models() -> None:
    runtime = OnGpu(FakeNvml([{9: 1000 * MIB}], tells=False))
    runtime.load("pose-full")
    runtime.load("hand")
    assert runtime.vram_bytes() == 400 * MIB
