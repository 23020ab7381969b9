"""The real sidecar beneath a Mono application: killed, quit and reloaded applications leave no orphan behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks import mono

PROGRAM = Path(__file__).resolve().parent / "programs" / "ParentProcess.cs"
SERVE = ["--no-warm", "--port", "0"]
ORPHAN_S = 5.0
START_S = 30.0

pytestmark = [
    pytest.mark.skipif(bool(mono.missing()), reason="Mono is not installed: apt-get install mono-mcs mono-devel"),
    pytest.mark.skipif(sys.platform == "win32", reason="The Mono programs are driven by POSIX signals."),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mono.Assemblies(tmp_path_factory.mktemp("process")).program(PROGRAM)


class Application:
    """A running ParentProcess.exe."""

    def __init__(self, program: Path, mode: str, folder: Path) -> None:
        self.folder = folder / "run"
        environment = os.environ | {"VITRINE_PYTHON": sys.executable}
        command = ["mono", "--debug", str(program), mode, str(self.folder), *SERVE]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    def sidecar(self) -> psutil.Process:
        """The sidecar that it names in its next line."""
        assert self.process.stdout is not None
        return psutil.Process(int(self.process.stdout.readline()))

    def log(self) -> str:
        return (self.folder / "sidecar.log").read_text()


@pytest.fixture
def applications(program: Path, tmp_path: Path) -> Iterator[type[Application]]:
    """Makes applications that are gone after the test, with all that they started."""
    made: list[Application] = []

    class Made(Application):
        def __init__(self, mode: str) -> None:
            super().__init__(program, mode, tmp_path)
            made.append(self)

    yield Made
    for application in made:
        if application.process.poll() is None:
            for process in psutil.Process(application.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            application.process.kill()
        application.process.wait()


def with_workers(sidecar: psutil.Process) -> list[psutil.Process]:
    """The sidecar and its engine workers, once they are there."""
    deadline = time.monotonic() + START_S
    while len(workers := sidecar.children(recursive=True)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) >= 2
    return [sidecar, *workers]


def gone(processes: list[psutil.Process], within_s: float) -> bool:
    """Whether all of them end in time; a zombie that nobody has asked about counts as ended."""
    deadline = time.monotonic() + within_s
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_killed_application_leaves_no_orphan(applications: type[Application]) -> None:
    application = applications("hold")
    started = with_workers(application.sidecar())
    application.process.send_signal(signal.SIGKILL)
    assert gone(started, ORPHAN_S)
    assert not (application.folder / "run.json").exists()


def test_an_application_killed_while_the_sidecar_starts_leaves_no_orphan(applications: type[Application]) -> None:
    application = applications("begin")
    sidecar = application.sidecar()
    assert not (application.folder / "run.json").exists()
    application.process.send_signal(signal.SIGKILL)
    assert gone([sidecar, *sidecar.children(recursive=True)], ORPHAN_S)


def test_an_application_that_quits_stops_its_sidecar_in_order(applications: type[Application]) -> None:
    application = applications("quit")
    sidecar = application.sidecar()
    assert application.process.wait(START_S) == 0
    assert not sidecar.is_running()
    assert not (application.folder / "run.json").exists()
    assert "Vitrine listens on 127.0.0.1:" in application.log()


@pytest.mark.parametrize("mode", ["reload", "reload-early"])
def test_a_reload_of_the_scripts_keeps_the_sidecar(applications: type[Application], mode: str) -> None:
    application = applications(mode)
    output, _ = application.process.communicate(timeout=START_S)
    before, found, started, state = output.split()
    assert application.process.returncode == 0
    assert before == found == started != "0"
    assert state == "Running"
    assert not psutil.pid_exists(int(before))
    assert application.log().count("Vitrine listens on") == 1
