"""What a person exported: an index of their own that only they can write, beside the one that ships."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from tiny_packs import digest, files, write

from sidecar.engine import local_index
from sidecar.engine.index import Digest, PackEntry, shipped
from sidecar.engine.install.installer import plan, remove
from sidecar.engine.local_index import LocalIndexError
from sidecar.engine.pack import PackCorrupt, PackMissing
from sidecar.engine.registry import Registry
from sidecar.errors import NotFound

MINE = PackEntry(
    version="1.0.0",
    licence="CC-BY-NC-4.0",
    restriction="non-commercial",
    files={file: msgspec.convert(digest(data), Digest) for file, data in files("mine").items()},
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_exported_pack_is_offered_like_any_other(home: Path) -> None:
    write(home / "packs", "mine")
    registry = Registry()
    assert registry.state("iris").origin == "vitrine"
    with pytest.raises(NotFound, match="no model pack"):
        registry.open("mine")
    local_index.add(home, "mine", MINE)
    row = registry.state("mine")
    assert (row.state, row.origin, row.licence, row.restriction) == (
        "installed",
        "yours",
        "CC-BY-NC-4.0",
        "non-commercial",
    )
    assert registry.open("mine").read("tiny.onnx") and "mine" in registry.installed()
    assert {"mine", "iris"} <= {row["name"] for row in registry.listing()}
    assert local_index.remove(home, "mine") and not local_index.remove(home, "mine")
    assert "mine" not in registry.index.packs


def test_what_is_wrong_with_it_names_the_command_that_mends_it(home: Path) -> None:
    local_index.add(home, "mine", MINE)
    with pytest.raises(PackMissing, match="run: vitrine export mine"):
        Registry().open("mine")
    model = write(home / "packs", "mine") / "tiny.onnx"
    model.write_bytes(model.read_bytes()[::-1])
    with pytest.raises(PackCorrupt, match="run: vitrine export mine"):
        Registry().open("mine").check()
    with pytest.raises(PackCorrupt, match="run: vitrine export mine"):
        plan(Registry(), ["mine"])


def test_removing_the_pack_takes_it_out(home: Path) -> None:
    local_index.add(home, "mine", MINE)
    write(home / "packs", "mine")
    assert remove(Registry(), ["mine"]) == ("mine",)
    assert local_index.read(home) == {} and "mine" not in Registry().index.packs


def test_a_pack_whose_folder_is_gone_can_be_taken_out_too(home: Path) -> None:
    local_index.add(home, "mine", MINE)
    assert remove(Registry(), ["mine"]) == ("mine",)
    assert local_index.read(home) == {}


@pytest.mark.parametrize("name", ["iris", "vision"])
def test_names_of_the_projects_own_are_taken(home: Path, name: str) -> None:
    with pytest.raises(LocalIndexError, match="one of Vitrine's own"):
        local_index.add(home, name, MINE)
    assert not home.exists()
    forged = local_index.LocalIndex(schema=2, packs={"iris": MINE})
    home.mkdir()
    private(home / "index.json", msgspec.json.encode(forged))
    assert Registry().index.packs["iris"] == shipped().packs["iris"], "the shipped entry stays"


@pytest.mark.parametrize("name", ["../mine", "Mine", "a b", "", "x" * 65])
def test_a_name_that_could_become_a_path_never_gets_in(home: Path, name: str) -> None:
    with pytest.raises(LocalIndexError, match="cannot hold this pack"):
        local_index.add(home, name, MINE)
    assert not (home / "index.json").exists()


def test_an_exported_pack_has_no_archives(home: Path) -> None:
    with pytest.raises(LocalIndexError, match="no archives"):
        local_index.add(home, "mine", shipped().packs["iris"])


def private(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    path.chmod(0o600)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b'{"schema": 1, "packs": {}}', b'{"schema": 2, "packs": {"a": {}}}']
)
def test_a_damaged_index_costs_the_exported_packs_and_nothing_else(home: Path, text: bytes) -> None:
    home.mkdir()
    private(home / "index.json", text)
    with pytest.raises(LocalIndexError, match="damaged"):
        local_index.read(home)
    registry = Registry()
    assert registry.index == shipped() and "damaged" in registry.local_problem
    (home / "index.json").unlink()
    local_index.add(home, "mine", MINE)
    assert "mine" in registry.index.packs and registry.local_problem == ""


def test_one_that_is_too_large_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_index.add(home, "mine", MINE)
    monkeypatch.setattr(local_index, "MAX_BYTES", 100)
    with pytest.raises(LocalIndexError, match="too large"):
        local_index.read(home)


def test_too_many_packs_are_refused(home: Path) -> None:
    many = {f"pack-{number}": MINE for number in range(local_index.MAX_PACKS)}
    home.mkdir()
    private(home / "index.json", msgspec.json.encode(local_index.LocalIndex(schema=2, packs=many)))
    with pytest.raises(LocalIndexError, match="cannot hold"):
        local_index.add(home, "mine", MINE)


# On Windows the access list of the folder decides, which is not looked at.
HOWS = ["folder"] if sys.platform == "win32" else ["group", "others", "link", "folder"]


@pytest.mark.parametrize("how", HOWS)
def test_one_that_others_could_have_written_is_not_trusted(home: Path, tmp_path: Path, how: str) -> None:
    local_index.add(home, "mine", MINE)
    file = home / "index.json"
    assert sys.platform == "win32" or stat.S_IMODE(file.stat().st_mode) == 0o600
    if how == "link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif how == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.chmod(0o620 if how == "group" else 0o602)
    with pytest.raises(LocalIndexError, match="not a plain file" if how in ("link", "folder") else "chmod 600"):
        local_index.read(home)
    assert "mine" not in Registry().index.packs


def test_a_write_that_fails_leaves_the_old_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_index.add(home, "mine", MINE)
    before = (home / "index.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        local_index.add(home, "other", MINE)
    assert (home / "index.json").read_bytes() == before
    assert [path.name for path in home.iterdir()] == ["index.json"]


def test_other_folders_of_packs_know_nothing_of_it(home: Path, tmp_path: Path) -> None:
    local_index.add(home, "mine", MINE)
    shutil.rmtree(home / "packs", ignore_errors=True)
    assert "mine" not in Registry(tmp_path / "packs").index.packs
