"""Reads an ONNX file that somebody else made: size first, then what it is, then parsed."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from ..errors import PickleRefused, SourceError
from ..formats import looks_like_pickle

MAX_BYTES = 2**31 - 1  # what one protobuf message may have
_OTHER_FORMATS = {
    b"PK": "a ZIP archive",
    b"GGUF": "a GGUF file",
    b"version https://git-lfs": "a pointer to a large file, not the file",
    b"<": "a web page",
}


def read(folder: Path, name: str) -> ModelProto:
    """The model in `folder/name`.

    Raises `SourceError` if it is missing, too large, of another format or damaged, `PickleRefused` if it is a pickle.
    Data outside the file is not read.
    """
    data = _bytes(folder / name)
    if looks_like_pickle(data[:64]):
        raise PickleRefused(f"{name} is a pickle, and reading one can run any program. Take the model's .onnx file.")
    for magic, what in _OTHER_FORMATS.items():
        if data.startswith(magic):
            raise SourceError(f"{name} is {what}. Take the model's .onnx file.")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise SourceError(f"{name} is not an ONNX file, or it is damaged. Fetch it again.") from error
    if not model.graph.node:
        raise SourceError(f"{name} holds no graph. Take the model's .onnx file.")
    return model


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise SourceError(f"{path.name} is missing in {path.parent}.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SourceError(f"{path.name} has {size / 1e9:.1f} GB. A ready model may have 2 GB in one file.")
    return path.read_bytes()
