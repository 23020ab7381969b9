"""Source files by their bytes: pickles under any name, safetensors headers that lie, folders that lead outside."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from export import local_source
from export.errors import PickleRefused, SourceError
from export.formats import check_file, check_folder, is_pickle_name, looks_like_pickle, read_header
from export.origin import Hub, Local, parse


def safetensors(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


GOOD = safetensors({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, bytes(24))


@pytest.mark.parametrize("name", ["a.bin", "a.pt", "a.PTH", "a.ckpt", "x/a.pkl", "a.joblib", "a.nemo"])
def test_names_of_pickles(name: str) -> None:
    assert is_pickle_name(name)


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "a.gguf", "whisper/model.bin", "a.json"])
def test_names_of_data(name: str) -> None:
    assert not is_pickle_name(name)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_pickles_of_every_protocol_are_known_by_their_bytes(protocol: int) -> None:
    # As the module that writes them would; it is not imported here, since nothing in the project may.
    proto = bytes([0x80, protocol]) if protocol >= 2 else b""
    assert looks_like_pickle(proto + b"cposix\nsystem\n")


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "weights.gguf", "model.bin", "config.json"])
@pytest.mark.parametrize("head", [b"\x80\x02}q\x00.", b"\x80\x04\x95", b"cposix\nsystem\n"])
def test_a_pickle_under_another_name(tmp_path: Path, name: str, head: bytes) -> None:
    (tmp_path / name).write_bytes(head + bytes(64))
    with pytest.raises(PickleRefused, match=f"{name} is refused: its bytes are those of a pickle"):
        check_file(tmp_path / name)


def test_a_torch_checkpoint_called_safetensors(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("archive/data.pkl", b"\x80\x02.")
    (tmp_path / "model.safetensors").write_bytes(buffer.getvalue())
    with pytest.raises(PickleRefused, match="it is a ZIP archive, as PyTorch's pickles are"):
        check_file(tmp_path / "model.safetensors")


def test_a_safetensors_header_whose_length_looks_like_a_pickle_is_data(tmp_path: Path) -> None:
    header = {"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}
    text = json.dumps(header)
    text += " " * (0x0280 - len(text))
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", 0x0280) + text.encode() + b"\0")
    check_file(tmp_path / "m.safetensors")


def test_a_good_header(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(GOOD)
    assert read_header(tmp_path / "m.safetensors")["a"]["shape"] == [2, 3]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "header does not fit"),
        (struct.pack("<Q", 1 << 60), "header does not fit"),
        (struct.pack("<Q", 50) + b"{}", "header does not fit"),
        (struct.pack("<Q", 4) + b"]]]]", "header is not JSON"),
        (struct.pack("<Q", 20_000) + b"[" * 20_000, "header is not JSON"),
        (struct.pack("<Q", 2) + b"[]", "header is no object"),
        (GOOD[:-1], "not where or what its header says"),
        (GOOD + b"x", "it holds 25 bytes of tensors and names 24"),
        (safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)), "not where or what"),
        (safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)), "not where or what"),
        (safetensors({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)), "not where or what"),
        (safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}, bytes(8)), "not where or what"),
        (safetensors({"a": 3}, b""), "not where or what"),
        (
            safetensors(
                {
                    "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                    "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]},
                },
                bytes(6),
            ),
            "overlap or leave a gap",
        ),
    ],
)
def test_a_header_that_lies(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(SourceError, match=said):
        check_file(tmp_path / "m.safetensors")


@pytest.mark.parametrize(("name", "said"), [("m.gguf", "not a GGUF"), ("m.tflite", "not a TFLite")])
def test_files_that_are_not_what_they_are_called(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"<html>" + bytes(100))
    with pytest.raises(SourceError, match=said):
        check_file(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="a link needs a right there that tests do not have")
def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(GOOD)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "m.safetensors").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="a link to something outside"):
        check_folder(tmp_path / "source")


# -- folders and files of the user's -----------------------------------------------------------------------------------


def lay(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


PATTERNS = ("config.json", "*.safetensors", "tokenizer.json")


def test_of_a_folder_only_what_the_recipe_reads_comes_along(tmp_path: Path) -> None:
    lay(tmp_path / "mine", config__json=b"{}", model__safetensors=GOOD, pytorch_model__bin=b"\x80\x04", notes__txt=b"x")
    fetched = local_source.fetch(Local(tmp_path / "mine"), tmp_path / "source", PATTERNS, advance=lambda done: None)
    assert [file.path for file in fetched] == ["config.json", "model.safetensors"]
    assert sorted(path.name for path in (tmp_path / "source").iterdir()) == ["config.json", "model.safetensors"]
    assert fetched[0].repository == "" and len(fetched[0].sha256) == 64


def test_a_single_file_brings_its_configuration(tmp_path: Path) -> None:
    lay(tmp_path, config__json=b"{}", mine__safetensors=GOOD, other__safetensors=GOOD)
    chosen = local_source.choose(Local(tmp_path / "mine.safetensors"), PATTERNS)
    assert sorted(chosen) == ["config.json", "mine.safetensors"]
    chosen = local_source.choose(Local(tmp_path / "mine.safetensors"), ("config.json", "model.safetensors"))
    assert sorted(chosen) == ["config.json", "model.safetensors"]
    assert chosen["model.safetensors"].name == "mine.safetensors"


def test_a_folder_with_pickles_only(tmp_path: Path) -> None:
    lay(tmp_path, config__json=b"{}", pytorch_model__bin=b"\x80\x04")
    with pytest.raises(PickleRefused, match=r"has its weights as pickles only \(pytorch_model.bin\)"):
        local_source.choose(Local(tmp_path), PATTERNS)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no weights that the recipe reads"):
        local_source.choose(Local(lay(tmp_path, config__json=b"{}")), PATTERNS)


def test_what_from_names(tmp_path: Path) -> None:
    assert parse(str(tmp_path)) == Local(tmp_path)
    assert parse("owner/name") == Hub("owner/name", "main")
    assert parse("owner/name@v1.0") == Hub("owner/name", "v1.0")
    for text in ("nothing here", "a/b/c", "../up/../x", "owner/", "owner/na me"):
        with pytest.raises(SourceError, match="there is no such folder or file"):
            parse(text)
