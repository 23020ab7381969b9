"""What a result was measured on: enough to tell whether two results may be compared."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from . import gpu

PACKAGES = ("vitrine-vr", "websockets", "msgpack", "msgspec", "numpy", "opencv-python-headless", "uvloop")
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
ROOT = Path(__file__).resolve().parent.parent
GIT_S = 10.0
BUSY_LOAD = 0.25


def fingerprint() -> dict[str, Any]:
    """Machine, system, Python, packages, commit, GPUs, and how busy the machine was just before."""
    return {
        "time_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: found for name in (*PACKAGES, *RUNTIMES) if (found := _version(name))},
        "commit": commit(),
        "load_before": _load(),
        "gpus": gpu.devices(),
    }


def of_server(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `server.stats` that says what really ran: version, providers, models."""
    models = {
        model["name"]: {"provider": model["provider"], "precision": model["precision"]} for model in stats["models"]
    }
    return {"version": stats["version"], "providers": stats["providers"], "models": models}


def pack_hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every pack's files, names and contents in order; a folder that is not there has none."""
    packs = sorted(path.parent for path in folder.glob("*/manifest.json"))
    return {pack.name: _hash_of(pack) for pack in packs}


def warnings(environment: Mapping[str, Any]) -> list[str]:
    """What about the machine makes a result doubtful."""
    found = []
    if environment["load_before"] > BUSY_LOAD * environment["cores"]:
        found.append(f"the machine was busy before the run (load {environment['load_before']:.2f}); others count in it")
    if environment["cores"] < 2:
        found.append("one core only: client, gateway and worker took turns on it")
    return found


def cpu_model() -> str:
    """The processor's name."""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit() -> str:
    """The checkout's commit, marked when files differ from it; empty outside a checkout."""
    head = _git("rev-parse", "HEAD")
    return f"{head} with changes" if head and _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*words: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, timeout=GIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def _load() -> float:
    """Load over the last minute; Windows has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _hash_of(pack: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in pack.rglob("*") if path.is_file()):
        digest.update(path.relative_to(pack).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def packs_of(folder: Path | None) -> dict[str, str]:
    """The hashes of the packs that a server with this `--packs` uses."""
    from sidecar.engine.registry import Registry

    return pack_hashes(Registry(folder).root)
