"""The environments that convert models: virtual ones under Vitrine's folder, apart from the one that serves."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from . import child
from .errors import InstallError


class Size(NamedTuple):
    """About how much a set of packages is to download, and on the disk."""

    download_bytes: int
    disk_bytes: int


# The sets of `export/requirements/` that convert packs of groups, as pip resolves them for x86-64 Linux and CPython
# 3.11; torch without CUDA, with which it is several times that.
SIZES: Mapping[str, Size] = {
    "ready": Size(65_000_000, 220_000_000),
    "tflite": Size(80_000_000, 320_000_000),
    "torch": Size(300_000_000, 1_400_000_000),
}
_LAYOUT = b"3"  # changes when an environment is filled in another way, so that older ones are left alone
_PIP_TIMEOUT_S = 1200.0
_ENSUREPIP_TIMEOUT_S = 60.0
_SOURCES = ("*.py", "*.json", "*.txt")


class BuildEnvironment:
    """The converting environment for this Python and one set of requirements, made on first use."""

    def __init__(self, parent: Path, name: str) -> None:
        self.name = name
        self._requirements = _package_folder("export") / "requirements" / f"{name}.txt"
        text = self._requirements.read_bytes()
        key = hashlib.sha256(_LAYOUT + text + sys.version.encode() + sys.executable.encode()).hexdigest()[:12]
        self.folder = parent / f"environment-{key}"
        self.sources = self.folder / "src"
        self._marker = self.folder / "complete"

    @property
    def python(self) -> Path:
        """The interpreter inside."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def ensure(self, *, stop: threading.Event, note: Callable[[str], None]) -> None:
        """Creates the environment unless it is complete, and lays this version's code into it.

        Raises `InstallError` if the packages cannot be installed.
        """
        if not self._marker.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(self.folder)
            self._install(stop, note)
            self._marker.touch()
        self._copy_sources()

    def environ(self) -> dict[str, str]:
        """The environment variables for a run inside: the user's, without what would point Python elsewhere."""
        kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        return kept | {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def distrust(self) -> None:
        """A run inside failed, maybe for what is inside (a Python that moved, a lost package): start anew."""
        self._marker.unlink(missing_ok=True)

    def _install(self, stop: threading.Event, note: Callable[[str], None]) -> None:
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--only-binary", ":all:"]
        lines: list[str] = []

        def on_line(line: str) -> None:
            lines.append(line)
            if line.startswith(("Downloading", "Collecting", "Installing")):
                note(" ".join(line.split()[:2]))

        code = child.run(
            [*self._pip(), "install", *options, "--requirement", str(self._requirements)],
            cwd=self.folder,
            environ=self.environ(),
            timeout_s=_PIP_TIMEOUT_S,
            stop=stop,
            on_line=on_line,
        )
        if code != 0:
            reason = next((line for line in reversed(lines) if line.startswith("ERROR")), "pip ended early")
            raise InstallError(
                f"The packages for converting could not be installed: {reason} Check the network and pip's settings, "
                "then run the same command again."
            )

    def _pip(self) -> list[str]:
        """A pip that installs into the environment: the serving one's code, or else one made inside.

        A recent pip brings a file that runs it, and nothing else of its own environment, under any interpreter; that is
        how its `--python` works too. Started directly, it stays one process that can be ended.
        """
        spec = importlib.util.find_spec("pip")
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            runner = Path(folder) / "__pip-runner__.py"
            if runner.is_file():
                return [str(self.python), str(runner)]
        made = subprocess.run(
            [str(self.python), "-m", "ensurepip", "--default-pip"],
            capture_output=True,
            timeout=_ENSUREPIP_TIMEOUT_S,
            check=False,
        )
        if made.returncode != 0:
            raise InstallError(
                "This Python has no pip. Run: python -m ensurepip (on Debian: apt-get install python3-pip "
                "python3-venv), then the same command again."
            )
        return [str(self.python), "-m", "pip"]

    def _copy_sources(self) -> None:
        """Only this version's own code, so that nothing of the serving environment can be imported inside."""
        shutil.rmtree(self.sources, ignore_errors=True)
        for package in ("export", "sidecar"):
            origin = _package_folder(package)
            for pattern in _SOURCES:
                for file in origin.rglob(pattern):
                    target = self.sources / package / file.relative_to(origin)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, target)


def _package_folder(name: str) -> Path:
    """Where a package of this project lies, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InstallError(f"The package {name} is not installed. Run: pip install --force-reinstall vitrine-vr")
    return Path(next(iter(spec.submodule_search_locations)))
