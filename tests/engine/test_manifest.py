from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_packs import MODEL, SHA, document, graph

from sidecar.engine import index, manifest

VARIANT = {"file": "tiny.onnx", "precision": "fp32", "providers": ["cpu"]}
TENSOR = {"name": "image", "dtype": "float32", "shape": [1, "height"]}


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
        decode(document(files=files, graphs=[graph(variants=variants)]))


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"schema": 1},
        {"name": "../tiny"},
        {"name": "Tiny"},
        {"version": "latest"},
        {"sources": []},
        {"files": []},
        {"files": [{"name": "tiny.onnx", "bytes": 17 * 1024**3}]},
        {"files": [{"name": "tiny.onnx", "bytes": 1}, {"name": "tiny.onnx", "bytes": 2}]},
        {"files": [{"name": "tiny.onnx", "bytes": 1}, {"name": "manifest.json", "bytes": 2}]},
        {"graphs": []},
        {"graphs": [graph(), graph()]},
        {"graphs": [graph(variants=[VARIANT | {"file": "other.onnx"}])]},
        {"graphs": [graph(variants=[VARIANT | {"providers": ["tpu"]}])]},
        {"graphs": [graph(variants=[VARIANT | {"providers": []}])]},
        {"graphs": [graph(variants=[VARIANT | {"data": ["weights.bin"]}])]},
        {"graphs": [graph(variants=[VARIANT | {"data": ["../tiny.onnx"]}])]},
        {"graphs": [graph(inputs=[TENSOR, TENSOR])]},
        {"graphs": [graph(inputs=[TENSOR | {"shape": [1, 0]}])]},
        {"graphs": [graph(inputs=[TENSOR | {"shape": [1] * 7}])]},
        {"graphs": [graph(inputs=[TENSOR | {"shape": ["Batch size"]}])]},
        {"graphs": [graph(inputs=[TENSOR | {"dtype": "string"}])]},
        {"gate": {"against": "", "metric": "max_abs", "tolerance": {"model.mask": 0.0}}},
        {"gate": {"against": "", "metric": "liked", "tolerance": {"model.mask": 1.0}}},
        {"gate": {"against": "", "metric": "max_abs", "tolerance": {"model.nothing": 1.0}}},
        {"runner": {"kind": "python", "code": "import os"}},
        {"runner": {"kind": "tensors", "labels": "labels.txt"}},
        {"runner": {"kind": "text_embedding", "tokenizer": "tiny.onnx", "size": 0, "max_tokens": 1}},
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


MEMBER = {"archive": "nowhere", "path": "a", "sha256": SHA, "bytes": 1}
ENTRY = {"version": "1.0.0", "licence": "MIT", "environment": "ready", "members": {"a.onnx": [MEMBER]}, "files": {}}
ARCHIVE = {"registry": "npm", "package": "a", "version": "1", "file": "a.tgz", "sha256": SHA, "bytes": 1}


def index_text(**changes: Any) -> bytes:
    sound = {"schema": 2, "groups": {"g": ["a"]}, "archives": {"nowhere": ARCHIVE}, "packs": {"a": ENTRY}}
    return msgspec.json.encode(sound | changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"archives": {}}, "archive"),
        ({"groups": {"g": ["b"]}}, "group"),
        ({"groups": {}}, "in no group"),
        ({"packs": {"a": ENTRY | {"environment": None}}}, "converts"),
        ({"packs": {"a": ENTRY | {"environment": "../torch"}}}, "environment"),
        ({"packs": {"a": ENTRY | {"members": {"../a.onnx": [MEMBER]}}}}, "members"),
        ({"packs": {"a": ENTRY | {"members": {"a.onnx": []}}}}, "members"),
        ({"packs": {"a": ENTRY | {"restriction": "whatever"}}}, "restriction"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(changes: dict[str, Any], named: str) -> None:
    assert index.decode(index_text()).packs["a"].parts[0].archive == "nowhere"
    with pytest.raises(msgspec.ValidationError, match=named):
        index.decode(index_text(**changes))
