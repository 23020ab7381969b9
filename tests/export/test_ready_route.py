from __future__ import annotations

import gzip
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper
from ready_models import SPEC, WEIGHTS, net, recipe, source

from export.errors import AgreementError, AtolError, CosineError, NamesError, PickleRefused, ShapeError, SourceError
from export.publish import pack_files
from export.recipe import Accuracy
from export.routes import ready
from sidecar.engine.manifest import MANIFEST_FILE, decode
from sidecar.engine.runner_specs import Preprocessing, Tensors, TextReading

READING = {
    "characters": "letters.txt",
    "detector": Preprocessing(colour="rgb", low=0.0, high=1.0, layout="nchw", width=None, height=None, multiple=32),
    "recogniser": Preprocessing(colour="rgb", low=0.0, high=1.0, layout="nchw", width=None, height=48),
}


def test_a_pack_is_made_checked_and_described(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", net())
    graphs = ready.convert(recipe(), folder, tmp_path / "made")
    assert {name: file.name for name, file in graphs.items()} == {"model": "model.onnx"}
    assert ready.check(recipe(), folder, graphs) == {"model.mask": 0.0}
    files = pack_files(recipe(), graphs, ready.runner(recipe(), folder), against=ready.AGAINST)
    manifest = decode(bytes(files[MANIFEST_FILE]))  # type: ignore[arg-type]
    assert manifest.runner == Tensors(preprocessing=recipe().preprocessing)
    assert manifest.graph("model").inputs[0].shape == ("batch", 3, "height", "width")
    assert manifest.gate.tolerance == {"model.mask": 1e-6}


def test_equal_sources_give_equal_files_and_no_leftovers(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", net())
    first = ready.convert(recipe(), folder, tmp_path / "a")["model"].read_bytes()
    assert ready.convert(recipe(), folder, tmp_path / "b")["model"].read_bytes() == first
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["model.onnx"]


def test_a_graph_may_have_a_precision_of_its_own(tmp_path: Path) -> None:
    mixed = recipe(graphs=(replace(SPEC, precision="int8"),))
    folder = source(tmp_path / "source", net())
    graphs = ready.convert(mixed, folder, tmp_path / "made")
    files = pack_files(mixed, graphs, ready.runner(mixed, folder), against="")
    manifest = decode(bytes(files[MANIFEST_FILE]))  # type: ignore[arg-type]
    assert manifest.graph("model").variants[0].precision == "int8"


def test_the_runners_files_come_from_the_source(tmp_path: Path) -> None:
    reading = recipe(runner="text_reading", runner_options=READING)
    folder = source(tmp_path / "source", net())
    with pytest.raises(SourceError, match=r"letters\.txt is missing"):
        ready.runner(reading, folder)
    (folder / "letters.txt").write_bytes(b"a\nb")
    made = ready.runner(reading, folder)
    assert isinstance(made.spec, TextReading) and made.files == {"letters.txt": b"a\nb"}


@pytest.mark.parametrize(
    "options", [{"wrong": 1}, READING | {"threshold": 7.0}, READING | {"characters": "../letters.txt"}]
)
def test_options_that_do_not_fit_the_runner_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(SourceError, match="does not fit the runner"):
        ready.runner(recipe(runner="text_reading", runner_options=options), tmp_path)


def changed(by: float) -> bytes:
    return ready.canonicalise(net(weights=[numpy_helper.from_array(WEIGHTS * by, "w")]), SPEC)


@pytest.mark.parametrize(
    ("accuracy", "error", "message"),
    [
        (Accuracy("max_abs", 1e-6), AtolError, "differs from its source by"),
        (Accuracy("cosine", 0.99), CosineError, "cosine of"),
        (Accuracy("agreement", 0.99), AgreementError, "agree with its source"),
    ],
)
def test_another_network_does_not_pass(
    tmp_path: Path, accuracy: Accuracy, error: type[Exception], message: str
) -> None:
    folder = source(tmp_path / "source", net())
    made = tmp_path / "model.onnx"
    gated = recipe(gates={"fp32": accuracy})
    made.write_bytes(changed(-0.7))
    with pytest.raises(error, match=message):
        ready.check(gated, folder, {"model": made})
    made.write_bytes(changed(1.0))
    ready.check(gated, folder, {"model": made})


def test_a_gate_may_have_a_bound_for_one_output(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", net())
    made = tmp_path / "model.onnx"
    made.write_bytes(changed(1.01))
    loose = recipe(gates={"fp32": Accuracy("max_abs", 1e-9, by_output={"model.mask": 10.0})})
    assert 0.0 < ready.check(loose, folder, {"model": made})["model.mask"] < 10.0


def test_another_name_or_shape_does_not_pass(tmp_path: Path) -> None:
    folder = source(tmp_path / "source", net())
    made = tmp_path / "model.onnx"
    made.write_bytes(net().SerializeToString())
    with pytest.raises(NamesError, match="the inputs of model are"):
        ready.check(recipe(), folder, {"model": made})
    fixed = replace(SPEC, inputs=(replace(SPEC.inputs[0], shape=(1, 3, 8, 12)),))
    made.write_bytes(ready.canonicalise(net(), fixed))
    with pytest.raises(ShapeError, match=r"model\.image is"):
        ready.check(recipe(), folder, {"model": made})


class _Boom:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (Path("/opened"),)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (pickle.dumps(_Boom()), PickleRefused, "is a pickle"),
        (b"PK\x03\x04" + bytes(100), SourceError, "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", SourceError, "a pointer to a large file"),
        (b"<!doctype html><title>404</title>", SourceError, "a web page"),
        (b"GGUF" + bytes(60), SourceError, "a GGUF file"),
        (gzip.compress(b"model"), SourceError, "not an ONNX file|holds no graph"),
        (net().SerializeToString()[:-40], SourceError, "damaged"),
        (b"", SourceError, "holds no graph"),
    ],
    ids=["pickle", "zip", "lfs", "page", "gguf", "gzip", "cut-off", "empty"],
)
def test_what_is_no_onnx_file_is_named(tmp_path: Path, data: bytes, error: type[Exception], message: str) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(error, match=message):
        ready.convert(recipe(), tmp_path, tmp_path / "made")


def test_missing_and_oversized_files_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match=r"net\.onnx is missing"):
        ready.convert(recipe(), tmp_path, tmp_path / "made")
    with (tmp_path / "net.onnx").open("wb") as stream:
        stream.truncate(3 << 30)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("was read"))
    with pytest.raises(SourceError, match="2 GB in one file"):
        ready.convert(recipe(), tmp_path, tmp_path / "made")


def test_a_rescaled_graph_is_compared_at_the_sources_own_size() -> None:
    values = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    larger = ready._at_size(values, (1, 1, 4, 8))
    assert larger.shape == (1, 1, 4, 8) and larger[0, 0, 1, 2] == values[0, 0, 0, 1]
    np.testing.assert_array_equal(ready._at_size(larger, (1, 1, 2, 4)), values)
    assert ready._at_size(values, ("batch", 1, "height", "width")) is values
    with pytest.raises(SourceError, match="cannot be compared"):
        ready._at_size(values, (1, 1, 3, 4))
