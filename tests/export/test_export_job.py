"""The whole job on small ONNX sources: what comes out, and what each failure says."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from tiny_models import FILE, WIDTH, convolution, dense, folder, recipe

from export import evaluate, job, publish, quantize
from export.errors import (
    AtolError,
    DiskFull,
    LicenceRefused,
    NamesError,
    PickleRefused,
    PrecisionError,
    ShapeError,
    SourceError,
)
from export.job import Made, Request, run
from export.origin import Local
from export.recipe import Accuracy, Recipe, Tensor
from export.routes import ready
from sidecar.engine.index import PackEntry, shipped
from sidecar.engine.pack import Pack


class Told:
    """Progress that remembers which tasks began, and can interrupt one."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.stop_at = ""

    def begin(self, task: str, *, total: int | None = None, unit: str = "") -> None:
        self.begun.append(task)
        if task == self.stop_at:
            raise KeyboardInterrupt

    def advance(self, task: str, done: int) -> None:
        return None

    def note(self, task: str, text: str) -> None:
        return None

    def end(self, task: str) -> None:
        return None


class Bench:
    """One export after the other in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told = Told()
        self.packs = root / "packs"

    def export(
        self, made: Recipe, source: Path, *, precision: str = "fp32", accepted: str | None = None, name: str = "mine"
    ) -> Made:
        request = Request(
            name=name,
            recipe=made,
            origin=Local(source),
            device="cpu",
            precision=precision,
            accepted=accepted,
            into=self.packs,
            work=self.root / "work",
            budget_s=0.0,
        )
        return run(request, self.told)

    def published(self) -> list[str]:
        return sorted(path.name for path in self.packs.iterdir()) if self.packs.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def opened(made: Made) -> Pack:
    """The pack as the engine opens it, by the hashes that the export gave."""
    files = {name: {"sha256": sha256, "bytes": size} for name, (sha256, size) in made.files.items()}
    entry = msgspec.convert({"version": made.version, "licence": made.licence, "files": files}, PackEntry)
    return Pack.open(made.folder, index=shipped().plus({made.folder.name: entry}))


def test_a_pack_comes_out_that_the_engine_opens_and_that_computes_what_the_source_computes(bench: Bench) -> None:
    source = folder(bench.root / "source", dense())
    made = bench.export(recipe(), source)
    pack = opened(made)
    pack.check()
    assert sorted(made.files) == ["card.md", "manifest.json", "model.onnx"]
    assert pack.manifest.graph("model").inputs[0].shape == ("batch", WIDTH)
    assert pack.manifest.gate.tolerance == {"model.y": 1e-5}
    assert [item.file for item in pack.manifest.sources] == [FILE]
    x = np.random.default_rng(5).standard_normal((4, WIDTH)).astype(np.float32)
    ours = ort.InferenceSession(pack.read("model.onnx")).run(None, {"x": x})[0]
    theirs = ort.InferenceSession((source / FILE).read_bytes()).run(None, {"x": x})[0]
    assert np.array_equal(ours, theirs)


def test_the_card_says_terms_source_accuracy_and_the_table_that_decided(bench: Bench) -> None:
    source = folder(bench.root / "source", dense())
    made = bench.export(recipe(), source, precision="auto")
    card = (made.folder / "card.md").read_text("utf-8")
    for told in ("Licence **MIT**", "the user's own files", made.table, "model at batch 1 and batch 3", "onnxruntime"):
        assert told in card
    assert "**kept**" in made.table and len(made.table.splitlines()) == 2 + 5
    assert [row.candidate.name for row in made.rows] == ["fp32", "fp16", "int8-dynamic", "int8-weights", "int4-weights"]


@pytest.mark.parametrize(
    ("precision", "file"), [("int8", "model-int8"), ("int4", "model-int4"), ("fp16", "model-fp16")]
)
def test_the_precision_that_was_asked_for_is_the_one_that_is_kept(bench: Bench, precision: str, file: str) -> None:
    made = bench.export(recipe(), folder(bench.root / "source", dense(width=WIDTH)), precision=precision)
    graph = opened(made).manifest.graph("model")
    assert graph.variants[0].precision == precision and graph.variants[0].file.startswith(file)
    assert opened(made).manifest.gate.metric == "cosine"
    x = np.random.default_rng(5).standard_normal((2, WIDTH)).astype(np.float32)
    values = ort.InferenceSession((made.folder / graph.variants[0].file).read_bytes()).run(None, {"x": x})[0]
    assert values.dtype == np.float32 and values.shape == (2, WIDTH)


def test_dynamic_int8_leaves_convolutions_alone(bench: Bench) -> None:
    shape = Tensor("x", "float32", ("batch", 3, 24, 24)), Tensor("y", "float32", ("batch", 16, 24, 24))
    made = recipe(inputs=shape[:1], outputs=shape[1:])
    with pytest.raises(PrecisionError, match="Nothing passes its gate in int8"):
        bench.export(made, folder(bench.root / "source", convolution()), precision="int8")
    result = bench.export(made, folder(bench.root / "source", convolution()), precision="auto")
    problems = {row.candidate.name: row.problem for row in result.rows}
    assert problems["int8-dynamic"] == problems["int8-weights"] == "there is no MatMul with constant weights"


# -- what can go wrong -------------------------------------------------------------------------------------------------


def test_wrong_axis_a_graph_that_only_answers_at_one_size(bench: Bench) -> None:
    source = folder(bench.root / "source", dense(batch=1))
    with pytest.raises(ShapeError, match="has an axis of 1 in the source, batch in the recipe"):
        bench.export(recipe(), source)
    assert bench.published() == []


def test_wrong_axis_that_only_a_run_shows(bench: Bench) -> None:
    """The file declares a free axis, and yet the graph answers for the first row alone."""
    traced = dense()
    traced.graph.node[-1].output[0] = "all"
    for name, value in (("begin", 0), ("end", 1)):
        traced.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], [value]))
    traced.graph.node.append(helper.make_node("Slice", ["all", "begin", "end", "begin"], ["y"]))
    source = folder(bench.root / "source", traced)
    with pytest.raises(ShapeError, match=r"model: y came out as \[1, 128\] where the recipe says \['batch', 128\]"):
        bench.export(recipe(), source)
    assert bench.published() == []


def test_wrong_names(bench: Bench) -> None:
    wrong = recipe(outputs=(Tensor("logits", "float32", ("batch", WIDTH)),))
    with pytest.raises(NamesError, match="has no output logits; it has y"):
        bench.export(wrong, folder(bench.root / "source", dense()))


def test_out_of_tolerance(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversion that computes something else than its source is not published."""
    convert = ready.convert

    def wrong(made: Recipe, source: Path, target: Path) -> dict[str, Path]:
        convert(made, folder(target / "other", dense(seed=1)), target)
        return {"model": target / "model.onnx"}

    monkeypatch.setattr(ready, "convert", wrong)
    with pytest.raises(AtolError, match=r"model.y differs from the source by .*; at most 1.00e-05 is allowed"):
        bench.export(recipe(), folder(bench.root / "source", dense()))
    assert bench.published() == []


