from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_packs import MODEL, index_of, write

from sidecar.engine.pack import Pack, PackCorrupt, PackMissing
from sidecar.errors import NotFound

INDEX = index_of("tiny")


def link(path: Path, target: Path, *, folder: bool = False) -> None:
    """Makes a symbolic link; where Windows does not allow it, something else that is not the file."""
    try:
        path.symlink_to(target, target_is_directory=folder)
    except OSError as error:
        path.mkdir() if folder else path.touch()
        assert getattr(error, "winerror", None) == 1314


def test_a_sound_pack_gives_the_published_bytes(tmp_path: Path) -> None:
    pack = Pack.open(write(tmp_path), index=INDEX)
    (variant,) = pack.variants("model", "cpu")
    assert pack.read(variant.file) == MODEL
    assert pack.variants("model", "directml") == ()
    with pytest.raises(KeyError):
        pack.variants("encoder", "cpu")
    pack.check()


def test_one_flipped_bit_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    folder = write(tmp_path)
    pack = Pack.open(folder, index=INDEX)
    damaged = bytearray(MODEL)
    damaged[1000] ^= 1
    (folder / "tiny.onnx").write_bytes(damaged)
    with pytest.raises(PackCorrupt, match="vitrine models install tiny"):
        pack.read("tiny.onnx")
    with pytest.raises(PackCorrupt):
        pack.check()


@pytest.mark.parametrize("size", [0, len(MODEL) - 1, len(MODEL) + 1])
def test_another_size_is_refused_without_reading(tmp_path: Path, size: int) -> None:
    folder = write(tmp_path)
    (folder / "tiny.onnx").write_bytes(bytes(size))
    with pytest.raises(PackCorrupt, match="size"):
        Pack.open(folder, index=INDEX)


def test_a_changed_manifest_is_refused_even_if_it_is_valid(tmp_path: Path) -> None:
    folder = write(tmp_path, task="something")
    with pytest.raises(PackCorrupt):
        Pack.open(folder, index=INDEX)


def test_extra_missing_and_linked_files_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "extra")
    (folder / "weights.bin").write_bytes(b"x")
    with pytest.raises(PackCorrupt, match="do not belong"):
        Pack.open(folder, index=INDEX)
    folder = write(tmp_path / "less")
    (folder / "tiny.onnx").unlink()
    with pytest.raises(PackCorrupt, match="missing"):
        Pack.open(folder, index=INDEX)
    folder = write(tmp_path / "linked")
    (folder / "tiny.onnx").rename(tmp_path / "elsewhere.onnx")
    link(folder / "tiny.onnx", tmp_path / "elsewhere.onnx")
    with pytest.raises(PackCorrupt):
        Pack.open(folder, index=INDEX)


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    real = write(tmp_path / "real")
    (tmp_path / "packs").mkdir()
    link(tmp_path / "packs" / "tiny", real, folder=True)
    with pytest.raises(PackCorrupt):
        Pack.open(tmp_path / "packs" / "tiny", index=INDEX)


def test_a_file_swapped_for_a_link_after_opening_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    pack = Pack.open(folder, index=INDEX)
    other = tmp_path / "other.onnx"
    other.write_bytes(MODEL)
    (folder / "tiny.onnx").unlink()
    link(folder / "tiny.onnx", other)
    if sys.platform == "win32":  # no O_NOFOLLOW there: the bytes decide, and these are the right ones
        assert pack.read("tiny.onnx") == MODEL
    else:
        with pytest.raises(PackCorrupt):
            pack.read("tiny.onnx")


def test_missing_and_unknown_packs_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PackMissing, match="vitrine models install tiny"):
        Pack.open(tmp_path / "tiny", index=INDEX)
    with pytest.raises(NotFound, match="vitrine models list"):
        Pack.open(tmp_path / "other", index=INDEX)
