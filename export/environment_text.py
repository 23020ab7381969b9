"""On what an export was made: for the card, since times and rounding follow from it."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

_LIBRARIES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnx",
    "torch",
    "transformers",
    "diffusers",
    "optimum-onnx",
    "numpy",
)


def versions() -> dict[str, str]:
    """Library -> version of those that are installed."""
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe() -> str:
    """One paragraph: system, processor, threads, libraries."""
    libraries = ", ".join(f"{name} {version}" for name, version in versions().items())
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} logical cores; Python {python}; "
        f"{libraries}."
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"