def test_a_precision_below_its_gate_says_by_how_much(bench: Bench) -> None:
    strict = recipe(gates={"fp32": Accuracy("max_abs", 1e-5), "int4": Accuracy("cosine", 0.99999)})
    with pytest.raises(PrecisionError, match=r"Nothing passes its gate in int4 .*below its gate"):
        bench.export(strict, folder(bench.root / "source", dense()), precision="int4")
    kept = bench.export(strict, folder(bench.root / "source", dense()), precision="auto")
    assert [row.candidate.name for row in kept.rows if row.chosen] == ["fp32"]


def test_a_precision_without_a_gate_is_not_tried(bench: Bench) -> None:
    with pytest.raises(PrecisionError, match="tiny cannot be made in int4 for cpu; possible are fp32, or auto"):
        bench.export(recipe(gates={"fp32": Accuracy("max_abs", 1e-5)}), bench.root, precision="int4")


@pytest.mark.parametrize("name", ["model.onnx", "model.pt", "pytorch_model.bin"])
def test_a_pickle_is_refused_by_name_and_by_its_bytes(bench: Bench, name: str) -> None:
    source = bench.root / "source"
    source.mkdir()
    (source / name).write_bytes(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n")
    with pytest.raises(PickleRefused, match="reading a pickle can run any program"):
        bench.export(recipe(), source)


def test_a_single_file_that_is_a_pickle(bench: Bench) -> None:
    file = bench.root / "weights.ckpt"
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(PickleRefused, match="safetensors"):
        bench.export(recipe(), file)


def test_a_restricted_licence_needs_its_exact_name(bench: Bench) -> None:
    source = folder(bench.root / "source", dense())
    limited = recipe(restriction="non-commercial", spdx="CC-BY-NC-4.0")
    with pytest.raises(LicenceRefused, match=r"--accept-licence CC-BY-NC-4.0"):
        bench.export(limited, source)
    with pytest.raises(LicenceRefused, match=r"You accepted CC-BY-NC-3.0, which is another one"):
        bench.export(limited, source, accepted="CC-BY-NC-3.0")
    assert not (bench.root / "work" / "source").exists()
    made = bench.export(limited, source, accepted="CC-BY-NC-4.0")
    notice = opened(made).manifest.licence.notice
    assert "CC-BY-NC-4.0 was accepted by the person who exported it" in notice
    assert notice in (made.folder / "card.md").read_text("utf-8") and made.restriction == "non-commercial"


def test_disk_full_publishes_nothing_and_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(bench.root / "source", dense())
    write = publish._write
    room = [2]

    def full(path: Path, content: bytes | Path) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(publish, "_write", full)
    with pytest.raises(DiskFull, match=r"is full. Free some space .* it goes on where it stopped"):
        bench.export(recipe(), source)
    assert bench.published() == []
    room[0] = 100
    counted = count(monkeypatch, ready, "convert")
    bench.export(recipe(), source)
    assert bench.published() == ["mine"] and counted == []


def test_disk_full_while_converting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ready, "convert", full)
        with pytest.raises(DiskFull):
            bench.export(recipe(), folder(bench.root / "source", dense()))
    bench.export(recipe(), folder(bench.root / "source", dense()))


