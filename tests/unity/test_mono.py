"""Compiles the package with mcs against the project's Unity stubs, and runs its suites and programs under Mono."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import mono

HERE = Path(__file__).resolve().parent
HARNESS = mono.sources_of(HERE / "harness")
TESTS = mono.PACKAGE / "Tests"
SERVER = [TESTS / "Core" / name for name in ("FakeServer.cs", "Vectors.cs")]
WIDTH, HEIGHT = 64, 48
SUITE_S = 240


def missing_mono() -> bool:
    """Whether C# cannot run here; under CI=true that is a failure, elsewhere it is said loudly."""
    missing = mono.missing()
    if not missing:
        return False
    if os.environ.get("CI") == "true":
        raise RuntimeError(
            f"C# cannot be tested: {' and '.join(missing)} not found. apt-get install mono-mcs mono-devel"
        )
    print("\n*** C# IS NOT TESTED HERE: install mono-mcs and mono-devel ***\n", file=sys.stderr)
    return True


pytestmark = pytest.mark.skipif(missing_mono(), reason="Mono is not installed: apt-get install mono-mcs mono-devel")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> mono.Assemblies:
    """The package's assemblies, built once."""
    return mono.Assemblies(tmp_path_factory.mktemp("mono"))


@pytest.fixture
def fake_server(tmp_path: Path) -> Iterator[Path]:
    """A running fake server; its runtime folder."""
    command = [sys.executable, str(HERE / "fake_server.py"), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline().strip() == "ready"
        yield tmp_path
        process.terminate()


def run_mono(program: Path, *arguments: str, run_folder: Path | None = None) -> str:
    """Runs a program and returns its output."""
    environment = os.environ | {"VITRINE_TESTS": str(HERE.parent), "VITRINE_PYTHON": sys.executable}
    if run_folder is not None:
        environment["VITRINE_RUN_DIR"] = str(run_folder)
    command = ["mono", "--debug", str(program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SUITE_S, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_suites(output: Path, sources: list[Path], *flags: str, references: list[Path]) -> None:
    """Compiles the suites into one program and runs every test in it."""
    mono.compile_sources(output, [*HARNESS, *sources], *flags, references=references)
    said = run_mono(output)
    print(said)
    assert " 0 failed" in said


def test_core_suites(built: mono.Assemblies) -> None:
    run_suites(built.folder / "Vitrine.Core.Tests.exe", mono.sources_of(TESTS / "Core"), references=[built.core()])


def test_runtime_suites(built: mono.Assemblies) -> None:
    """The components in a fake scene, against a real server process."""
    references = [built.core(), built.runtime(), *built.engine()]
    sources = [*mono.sources_of(HERE / "runtime"), *SERVER]
    run_suites(built.folder / "Vitrine.Tests.exe", sources, *mono.UNITY_FLAGS, references=references)


def test_editor_suites(built: mono.Assemblies) -> None:
    """The window, the settings page and the commands in a fake Editor."""
    references = [built.core(), built.runtime(), built.editor(), built.samples(), *built.engine()]
    flags = (*mono.UNITY_FLAGS, "-define:UNITY_EDITOR")
    sources = [*mono.sources_of(HERE / "editor"), *SERVER]
    run_suites(built.folder / "Vitrine.Editor.Tests.exe", sources, *flags, references=references)


def test_mirror_console_writes_the_answered_frames(built: mono.Assemblies, fake_server: Path, tmp_path: Path) -> None:
    console = built.program(HERE / "programs" / "MirrorConsole.cs")
    size = WIDTH * HEIGHT * 3
    frames = bytes(size) + b"\x7f" * size
    (tmp_path / "frames.rgb").write_bytes(frames)
    where = [str(tmp_path / "frames.rgb"), str(WIDTH), str(HEIGHT), str(tmp_path / "out")]
    options = ["--frames", "60", "--rate", "120", "--layer", "sample-glasses-1"]
    report = json.loads(run_mono(console, *where, *options, run_folder=fake_server))
    assert report["frames_in"] == report["frames_out"] == 60
    assert report["through_shared_memory"] >= 50  # a busy machine may run out of slots for a moment
    assert max(report["allocated_bytes_per_frame"].values()) < 8
    written = sorted((tmp_path / "out").glob("*.ppm"))
    assert len(written) == report["files"] >= 50
    for path in written:
        index = int(path.stem.removeprefix("frame-"))
        assert path.read_bytes() == b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + frames[index % 2 * size :][:size]


def test_echo_bench_compiles(built: mono.Assemblies) -> None:
    built.program(mono.ROOT / "benchmarks" / "unity" / "EchoBench.cs")
