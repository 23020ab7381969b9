"""`vitrine export`: the command around the exporter. A stand-in plays the exporter where only the command is looked
at.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar import cli, export_cli
from sidecar.bars import JsonLines
from sidecar.engine import local_index
from sidecar.engine.install import exporting
from sidecar.engine.install.errors import InstallError
from sidecar.engine.install.exporting import Exporter, ExportFailed, Order
from sidecar.engine.manifest import File, Gate, Graph, Licence, Manifest, Source, TensorSpec, Variant, encode
from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import Tensors

PLAN = {"name": "tiny", "environment": "hub", "disk_mb": 1, "environment_disk_mb": 1}
# Plays `python -m export model`: what it does is said by a file beside it.
STAND_IN = """
import hashlib, json, pathlib, shutil, sys, time
words = sys.argv[2:]
option = {word: words[at + 1] for at, word in enumerate(words) if word.startswith("--")}
here = pathlib.Path(__file__).parent.parent
does = json.loads((here / "does.json").read_text())
with (here / "runs.txt").open("a") as runs: runs.write(" ".join(words) + "\\n")
def say(**event): print(json.dumps(event), flush=True)
print("a library says something")
say(event="begin", task="converting", total=2, unit="graphs")
say(event="advance", task="converting", done=1)
say(event="note", task="converting", text="half way")
time.sleep(does.get("seconds", 0))
if "failed" in does: say(event="failed", kind="AtolError", message=does["failed"]); sys.exit(1)
if "dies" in does: print("Killed"); sys.exit(137)
say(event="end", task="converting")
folder = pathlib.Path(option["--into"], option["--name"])
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(here / ("made-other" if option["--name"] == "other" else "made"), folder)
def digest(f): return {"sha256": hashlib.sha256(f.read_bytes()).hexdigest(), "bytes": f.stat().st_size}
files = {f.name: digest(f) for f in folder.iterdir()}
if "lies" in does: files["model.onnx"]["sha256"] = "0" * 64
say(event="made", pack=option["--name"], folder=str(folder), version="1.0.0", licence="MIT", restriction="none",
    files=files, table=[["graph", ""], ["model", "**kept**"]])
"""


class StandIn:
    """This Python with the stand-in exporter."""

    def __init__(self, folder: Path) -> None:
        self.python = Path(sys.executable)
        self.sources = folder
        self.folder = folder
        self.asked: list[str] = []
        self.distrusted = False
        (folder / "export").mkdir(parents=True)
        (folder / "export" / "__init__.py").touch()
        (folder / "export" / "__main__.py").write_text(STAND_IN)
        self.does()

    def does(self, **what: object) -> None:
        (self.folder / "does.json").write_text(json.dumps(what))

    def runs(self) -> list[str]:
        path = self.folder / "runs.txt"
        return path.read_text().splitlines() if path.exists() else []

    def __call__(self, name: str) -> StandIn:
        self.asked.append(name)
        return self

    def ensure(self, *, stop: threading.Event, note: Callable[[str], None]) -> None:
        return None

    def environ(self) -> dict[str, str]:
        return dict(os.environ)

    def distrust(self) -> None:
        self.distrusted = True


class Told:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def begin(self, task: str, *, total: int | None, unit: str) -> None:
        self.seen.append(("begin", task, str(total), unit))

    def advance(self, task: str, done: int) -> None:
        self.seen.append(("advance", task, str(done)))

    def note(self, task: str, text: str) -> None:
        self.seen.append(("note", task, text))

    def end(self, task: str) -> None:
        self.seen.append(("end", task))


class Bench:
    """Vitrine's folder, and the stand-in."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.told = Told()
        self.stand_in = StandIn(root / "src")
        made = root / "src" / "made"
        made.mkdir()
        (made / "model.onnx").write_bytes(b"a graph")
        (made / "manifest.json").write_bytes(encode(manifest("mine")))

    def export(self, order: Order = Order(recipe="tiny", name="mine")) -> dict[str, Any]:  # noqa: B008
        registry = Registry()
        return Exporter(registry, home=self.home, progress=self.told, environment=self.stand_in).export(order, PLAN)


