from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec
import onnx
import pytest

from export.__main__ import check_sources
from export.errors import SourceError
from export.index import archive, key, members, merge, sources
from export.publish import pack_files, publish
from export.recipe import Recipe
from export.recipes import GROUPS
from export.route import RunnerFiles
from export.routes.tflite import AGAINST
from sidecar.engine import index, manifest
from sidecar.engine.runner_specs import Tensors


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


def test_a_file_on_the_disk_is_copied(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"12345" * 10_000)
    publish({"a": tmp_path / "large"}, tmp_path / "x")
    assert (tmp_path / "x" / "a").read_bytes() == (tmp_path / "large").read_bytes()


def model_of_size(size: int) -> bytes:
    """An ONNX file of exactly so many bytes, nearly all of them its description."""
    for length in range(size - 6, size):
        model = onnx.ModelProto(doc_string=" " * length)
        if model.ByteSize() == size:
            return model.SerializeToString()
    raise AssertionError(f"no description makes {size} bytes")


@pytest.mark.parametrize("recipe", GROUPS["vision"], ids=lambda recipe: recipe.name)
def test_the_shipped_index_is_what_the_recipes_make(recipe: Recipe, tmp_path: Path) -> None:
    entry = index.shipped().packs[recipe.name]
    wanted = msgspec.convert(members(recipe), dict[str, tuple[index.Member, ...]])
    assert entry.members == wanted and entry.environment == "tflite" and entry.licence == "Apache-2.0"
    for source in sources(recipe):
        assert index.shipped().archives[key(source)] == msgspec.convert(archive(source), index.Archive)
    model = tmp_path / "model.onnx"
    model.write_bytes(model_of_size(entry.files["model.onnx"].bytes))
    runner = RunnerFiles(Tensors(preprocessing=recipe.preprocessing), {})
    made = pack_files(recipe, {"model": model}, runner, against=AGAINST)
    text = made[manifest.MANIFEST_FILE]
    assert isinstance(text, bytes)
    assert hashlib.sha256(text).hexdigest() == entry.files[manifest.MANIFEST_FILE].sha256
    read = manifest.decode(text)
    pixels = recipe.preprocessing
    assert pixels is not None and read.graphs[0].inputs[0].shape == (1, pixels.height, pixels.width, 3)


def test_groups_of_index_and_recipes_agree() -> None:
    assert {group: tuple(recipe.name for recipe in recipes) for group, recipes in GROUPS.items()} == (
        index.shipped().groups
    )


def made_pack(folder: Path, recipe: Recipe) -> Path:
    publish({manifest.MANIFEST_FILE: b"{}", "model.onnx": recipe.name.encode()}, folder / recipe.name)
    return folder / recipe.name


def test_an_index_keeps_what_it_knows_of_other_packs(tmp_path: Path) -> None:
    file = tmp_path / "index.json"
    first, second, third = GROUPS["vision"][:3]
    groups = {"one": (first, second), "two": (third,)}
    merge(file, groups, {recipe.name: made_pack(tmp_path, recipe) for recipe in (first, third)})
    before = index.decode(file.read_bytes())
    assert before.groups == {"one": (first.name,), "two": (third.name,)}
    merge(file, groups, {second.name: made_pack(tmp_path, second)})
    after = index.decode(file.read_bytes())
    assert after.groups["one"] == (first.name, second.name)
    assert {name: after.packs[name] for name in before.packs} == before.packs
    merge(file, {"two": (third,)}, {})
    assert set(index.decode(file.read_bytes()).packs) == {third.name}, "a recipe that is gone takes its entry along"
    assert len(index.decode(file.read_bytes()).archives) == 1


def test_a_source_that_came_in_parts_is_checked_part_by_part(tmp_path: Path) -> None:
    parts = (b"first", b"second")
    base = GROUPS["vision"][0]
    (source,) = sources(base)
    cut = tuple(
        replace(source, members={"model.gguf": (f"part{n}", hashlib.sha256(part).hexdigest(), len(part))})
        for n, part in enumerate(parts)
    )
    recipe = replace(base, source=cut)
    (tmp_path / "model.gguf").write_bytes(b"".join(parts))
    check_sources(recipe, tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"first" + b"Second")
    with pytest.raises(SourceError, match="not the file"):
        check_sources(recipe, tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"first")
    with pytest.raises(SourceError, match="another size"):
        check_sources(recipe, tmp_path)
