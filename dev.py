#!/usr/bin/env python3
"""Sets everything up on a machine that has only Python, then runs the demo or the tests.

    python dev.py demo [...]      the main job: try-on pictures, an animation and a latency table
    python dev.py test [--full]   every check, C# included; --full adds what is too long for every run
    python dev.py bench [...]     the benchmarks (extra words go to python -m benchmarks)

It makes .venv beside this file, installs the project into it, and fetches the models. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
MONO_PACKAGES = ["mono-mcs", "mono-devel"]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main(words: list[str]) -> int:
    """Runs one command; the result is the exit code."""
    if not words or words[0] not in ("demo", "test", "bench"):
        print(__doc__)
        return 0 if words and words[0] in ("-h", "--help") else 2
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        print(f"Vitrine needs Python 3.10 to 3.13; this is {platform.python_version()}.", file=sys.stderr)
        return 2
    command, rest = words[0], words[1:]
    try:
        _environment("demo" if command == "demo" else "dev")
        if command == "demo":
            return _run([str(PYTHON), "-m", "sidecar", "demo", *rest])
        if command == "bench":
            return _run([str(PYTHON), "-m", "benchmarks", *rest])
        return _test(full="--full" in rest)
    except subprocess.CalledProcessError as error:
        print(f"\nThis step failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _test(*, full: bool) -> int:
    csharp, browser = _ensure_mono(), _ensure_chromium()
    python = str(PYTHON)
    _step("Models", [python, "-m", "sidecar", "models", "install", "vision", "--yes"])
    _step("Style", [python, "-m", "ruff", "check", "."])
    _step("Types", [python, "-m", "mypy", "--strict", "sidecar"])
    chosen = [] if full else ["-m", "not full"]
    if not csharp:
        chosen += ["--ignore=tests/unity"]
    if not browser:
        chosen += ["--ignore=tests/browser"]
    if full:
        _step("Every export recipe on a tiny model", [python, "-m", "export", "tiny", "--all"])
    code = _run([python, "-m", "pytest", *chosen])
    if not csharp:
        print("\n*** C# WAS NOT TESTED: there is no Mono here. Install mono-mcs and mono-devel, run this again. ***")
    if not browser:
        print("\n*** THE DASHBOARD WAS NOT TESTED: there is no Chromium here. Install it, run this again. ***")
    return code


def _environment(extra: str) -> None:
    """Makes .venv and installs the project into it, once per state of pyproject.toml."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / f"vitrine-{extra}.stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        _make_venv()
    install = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-q"]
    flavour = "cuda" if shutil.which("nvidia-smi") and os.environ.get("VITRINE_CUDA") else "cpu"
    size = "1.7 GB with torch for the export tests; more where pip brings CUDA" if extra == "dev" else "about 250 MB"
    _step(f"Python packages ({size})", [*install, "-e", f"{ROOT}[{'dev' if extra == 'dev' else flavour}]"])
    stamp.write_text(wanted)


def _make_venv() -> None:
    print("== Virtual environment in .venv", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if not _can_apt():
        print(made.stdout + made.stderr, file=sys.stderr)
        made.check_returncode()
    _apt(["python3-venv"])  # Debian ships Python without it
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def _ensure_mono() -> bool:
    """Whether C# can be compiled and run; installs Mono on Debian. Under CI=true its absence is an error."""
    if not (shutil.which("mcs") and shutil.which("mono")) and _can_apt():
        _apt(MONO_PACKAGES)
    if shutil.which("mcs") and shutil.which("mono"):
        return True
    print("\n*** C# cannot run here: mcs and mono are missing. ***\n", file=sys.stderr)
    if os.environ.get("CI") == "true":
        raise subprocess.CalledProcessError(1, ["mcs"])
    return False


def _ensure_chromium() -> bool:
    """Whether pages can be looked at; installs Chromium on Debian. Under CI=true its absence is an error."""
    if not any(map(shutil.which, CHROMIUM)) and _can_apt():
        _apt(["chromium"])
    if any(map(shutil.which, CHROMIUM)):
        return True
    print("\n*** The dashboard cannot be tested here: Chromium is missing. ***\n", file=sys.stderr)
    if os.environ.get("CI") == "true":
        raise subprocess.CalledProcessError(1, ["chromium"])
    return False


def _can_apt() -> bool:
    return sys.platform == "linux" and shutil.which("apt-get") is not None and os.geteuid() == 0


def _apt(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"== Debian packages: {' '.join(packages)}", flush=True)
    subprocess.run(["apt-get", "-q", "update"], check=True, env=environment, stdout=subprocess.DEVNULL)
    install = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages]
    subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)


def _step(title: str, command: list[str]) -> None:
    print(f"== {title}", flush=True)
    subprocess.run(command, check=True, cwd=ROOT)


def _run(command: list[str]) -> int:
    return subprocess.run(command, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