def manifest(name: str) -> Manifest:
    tensor = TensorSpec(name="x", dtype="float32", shape=("batch", 2))
    variant = Variant(file="model.onnx", precision="fp32", providers=("cpu",))
    return Manifest(
        schema=2,
        name=name,
        version="1.0.0",
        task="a test",
        licence=Licence(spdx="MIT", attribution="nobody", notice="none", url="https://example.invalid"),
        sources=(Source(registry="local", package="files", version="1", file="a", file_sha256="0" * 64),),
        files=(File(name="model.onnx", bytes=7),),
        graphs=(Graph(name="model", inputs=(tensor,), outputs=(tensor,), variants=(variant,)),),
        runner=Tensors(),
        gate=Gate(against="a test", metric="max_abs", tolerance={"model.x": 1.0}),
    )


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return Bench(tmp_path)


def test_an_export_is_published_and_stands_in_the_index_of_the_person(bench: Bench) -> None:
    made = bench.export()
    assert made["folder"] == str(bench.home / "packs" / "mine")
    registry = Registry()
    registry.open("mine").check()
    assert registry.state("mine").origin == "yours" and registry.state("mine").state == "installed"
    assert "mine" in local_index.read(bench.home)
    assert not (bench.home / "export" / "work" / "mine").exists() and not list((bench.home / "packs").glob(".*/*"))
    assert bench.stand_in.asked == ["hub"]


def test_the_exporters_lines_become_progress(bench: Bench) -> None:
    bench.export()
    told = [row for row in bench.told.seen if row[1] == "converting"]
    assert told == [
        ("begin", "converting", "2", "graphs"),
        ("advance", "converting", "1"),
        ("note", "converting", "half way"),
        ("end", "converting"),
    ]


def test_a_newer_export_takes_the_place_of_the_older_one(bench: Bench) -> None:
    bench.export()
    (bench.stand_in.folder / "made" / "model.onnx").write_bytes(b"b graph")
    bench.export()
    assert Registry().open("mine").read("model.onnx") == b"b graph"


def test_a_failed_export_says_the_exporters_sentence_and_leaves_the_old_pack(bench: Bench) -> None:
    bench.export()
    bench.stand_in.does(failed="model.y differs from the source by 5.00e-01; at most 1.00e-05 is allowed.")
    with pytest.raises(ExportFailed, match="differs from the source by"):
        bench.export()
    Registry().open("mine").check()
    assert (bench.home / "export" / "work").exists() and not bench.stand_in.distrusted


def test_an_exporter_that_dies_is_said_with_its_log(bench: Bench) -> None:
    bench.stand_in.does(dies=True)
    with pytest.raises(ExportFailed, match=r"ended without a pack \(.*Killed\). Its log: .*log.txt"):
        bench.export()
    assert bench.stand_in.distrusted and not (bench.home / "packs" / "mine").exists()


def test_a_pack_that_is_not_what_the_exporter_says_is_not_published(bench: Bench) -> None:
    bench.stand_in.does(lies=True)
    with pytest.raises(Exception, match=r"model.onnx is not the published file"):
        bench.export()
    assert not (bench.home / "packs" / "mine").exists() and local_index.read(bench.home) == {}


def test_two_exports_at_once_the_second_waits_and_finds_the_work_done(bench: Bench) -> None:
    bench.stand_in.does(seconds=1.0)
    first: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: first.append(bench.export()))
    thread.start()
    while not bench.stand_in.runs():
        time.sleep(0.01)
    second = bench.export()
    thread.join()
    assert ("begin", "waiting for another export", "None", "") in bench.told.seen
    assert second["already"] and "already" not in first[0] and len(bench.stand_in.runs()) == 1


