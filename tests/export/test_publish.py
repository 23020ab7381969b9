from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from export.publish import files_of, publish
from export.recipes import GROUPS
from sidecar.engine import index, manifest


def test_a_pack_appears_whole(tmp_path: Path) -> None:
    publish({"a": b"1", "b": b"2"}, tmp_path / "packs" / "x")
    assert {path.name: path.read_bytes() for path in (tmp_path / "packs" / "x").iterdir()} == {"a": b"1", "b": b"2"}
    publish({"a": b"3"}, tmp_path / "packs" / "x")
    assert {path.name: path.read_bytes() for path in (tmp_path / "packs" / "x").iterdir()} == {"a": b"3"}
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["x"]


def test_a_pack_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    publish({"a": b"1"}, tmp_path / "x")
    with pytest.raises(OSError):
        publish({"a": b"2", "no/such/folder": b"3"}, tmp_path / "x")
    assert (tmp_path / "x" / "a").read_bytes() == b"1"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("spec", GROUPS["vision"], ids=lambda spec: spec.name)
def test_the_shipped_index_is_what_the_recipes_make(spec: object) -> None:
    from export.spec import ModelSpec

    assert isinstance(spec, ModelSpec)
    entry = index.shipped().packs[spec.name]
    archive = index.shipped().archives[entry.weights.archive]
    weights = spec.weights
    assert (entry.weights.archive, entry.weights.path) == (weights.archive.key, weights.path)
    assert (entry.weights.sha256, entry.weights.bytes) == (weights.sha256, weights.bytes)
    assert (archive.file, archive.sha256, archive.bytes) == (
        weights.archive.file,
        weights.archive.sha256,
        weights.archive.bytes,
    )
    model = entry.files[f"{spec.name}.onnx"]
    text = files_of(spec, bytes(model.bytes))[manifest.MANIFEST_FILE]
    assert hashlib.sha256(text).hexdigest() == entry.files[manifest.MANIFEST_FILE].sha256
    read = manifest.decode(text)
    assert read.inputs[0].shape == (1, read.preprocessing.height, read.preprocessing.width, 3)


def test_groups_of_index_and_recipes_agree() -> None:
    assert {group: tuple(spec.name for spec in specs) for group, specs in GROUPS.items()} == index.shipped().groups
