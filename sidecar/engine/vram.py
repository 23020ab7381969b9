"""How much GPU memory this process holds, asked of NVIDIA's management library where it and `nvidia-ml-py` are there.

The driver does not always tell processes apart: under Windows' own memory model it gives no number for each, and inside
a container the numbers of processes differ. Then what the whole device uses is compared before and after a load.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("vitrine.vram")


@dataclass(frozen=True)
class Reading:
    """Bytes at one moment, over all devices. `own`: this process's, None where the driver does not say."""

    own: int | None
    device: int

    def grown_to(self, later: Reading) -> int:
        """Bytes that came since; a process that was not on the device before had none of its own."""
        if later.own is not None:
            return max(0, later.own - (self.own or 0))
        return max(0, later.device - self.device)

    def shrunk_to(self, later: Reading) -> int:
        """Bytes that went since."""
        if self.own is not None:
            return max(0, self.own - (later.own or 0))
        return max(0, self.device - later.device)


class Vram:
    """GPU memory as seen from process `pid`. `library` is the module `pynvml`, initialised."""

    def __init__(self, library: Any, *, pid: int) -> None:
        self._library = library
        self._pid = pid
        self._devices = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]

    def read(self) -> Reading | None:
        """What is used now; None when the driver does not answer."""
        own: int | None = None
        used = 0
        try:
            for device in self._devices:
                used += int(self._library.nvmlDeviceGetMemoryInfo(device).used)
                for process in self._library.nvmlDeviceGetComputeRunningProcesses(device):
                    if process.pid == self._pid and process.usedGpuMemory is not None:
                        own = (own or 0) + int(process.usedGpuMemory)
        except self._library.NVMLError as error:
            log.warning("the GPU's memory cannot be read (%s)", error)
            return None
        return Reading(own, used)


def open_nvml(*, pid: int) -> Vram | None:
    """A view of this machine's NVIDIA GPUs; None without the package, the driver, or a device."""
    try:
        library = importlib.import_module("pynvml")
    except ImportError:
        log.info("GPU memory is not measured: pip install nvidia-ml-py")
        return None
    try:
        library.nvmlInit()
        return Vram(library, pid=pid)
    except library.NVMLError as error:
        log.info("GPU memory is not measured (%s)", error)
        return None