def test_two_different_exports_at_once_run_one_after_the_other(bench: Bench) -> None:
    other = bench.stand_in.folder / "made-other"
    other.mkdir()
    (other / "model.onnx").write_bytes(b"a graph")
    (other / "manifest.json").write_bytes(encode(manifest("other")))
    bench.stand_in.does(seconds=0.5)
    thread = threading.Thread(target=bench.export)
    thread.start()
    while not bench.stand_in.runs():
        time.sleep(0.01)
    made = bench.export(Order(recipe="tiny", name="other"))
    thread.join()
    assert "already" not in made and sorted(local_index.read(bench.home)) == ["mine", "other"]
    assert ("begin", "waiting for another export", "None", "") in bench.told.seen


def test_into_another_folder_is_no_part_of_vitrine(bench: Bench, tmp_path: Path) -> None:
    made = bench.export(Order(recipe="tiny", name="mine", into=tmp_path / "elsewhere"))
    assert made["folder"] == str(tmp_path / "elsewhere" / "mine") and (tmp_path / "elsewhere" / "mine").is_dir()
    assert local_index.read(bench.home) == {} and not (bench.home / "packs" / "mine").exists()


def test_keep_keeps_the_steps(bench: Bench) -> None:
    bench.export(Order(recipe="tiny", name="mine", keep=True))
    assert (bench.home / "export" / "work" / "mine").is_dir()
    assert exporting.clean(bench.home) == 0 and not (bench.home / "export" / "work").exists()


@pytest.mark.parametrize("name", ["face-mesh", "vision", "A", "a b", "../x", "-x", "x" * 65])
def test_names_that_a_pack_may_not_have(bench: Bench, name: str) -> None:
    with pytest.raises(InstallError, match=r"choose another one|cannot be the name"):
        bench.export(Order(recipe="tiny", name=name))
    assert bench.stand_in.runs() == []


def test_too_little_disk_is_said_before_anything_is_fetched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10**6

    monkeypatch.setattr(exporting.shutil, "disk_usage", lambda path: Usage)
    with pytest.raises(InstallError, match=r"Exporting tiny needs about 201 MB free in .*, there are 1 MB"):
        bench.export()
    assert bench.stand_in.runs() == []


def test_the_words_for_the_exporter(bench: Bench) -> None:
    bench.export(
        Order(
            recipe="tiny",
            name="mine",
            origin="a/b",
            device="cuda",
            precision="int4",
            accepted="CC-BY-NC-4.0",
            keep=True,
        )
    )
    (words,) = bench.stand_in.runs()
    assert words.startswith("tiny --device cuda --precision int4 --from a/b --accept-licence CC-BY-NC-4.0 --name mine")


# -- the command line --------------------------------------------------------------------------------------------------


def vitrine(*words: str) -> int:
    return cli.main(["export", *words])


def test_list_shows_every_recipe_with_licence_and_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert vitrine("--list") == 0
    shown = capsys.readouterr().out
    assert "e5-text" in shown and "non-commercial" in shown and "vitrine models install: " in shown
    assert vitrine("--list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["name"] in shown for row in rows)
    assert {"name", "route", "licence", "restriction", "megabytes"} <= set(rows[0])


def test_dry_run_says_the_price_and_fetches_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_cli, "_exporter", lambda *_: pytest.fail("something was exported"))
    assert vitrine("e5-text", "--dry-run", "--device", "cpu") == 0
    shown = capsys.readouterr().out
    for told in ("MIT", "of weights", "of disk while it works", "of memory", "at 10 MB/s", "int8-dynamic", "on cpu"):
        assert told in shown
    assert not (bench.home / "export").exists()


