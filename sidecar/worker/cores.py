"""The processor cores that this process may run on: fewer under pressure, so that the game keeps some for itself."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path

import psutil


class Cores:
    """What was allowed at the start, and a share of it now."""

    def __init__(self) -> None:
        self._all = sorted(psutil.Process().cpu_affinity() or []) if hasattr(psutil.Process, "cpu_affinity") else []

    def choose(self, share: float) -> list[int]:
        """The last cores of those allowed, at least one: games and drivers start on the first ones."""
        count = max(1, math.ceil(min(1.0, max(0.0, share)) * len(self._all)))
        return self._all[-count:]

    def narrow(self, share: float) -> None:
        """Keeps every thread of this process to that share of the cores, 0..1; does nothing where it cannot be done."""
        chosen = self.choose(share)
        if not chosen:
            return
        if sys.platform == "linux":  # an affinity is a thread's own, and ONNX Runtime's threads are there already
            for thread in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(thread.name), chosen)
        else:
            with contextlib.suppress(OSError, psutil.Error):
                psutil.Process().cpu_affinity(chosen)
