"""Compiles `Vitrine.Core`, its suites and its console programs with mcs, and runs them under Mono."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CORE = HERE.parents[1] / "unity_bridge" / "Runtime" / "Core"
SUITES = ["NUnitShim.cs", "TestMain.cs", "FakeServer.cs", *sorted(path.name for path in HERE.glob("*Tests.cs"))]
# The dialect that mcs and Unity 2022.3 both take.
FLAGS = ["-langversion:7.2", "-unsafe", "-optimize+", "-debug", "-warnaserror+"]
WIDTH, HEIGHT = 64, 48


def missing_mono() -> bool:
    """Whether C# cannot run here; under CI=true that is a failure, elsewhere it is said loudly."""
    missing = [name for name in ("mono", "mcs") if shutil.which(name) is None]
    if not missing:
        return False
    if os.environ.get("CI") == "true":
        raise RuntimeError(
            f"C# cannot be tested: {' and '.join(missing)} not found. apt-get install mono-mcs mono-devel"
        )
    print("\n*** C# IS NOT TESTED HERE: install mono-mcs and mono-devel ***\n", file=sys.stderr)
    return True


pytestmark = pytest.mark.skipif(missing_mono(), reason="Mono is not installed: apt-get install mono-mcs mono-devel")


def compile_sources(output: Path, sources: Sequence[Path], *flags: str) -> Path:
    """Compiles to `output`; the compiler's words are the failure's."""
    command = ["mcs", *FLAGS, *flags, f"-out:{output}", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with Vitrine.Core.dll."""
    folder = tmp_path_factory.mktemp("mono")
    compile_sources(folder / "Vitrine.Core.dll", sorted(CORE.glob("*.cs")), "-target:library")
    return folder


@pytest.fixture
def fake_server(tmp_path: Path) -> Iterator[Path]:
    """A running fake server; its runtime folder."""
    command = [sys.executable, str(HERE / "fake_server.py"), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline().strip() == "ready"
        yield tmp_path
        process.terminate()


def run_mono(built: Path, program: str, *arguments: str, run_folder: Path | None = None) -> str:
    """Runs a program and returns its output."""
    environment = os.environ | {"VITRINE_TESTS": str(HERE.parent), "VITRINE_PYTHON": sys.executable}
    if run_folder is not None:
        environment["VITRINE_RUN_DIR"] = str(run_folder)
    command = ["mono", "--debug", str(built / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_suites(built: Path) -> None:
    compile_sources(
        built / "Vitrine.Core.Tests.exe", [HERE / name for name in SUITES], f"-r:{built / 'Vitrine.Core.dll'}"
    )
    output = run_mono(built, "Vitrine.Core.Tests.exe")
    print(output)
    assert " 0 failed" in output


def test_mirror_console_writes_the_answered_frames(built: Path, fake_server: Path, tmp_path: Path) -> None:
    compile_sources(built / "MirrorConsole.exe", [HERE / "MirrorConsole.cs"], f"-r:{built / 'Vitrine.Core.dll'}")
    size = WIDTH * HEIGHT * 3
    frames = bytes(size) + b"\x7f" * size
    (tmp_path / "frames.rgb").write_bytes(frames)
    where = [str(tmp_path / "frames.rgb"), str(WIDTH), str(HEIGHT), str(tmp_path / "out")]
    options = ["--frames", "60", "--rate", "120", "--layer", "sample-glasses-1"]
    report = json.loads(run_mono(built, "MirrorConsole.exe", *where, *options, run_folder=fake_server))
    assert report["frames_in"] == report["frames_out"] == 60
    assert report["through_shared_memory"] >= 50  # a busy machine may run out of slots for a moment
    assert max(report["allocated_bytes_per_frame"].values()) < 8
    written = sorted((tmp_path / "out").glob("*.ppm"))
    assert len(written) == report["files"] >= 50
    for path in written:
        index = int(path.stem.removeprefix("frame-"))
        assert path.read_bytes() == b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + frames[index % 2 * size :][:size]


def test_echo_bench_compiles(built: Path) -> None:
    compile_sources(built / "EchoBench.exe", [HERE / "EchoBench.cs"], f"-r:{built / 'Vitrine.Core.dll'}")