def test_too_little_room_for_the_pack_is_said_before_it_is_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(job.shutil, "disk_usage", lambda path: Usage)
    with pytest.raises(DiskFull, match=r"The pack needs 0 MB in .*, there are 0 MB free"):
        bench.export(recipe(), folder(bench.root / "source", dense()))
    assert bench.published() == []


def test_interrupted_and_resumed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(bench.root / "source", dense())
    bench.told.stop_at = "writing the pack"
    with pytest.raises(KeyboardInterrupt):
        bench.export(recipe(), source, precision="int8")
    assert bench.published() == []
    bench.told.stop_at = ""
    calls = [count(monkeypatch, *what) for what in ((ready, "convert"), (ready, "reference"), (quantize, "make"))]
    bench.export(recipe(), source, precision="int8")
    assert bench.published() == ["mine"] and calls == [[], [], []]


def test_interrupted_in_the_middle_of_a_step_it_is_done_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(bench.root / "source", dense())

    def torn(made: Recipe, origin: Path, target: Path) -> dict[str, Path]:
        (target / "model.onnx").write_bytes(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ready, "convert", torn)
        with pytest.raises(KeyboardInterrupt):
            bench.export(recipe(), source)
    opened(bench.export(recipe(), source)).check()


def test_other_weights_are_converted_anew(bench: Bench) -> None:
    first = bench.export(recipe(), folder(bench.root / "source", dense()))
    second = bench.export(recipe(), folder(bench.root / "source", dense(seed=1)))
    opened(second).check()
    assert first.files["model.onnx"] != second.files["model.onnx"]


def test_a_damaged_step_is_done_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(bench.root / "source", dense())
    first = bench.export(recipe(), source)
    (bench.root / "work" / "converted" / "model.onnx").write_bytes(b"damaged")
    calls = count(monkeypatch, ready, "convert")
    assert bench.export(recipe(), source).files["model.onnx"] == first.files["model.onnx"] and len(calls) == 1


def test_a_source_that_answers_nan_cannot_be_held_against(bench: Bench) -> None:
    broken = dense()
    array = np.frombuffer(broken.graph.initializer[0].raw_data, np.float32).copy()
    array[:] = np.nan
    broken.graph.initializer[0].raw_data = array.tobytes()
    with pytest.raises(SourceError, match=r"the source itself answers model.y with NaN"):
        bench.export(recipe(), folder(bench.root / "source", broken))


def test_nothing_that_the_engine_refuses_is_published(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's own reader looks at the pack once more before it is written."""
    evaluated = evaluate.evaluate

    def lying(*arguments: Any, **options: Any) -> Any:
        rows = evaluated(*arguments, **options)
        damaged = bench.root / "model.onnx"
        damaged.write_bytes(dense(batch=1).SerializeToString())
        rows[0].file = damaged
        return rows

    monkeypatch.setattr(evaluate, "evaluate", lying)
    with pytest.raises(Exception, match=r"The engine would refuse model.onnx"):
        bench.export(recipe(), folder(bench.root / "source", dense()))
    assert bench.published() == []


def count(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Counts the calls of a function and lets them through."""
    calls: list[str] = []
    original: Callable[..., Any] = getattr(module, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, counted)
    return calls


def test_the_record_of_the_fetch_lists_every_file(bench: Bench) -> None:
    bench.export(recipe(), folder(bench.root / "source", dense()))
    rows = json.loads((bench.root / "work" / "fetched.json").read_text("utf-8"))
    assert [row["path"] for row in rows] == [FILE] and len(rows[0]["sha256"]) == 64
