"""What kind of file a source file really is, by its bytes: only data formats go on, never a program.

A pickle is a list of instructions for Python's unpickler, so opening one can run anything. PyTorch's own checkpoints
are pickles, bare or inside a ZIP archive. They are refused by their name and, where they hide under another, by their
bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import PickleRefused, SourceError

PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".nemo"})
WEIGHT_SUFFIXES = frozenset({".safetensors", ".onnx", ".gguf", ".tflite", ".onnx_data", ".data"})
MAX_HEADER_BYTES = 100 << 20
MAX_TEXT_BYTES = 64 << 20
MAX_DEPTH = 64
_TEXT_SUFFIXES = frozenset({".json", ".txt", ".jinja", ".md", ".model", ".yaml", ".mvn"})
_CTRANSLATE2 = "model.bin"  # CTranslate2's own format; it is told from a pickle by its bytes
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_DTYPE_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}


def is_pickle_name(name: str) -> bool:
    """Whether a file of that name is refused before it is fetched. CTranslate2's `model.bin` is not."""
    path = Path(name.lower())
    return path.suffix in PICKLE_SUFFIXES and path.name != _CTRANSLATE2


def check_folder(folder: Path) -> None:
    """Checks every file under `folder`; links out of it are refused. Raises `SourceError`, `PickleRefused`."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if not path.resolve().is_relative_to(root):
            raise SourceError(f"{path.name} is a link to something outside the source folder.")
        if path.is_file():
            check_file(path)


def check_file(path: Path) -> None:
    """Checks one file by its name and its first bytes, a safetensors file by its whole header.

    Raises `PickleRefused` or `SourceError`.
    """
    if is_pickle_name(path.name):
        raise _refused(path, f"{path.suffix} files are pickles")
    with path.open("rb") as stream:
        head = stream.read(64)
    if looks_like_pickle(head):
        raise _refused(path, "its bytes are those of a pickle")
    suffix = path.suffix.lower()
    if suffix in WEIGHT_SUFFIXES | {".bin"} and head.startswith(_ZIP):
        raise _refused(path, "it is a ZIP archive, as PyTorch's pickles are")
    if suffix == ".safetensors":
        read_header(path)
    elif suffix == ".gguf" and not head.startswith(b"GGUF"):
        raise SourceError(f"{path.name} is not a GGUF file.")
    elif suffix == ".tflite" and head[4:8] != b"TFL3":
        raise SourceError(f"{path.name} is not a TFLite file.")
    elif suffix in _TEXT_SUFFIXES and path.stat().st_size > MAX_TEXT_BYTES:
        raise SourceError(f"{path.name} is larger than {MAX_TEXT_BYTES >> 20} MiB.")


def looks_like_pickle(head: bytes) -> bool:
    """Whether these first bytes are a pickle's: PROTO of protocols 2 to 5, or the text forms of protocol 0 and 1."""
    if len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        # A safetensors header of 0x0N80 bytes begins in the same way; there the length goes on with zeros and a brace.
        return not (head[2:8] == bytes(6) and head[8:9] == b"{")
    return head.startswith((b"cposix\n", b"cnt\n", b"c__builtin__\n", b"cbuiltins\n", b"cos\n", b"(dp0\n", b"(lp0\n"))


def read_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: tensor name -> `{dtype, shape, data_offsets}`, checked against the file's size.

    Raises `SourceError` on anything that the format does not allow: a header that is too long or not JSON, a tensor
    whose size is not that of its shape, overlaps, gaps, or an end that is not the file's.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length < 2 or length > min(MAX_HEADER_BYTES, size - 8):
            raise SourceError(f"{path.name} is not a safetensors file: its header does not fit.")
        text = stream.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path.name} is not a safetensors file: its header is not JSON.") from error
    if not isinstance(header, dict):
        raise SourceError(f"{path.name} is not a safetensors file: its header is no object.")
    tensors = {name: row for name, row in header.items() if name != "__metadata__"}
    _check_tensors(path, tensors, size - 8 - length)
    return tensors


def _check_tensors(path: Path, tensors: dict[str, Any], size: int) -> None:
    spans: list[tuple[int, int]] = []
    for name, row in tensors.items():
        try:
            begin, end = row["data_offsets"]
            wanted = _DTYPE_BYTES[row["dtype"]]
            for side in row["shape"]:
                if not isinstance(side, int) or side < 0:
                    raise ValueError("a negative side")
                wanted *= side
            if not 0 <= begin <= end <= size or end - begin != wanted:
                raise ValueError("another size than its shape")
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(f"{path.name}: the tensor {name[:80]!r} is not where or what its header says.") from error
        spans.append((begin, end))
    position = 0
    for begin, end in sorted(spans):
        if begin != position:
            raise SourceError(f"{path.name}: tensors overlap or leave a gap.")
        position = end
    if position != size:
        raise SourceError(f"{path.name} was cut off: it holds {size} bytes of tensors and names {position}.")


def _refused(path: Path, reason: str) -> PickleRefused:
    return PickleRefused(
        f"{path.name} is refused: {reason}, and reading a pickle can run any program. Use a source with safetensors, "
        "ONNX or GGUF files; many repositories on the hub have a safetensors version of the same weights."
    )
