"""Packs of a few bytes, with an index that knows them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from sidecar.engine import index, manifest

MODEL = bytes(range(256)) * 16
SHA = "0" * 64


def graph(**changes: Any) -> dict[str, Any]:
    """The graph of such a manifest."""
    return {
        "name": "model",
        "inputs": [{"name": "image", "dtype": "float32", "shape": [1, 8, 8, 3], "meaning": "RGB"}],
        "outputs": [{"name": "mask", "dtype": "float32", "shape": [1, 8, 8, 1], "meaning": "0..1"}],
        "variants": [{"file": "tiny.onnx", "precision": "fp32", "providers": ["cuda", "cpu"]}],
    } | changes


def document(name: str = "tiny", **changes: Any) -> dict[str, Any]:
    """A manifest that is valid until something of it is changed."""
    return {
        "schema": 2,
        "name": name,
        "version": "1.0.0",
        "task": "nothing",
        "licence": {"spdx": "Apache-2.0", "attribution": "us", "notice": "none", "url": "https://example.org"},
        "sources": [
            {
                "registry": "npm",
                "package": "tiny",
                "version": "1",
                "file": "tiny-1.tgz",
                "file_sha256": SHA,
                "member": "package/tiny.tflite",
                "member_sha256": SHA,
            }
        ],
        "files": [{"name": "tiny.onnx", "bytes": len(MODEL)}],
        "graphs": [graph()],
        "runner": {"kind": "tensors"},
        "gate": {"against": "itself", "metric": "max_abs_over_noise", "tolerance": {"model.mask": 0.01}},
    } | changes


def files(name: str = "tiny", **changes: Any) -> dict[str, bytes]:
    """The files of a pack."""
    return {manifest.MANIFEST_FILE: msgspec.json.encode(document(name, **changes)), "tiny.onnx": MODEL}


def write(root: Path, name: str = "tiny", **changes: Any) -> Path:
    """Lays a pack into `root`."""
    folder = root / name
    folder.mkdir(parents=True)
    for file, data in files(name, **changes).items():
        (folder / file).write_bytes(data)
    return folder


def index_of(*names: str, weights: bytes = b"weights", archive: bytes = b"archive") -> index.Index:
    """An index of these packs, all made from one archive `tiny-1.tgz` of npm, members `package/NAME.tflite`."""
    entries = {
        name: {
            "version": "1.0.0",
            "licence": "Apache-2.0",
            "environment": "tflite",
            "members": {"model.tflite": [{"archive": "tiny", "path": f"package/{name}.tflite"} | digest(weights)]},
            "files": {file: digest(data) for file, data in files(name).items()},
        }
        for name in names
    }
    source = {"registry": "npm", "package": "@mediapipe/tiny", "version": "1", "file": "tiny-1.tgz"} | digest(archive)
    text = {"schema": 2, "groups": {"all": names}, "archives": {"tiny": source}, "packs": entries}
    return index.decode(msgspec.json.encode(text))


def digest(data: bytes) -> dict[str, Any]:
    """Size and sha256 of some bytes."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
