from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tiny_packs import digest

from sidecar.engine.index import Member
from sidecar.engine.install.errors import DamagedDownload
from sidecar.engine.install.unpack import extract

BODY = b"weights" * 100


def member(path: str, data: bytes = BODY) -> Member:
    return Member(archive="a", path=path, **digest(data))


def make_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in entries.items():
            bundle.writestr(name, data)
    return path


def make_tar(path: Path, entries: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as bundle:
        for name, data in entries.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            bundle.addfile(item, io.BytesIO(data))
    return path


ENTRIES = {"../../evil": b"x", "package/other": b"y", "package/w.tflite": BODY}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_only_the_named_member_is_written(tmp_path: Path, make: object) -> None:
    assert callable(make)
    archive = make(tmp_path / "a.archive", ENTRIES)
    target = tmp_path / "out" / "w.tflite"
    extract(archive, {target: member("package/w.tflite")})
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir()] == ["w.tflite"]
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "wanted", [member("package/nothing"), member("package/w.tflite", BODY[:-1]), member("package/w.tflite", BODY[::-1])]
)
def test_a_missing_or_different_member_is_refused(tmp_path: Path, make: object, wanted: Member) -> None:
    assert callable(make)
    archive = make(tmp_path / "a.archive", ENTRIES)
    with pytest.raises(DamagedDownload):
        extract(archive, {tmp_path / "out" / "w": wanted})
    assert not list(tmp_path.glob("out/*"))


def test_a_link_in_place_of_the_member_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(BODY)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as bundle:
        item = tarfile.TarInfo("package/w.tflite")
        item.type, item.linkname, item.size = tarfile.SYMTYPE, str(tmp_path / "secret"), len(BODY)
        bundle.addfile(item)
    with pytest.raises(DamagedDownload):
        extract(tmp_path / "a.tgz", {tmp_path / "w": member("package/w.tflite")})
    assert not (tmp_path / "w").exists()


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"w": BODY + bytes(1 << 20)})
    raw = archive.read_bytes()
    real, told = (len(BODY) + (1 << 20)).to_bytes(4, "little"), len(BODY).to_bytes(4, "little")
    archive.write_bytes(raw.replace(real, told))
    with pytest.raises(DamagedDownload):
        extract(archive, {tmp_path / "w": member("w", BODY[:-1] + b"?")})
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("text", [b"", b"rubbish" * 100, b"\x1f\x8b\x08\x00rubbish"])
def test_rubbish_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.tgz").write_bytes(text)
    with pytest.raises(DamagedDownload, match="again"):
        extract(tmp_path / "a.tgz", {tmp_path / "w": member("w")})
