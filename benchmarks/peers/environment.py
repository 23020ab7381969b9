"""A virtual environment for each peer under the user's cache, with the models' libraries as they are here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from sidecar.engine.registry import home

from ..target import FloorFailed
from .servers import Server

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
SAME = ("numpy", "opencv-python-headless", "msgspec", "psutil")  # else more than the serving would differ
STAMP = "vitrine-peer.json"
VENV_S, INSTALL_S, ASK_S = 120.0, 900.0, 60.0
FREE_BYTES = 2**30
LOG_LINES = 3
ASK_VERSIONS = """import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))"""
Told = Callable[[str], None]


class PeerFailed(FloorFailed):
    """A peer could not be installed, started, kept to loopback or measured; the message says why."""


def folder() -> Path:
    """Where the environments lie."""
    return home() / "peers"


def requirements(server: Server) -> list[str]:
    """A peer's own packages, and the models' libraries pinned to the versions that run here. Raises `PeerFailed`."""
    runtime = next((name for name in RUNTIMES if _version(name)), None)
    if runtime is None:
        raise PeerFailed("there is no ONNX Runtime here; install the project with its cpu extra")
    return [*server.requirements, *(f"{name}=={_version(name)}" for name in (*SAME, runtime))]


def python_of(venv: Path) -> Path:
    """The environment's interpreter."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def ready(server: Server, *, root: Path | None = None) -> bool:
    """Whether the environment stands, made from what it would be made from now."""
    venv = (root or folder()) / server.key
    try:
        found = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == _stamp(requirements(server)) and python_of(venv).exists())


def make(server: Server, *, told: Told, root: Path | None = None) -> Path:
    """The peer's interpreter, its environment made first if it does not stand. Raises `PeerFailed`, `OSError`."""
    venv = (root or folder()) / server.key
    if ready(server, root=root):
        return python_of(venv)
    venv.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(venv.parent).free < FREE_BYTES:
        raise PeerFailed(f"its environment needs {FREE_BYTES >> 30} GiB of free disk at {venv.parent}")
    remove(server, root=root)
    wanted = requirements(server)
    told(f"making an environment for {server.name}")
    _step([sys.executable, "-m", "venv", str(venv)], VENV_S, "making its virtual environment")
    told(f"installing {', '.join(server.requirements)} and {len(wanted) - len(server.requirements)} more")
    pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-q"]
    _step([str(python_of(venv)), *pip, "--only-binary=:all:", *wanted], INSTALL_S, "installing it")
    (venv / STAMP).write_text(json.dumps(_stamp(wanted)), encoding="utf-8")
    return python_of(venv)


def remove(server: Server, *, root: Path | None = None) -> None:
    """Deletes a peer's environment, and the folder of them when it is empty."""
    venv = (root or folder()) / server.key
    if venv.exists():
        shutil.rmtree(venv)
    if venv.parent.is_dir() and not any(venv.parent.iterdir()):
        venv.parent.rmdir()


def versions(python: Path, names: Sequence[str]) -> dict[str, str]:
    """The versions of packages in an environment. Raises `PeerFailed`."""
    output = _step([str(python), "-c", ASK_VERSIONS, *names], ASK_S, "asking for its versions")
    found: dict[str, str] = json.loads(output)
    return found


def copied_code(into: Path) -> Path:
    """A folder that holds this project's packages and nothing else, to be put on a peer's path."""
    ours = Path(__file__).resolve().parents[2]
    for package in ("sidecar", "benchmarks"):
        shutil.copytree(ours / package, into / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    return into


def variables(code: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of a peer: ours, without a virtual environment of ours, and `more`."""
    ours = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}
    quiet = {"DO_NOT_TRACK": "1", "PYTHONPATH": str(code), "PYTHONUNBUFFERED": "1"}
    return {**ours, **quiet, **more}


def _stamp(wanted: Sequence[str]) -> dict[str, str]:
    digest = hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()
    return {"requirements": digest, "python": sys.version.split()[0]}


def _step(command: list[str], timeout_s: float, what: str) -> str:
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise PeerFailed(f"{what} took more than {timeout_s:g} s") from error
    if result.returncode != 0:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        wrong = [line for line in lines if line.startswith("ERROR")] or lines
        raise PeerFailed(f"{what} failed: {' '.join(wrong[-LOG_LINES:]) or f'exit code {result.returncode}'}")
    return result.stdout


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
