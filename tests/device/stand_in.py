"""A made-up card: sessions that say they run on CUDA and compute on the processor, and a driver that counts memory."""

from __future__ import annotations

import os
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from sidecar.engine.runtime import Runtime

MIB = 2**20
MODEL = 100 * MIB  # what each session takes
DRIVER = 300 * MIB  # what the first one brings
REAL = ort.InferenceSession


class Nvml:
    """`pynvml` as far as it is asked."""

    NVMLError = OSError

    def __init__(self) -> None:
        self.sessions = 0
        self.begun = False
        self.keeps = 0  # what sessions leave behind

    def nvmlInit(self) -> None:
        return None

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:
        return SimpleNamespace(used=500 * MIB + self.own())

    def nvmlDeviceGetComputeRunningProcesses(self, device: int) -> list[Any]:
        return [SimpleNamespace(pid=os.getpid(), usedGpuMemory=self.own())] if self.begun else []

    def own(self) -> int:
        return (DRIVER if self.begun else 0) + MODEL * self.sessions + self.keeps

    def came(self) -> None:
        self.sessions, self.begun = self.sessions + 1, True

    def went(self, leaves: int) -> None:
        self.sessions -= 1
        self.keeps += leaves


class Card:
    """What the made-up card does; tests change it."""

    def __init__(self) -> None:
        self.nvml = Nvml()
        self.available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        self.falls_back = False
        self.captures = True
        self.off = 0.0  # added to every answer
        self.leaves = 0  # bytes that every session leaves behind
        self.heeds = True  # whether `gpu_mem_limit` counts
        self.made: list[dict[str, str]] = []

    def session(self, data: Any, options: Any = None, *, providers: Any) -> Any:
        """Stands for `onnxruntime.InferenceSession`."""
        first = providers[0]
        name, more = first if isinstance(first, tuple) else (first, {})
        real = REAL(data, options, providers=["CPUExecutionProvider"])
        if name == "CPUExecutionProvider":
            return real
        self.made.append(dict(more))
        if more.get("enable_cuda_graph") and not self.captures:
            raise RuntimeError("CUDA graph is not possible: a node is on the CPU\nand more")
        if self.heeds and int(more.get("gpu_mem_limit", MODEL)) < MODEL:
            raise RuntimeError("Available memory is smaller than requested")
        names = ["CPUExecutionProvider"] if self.falls_back else [name, "CPUExecutionProvider"]
        self.nvml.came()
        session = OnCard(real, names, self.off)
        weakref.finalize(session, self.nvml.went, self.leaves)
        return session


class OnCard:
    """A session that says so."""

    def __init__(self, real: Any, names: list[str], off: float) -> None:
        self._real, self._names, self._off = real, names, off
        self.io_binding, self.end_profiling = real.io_binding, real.end_profiling

    def get_providers(self) -> list[str]:
        return self._names

    def disable_fallback(self) -> None:
        return None

    def run(self, outputs: Any, feeds: Any, options: Any = None) -> list[Any]:
        return [answer + np.float32(self._off) for answer in self._real.run(outputs, feeds, options)]

    def run_with_iobinding(self, binding: Any, options: Any = None) -> None:
        self._real.run_with_iobinding(binding, options)


def put_in(monkeypatch: pytest.MonkeyPatch) -> Card:
    """From now on this machine has the card."""
    card = Card()
    monkeypatch.setattr(ort, "InferenceSession", card.session)
    monkeypatch.setattr(ort, "get_available_providers", lambda: card.available)
    monkeypatch.setattr(
        Runtime, "place", lambda self, array, device: ort.OrtValue.ortvalue_from_numpy(np.array(array, order="C"))
    )
    monkeypatch.setitem(sys.modules, "pynvml", card.nvml)
    return card