def test_a_restricted_model_is_refused_before_anything_is_fetched(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_cli, "_exporter", lambda *_: pytest.fail("something was exported"))
    assert vitrine("sdxl-turbo", "--device", "cuda") == 1
    assert "--accept-licence LicenseRef-Stability-AI-NC-Community" in capsys.readouterr().err
    assert vitrine("sdxl-turbo", "--accept-licence", "MIT", "--dry-run") == 0
    assert not (bench.home / "export").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("e5txt",), "There is no recipe 'e5txt'. Do you mean e5-text"),
        (("face-mesh",), "vitrine models install face-mesh"),
        (("e5-text", "--from", "nothing here"), "there is no such folder or file"),
        (("e5-text", "--precision", "int4"), "cannot be made in int4 for cpu; possible are"),
        (("e5-text", "--name", "hand"), "choose another one for yours: --name my-hand"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    bench: Bench, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert vitrine(*words, "--device", "cpu") == 1
    assert said in capsys.readouterr().err
    assert vitrine(*words, "--device", "cpu", "--json") == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "error" and said in last["text"]


def test_without_a_name_it_points_to_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert vitrine() == 2
    assert "vitrine export --list" in capsys.readouterr().err


def run_here(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the command use the stand-in."""
    monkeypatch.setattr(
        export_cli,
        "_exporter",
        lambda registry, progress: Exporter(registry, home=bench.home, progress=progress, environment=bench.stand_in),
    )
    plan = exporting.plan

    def small(order: Order) -> dict[str, Any]:
        return plan(order) | {"disk_mb": 1, "environment_disk_mb": 1}

    monkeypatch.setattr(exporting, "plan", small)


def test_the_whole_command_with_bars(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(bench, monkeypatch)
    assert vitrine("e5-text", "--name", "mine", "--device", "cpu") == 0
    shown = capsys.readouterr().out
    assert "- converting ..." in shown and "Made mine: 0.0 MB in" in shown and "vitrine models list" in shown
    assert cli.main(["models", "list"]) == 0
    assert "mine" in capsys.readouterr().out


def test_the_whole_command_as_lines(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(bench, monkeypatch)
    assert vitrine("e5-text", "--name", "mine", "--device", "cpu", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [rows[0]["event"], rows[-1]["event"]] == ["plan", "done"]
    assert json.loads(rows[-1]["text"])["pack"] == "mine"
    assert {"event", "task", "done", "total", "unit", "text"} == set(rows[1])


def test_ctrl_c_says_how_to_go_on(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here(bench, monkeypatch)
    bench.stand_in.does(seconds=60)

    class Interrupting(JsonLines):
        def note(self, task: str, text: str) -> None:
            if text == "half way":
                raise KeyboardInterrupt

    monkeypatch.setattr(export_cli, "JsonLines", Interrupting)
    began = time.monotonic()
    assert vitrine("e5-text", "--name", "mine", "--device", "cpu", "--json") == 130
    assert time.monotonic() - began < 20
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["text"] == "Stopped. What is done is kept: the same command goes on from there."
    bench.stand_in.does()
    monkeypatch.setattr(export_cli, "JsonLines", JsonLines)
    assert vitrine("e5-text", "--name", "mine", "--device", "cpu", "--json") == 0


def test_a_path_is_made_absolute_since_the_exporter_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert export_cli._absolute("mine") == str(tmp_path / "mine")
    assert export_cli._absolute("owner/name") == "owner/name" and export_cli._absolute(None) is None


def test_help_teaches() -> None:
    parser = argparse.ArgumentParser()
    export_cli.add_parser(parser.add_subparsers())
    shown = subprocess.run(
        [sys.executable, "-m", "sidecar", "export", "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for told in ("--dry-run", "--accept-licence", "goes on where it stopped", "hf auth login", "Pickles"):
        assert told in shown


@pytest.mark.parametrize("name", ["hub", "torch"])
@pytest.mark.parametrize("device", ["cuda", "directml"])
def test_requirements_for_a_card_differ_in_onnx_runtime_alone(name: str, device: str) -> None:
    folder = Path(__file__).parents[2] / "export" / "requirements"

    def pins(file: str) -> set[str]:
        lines = (folder / file).read_text("utf-8").splitlines()
        return {line for line in lines if not line.startswith("#")}

    plain, other = pins(f"{name}.txt"), pins(f"{name}-{device}.txt")
    assert {line.split("==")[0] for line in plain - other} == {"onnxruntime"}
    runtime = {"cuda": "onnxruntime-gpu", "directml": "onnxruntime-directml"}[device]
    assert {line.split("==")[0].split("[")[0] for line in other - plain} == {runtime}
