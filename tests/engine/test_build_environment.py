from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from sidecar.engine.install import child
from sidecar.engine.install.environment import BuildEnvironment
from sidecar.engine.install.errors import InstallError


class Pip:
    """Stands in for running pip; remembers the commands."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.commands: list[list[str]] = []

    def run(self, command: list[str], **options: object) -> int:
        self.commands.append(command)
        return self.codes.pop(0)


def ensure(environment: BuildEnvironment) -> None:
    environment.ensure(stop=threading.Event(), note=lambda text: None)


def test_an_environment_that_pip_did_not_finish_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip(-15, 0, 0)
    monkeypatch.setattr(child, "run", pip.run)
    with pytest.raises(InstallError, match="could not be installed"):
        ensure(BuildEnvironment(tmp_path, "tflite"))
    ensure(BuildEnvironment(tmp_path, "tflite"))
    ensure(BuildEnvironment(tmp_path, "tflite"))
    assert len(pip.commands) == 2
    BuildEnvironment(tmp_path, "tflite").distrust()
    ensure(BuildEnvironment(tmp_path, "tflite"))
    assert len(pip.commands) == 3


def test_the_environment_holds_this_versions_code_and_sees_nothing_of_the_serving_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip(0)
    monkeypatch.setattr(child, "run", pip.run)
    environment = BuildEnvironment(tmp_path, "tflite")
    ensure(environment)
    assert pip.commands[0][0] == str(environment.python)
    assert (environment.sources / "export" / "__main__.py").is_file()
    assert (environment.sources / "sidecar" / "engine" / "manifest.py").is_file()
    code = "import importlib.util as u; print(u.find_spec('sidecar').origin, u.find_spec('msgspec'))"
    shown = subprocess.run(
        [str(environment.python), "-c", code],
        cwd=environment.sources,
        env=environment.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert shown.stdout.split() == [str(environment.sources / "sidecar" / "__init__.py"), "None"]
