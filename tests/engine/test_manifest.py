from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_packs import MODEL, SHA, document

from sidecar.engine import index, manifest


def decode(text: object) -> manifest.Manifest:
    return manifest.decode(msgspec.json.encode(text))


def test_a_manifest_survives_encoding() -> None:
    read = decode(document())
    assert manifest.decode(manifest.encode(read)) == read
    assert manifest.encode(read) == manifest.encode(decode(document()))


@pytest.mark.parametrize(
    "name",
    ["../tiny.onnx", "a/b.onnx", "a\\b.onnx", "/tiny.onnx", "C:tiny.onnx", ".hidden", "..", "", "nul.onnx", "é.onnx"],
)
def test_file_names_stay_inside_the_pack(name: str) -> None:
    files = [{"name": name, "bytes": len(MODEL)}]
    variants = [{"file": name, "precision": "fp32", "providers": ["cpu"]}]
    with pytest.raises(msgspec.ValidationError):
        decode(document(files=files, variants=variants))


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"schema": 2},
        {"name": "../tiny"},
        {"name": "Tiny"},
        {"version": "latest"},
        {"external_data": True},
        {"files": []},
        {"files": [{"name": "tiny.onnx", "bytes": 5 * 1024**3}]},
        {"files": [{"name": "tiny.onnx", "bytes": 1}, {"name": "tiny.onnx", "bytes": 2}]},
        {"files": [{"name": "tiny.onnx", "bytes": 1}, {"name": "manifest.json", "bytes": 2}]},
        {"variants": [{"file": "other.onnx", "precision": "fp32", "providers": ["cpu"]}]},
        {"variants": [{"file": "tiny.onnx", "precision": "fp32", "providers": ["tpu"]}]},
        {"variants": [{"file": "tiny.onnx", "precision": "fp32", "providers": []}]},
        {"gate": {"against": "", "metric": "max_abs_over_noise", "tolerance": {}}},
        {"gate": {"against": "", "metric": "max_abs_over_noise", "tolerance": {"mask": 0.0}}},
        {"inputs": [{"name": "image", "dtype": "float32", "shape": [1, 0], "meaning": ""}]},
        {"inputs": [{"name": "image", "dtype": "float32", "shape": [1] * 7, "meaning": ""}]},
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(document(**changes))


def test_an_oversize_manifest_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(msgspec.ValidationError, match="too large"):
        manifest.decode(b" " * manifest.MAX_MANIFEST_BYTES + b"{}")


@given(
    st.binary(max_size=300) | st.recursive(st.integers() | st.text(), lambda x: st.lists(x)).map(msgspec.json.encode)
)
def test_rubbish_is_an_error_of_one_kind(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        manifest.decode(text)


def test_the_shipped_index_names_every_vision_model() -> None:
    shipped = index.shipped()
    assert set(shipped.groups["vision"]) == {
        "pose-lite",
        "pose-full",
        "pose-heavy",
        "pose-detector",
        "face-detector",
        "face-mesh",
        "iris",
        "person-segmentation",
        "palm-detector",
        "hand",
    }
    assert shipped.expand(["iris", "vision"])[0] == "iris"
    assert len(shipped.expand(["iris", "vision"])) == 10


def test_an_index_that_contradicts_itself_is_refused() -> None:
    member = {"archive": "nowhere", "path": "a", "sha256": SHA, "bytes": 1}
    pack = {"version": "1.0.0", "licence": "MIT", "weights": member, "files": {}}
    with pytest.raises(msgspec.ValidationError, match="archive"):
        index.decode(msgspec.json.encode({"schema": 1, "groups": {}, "archives": {}, "packs": {"a": pack}}))
    with pytest.raises(msgspec.ValidationError, match="group"):
        index.decode(msgspec.json.encode({"schema": 1, "groups": {"g": ["a"]}, "archives": {}, "packs": {}}))
