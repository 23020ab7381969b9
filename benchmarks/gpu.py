"""NVIDIA GPUs as `nvidia-smi` tells of them, where there are any: what they are, and how busy they were."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from typing import Any

TOOL = "nvidia-smi"
ANSWER_S = 10.0
EVERY_MS = 500
DEVICES = "name,driver_version,memory.total"
SAMPLES = "index,utilization.gpu,memory.used"


def devices() -> list[dict[str, Any]]:
    """`{name, driver, memory_mib}` of each; none where there is no tool or it fails."""
    tool = shutil.which(TOOL)
    if tool is None:
        return []
    try:
        result = subprocess.run(
            [tool, f"--query-gpu={DEVICES}", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, timeout=ANSWER_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    return read_devices(result.stdout) if result.returncode == 0 else []


def read_devices(text: str) -> list[dict[str, Any]]:
    """The tool's lines; one that is not of the form is passed over."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3 and cells[0]:
            found.append({"name": cells[0], "driver": cells[1], "memory_mib": _number(cells[2])})
    return found


def read_sample(line: str, at_s: float) -> dict[str, Any] | None:
    """`{t_s, index, percent, memory_mib}` of one line; None for one that is not of the form."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 3 or not cells[0].isdigit():
        return None
    return {
        "t_s": round(at_s, 3), "index": int(cells[0]), "percent": _number(cells[1]), "memory_mib": _number(cells[2])
    }  # fmt: skip


def _number(cell: str) -> float | None:
    """Some cards answer `[N/A]`."""
    try:
        return float(cell)
    except ValueError:
        return None


class Sampler:
    """`async with` samples every half second, if there is a GPU."""

    def __init__(self) -> None:
        self.samples: list[dict[str, Any]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Sampler:
        tool = shutil.which(TOOL)
        if tool is not None:
            words = (f"--query-gpu={SAMPLES}", "--format=csv,noheader,nounits", f"--loop-ms={EVERY_MS}")
            with contextlib.suppress(OSError):
                self._process = await asyncio.create_subprocess_exec(
                    tool, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
                )
                self._task = asyncio.create_task(self._read(time.perf_counter()))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is None or self._task is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, start_s: float) -> None:
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            sample = read_sample(line.decode("utf-8", "replace"), time.perf_counter() - start_s)
            if sample is not None:
                self.samples.append(sample)

    def values(self) -> dict[str, float]:
        """Mean share and largest memory of each."""
        found: dict[str, float] = {}
        for index in sorted({sample["index"] for sample in self.samples}):
            mine = [sample for sample in self.samples if sample["index"] == index]
            shares = [sample["percent"] for sample in mine if sample["percent"] is not None]
            sizes = [sample["memory_mib"] for sample in mine if sample["memory_mib"] is not None]
            if shares:
                found[f"gpu {index}, %"] = sum(shares) / len(shares)
            if sizes:
                found[f"gpu {index} memory, MiB"] = max(sizes)
        return found
