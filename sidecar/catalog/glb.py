"""3D models: a GLB file is one binary glTF 2.0 that refers to nothing outside itself."""

from __future__ import annotations

import json
from typing import Any

MAX_BYTES = 64 * 2**20
MAX_JSON_BYTES = 8 * 2**20
_HEADER = 12
_CHUNK = 8
_JSON, _BIN = b"JSON", b"BIN\x00"


class BadModel(ValueError):
    """The file is no GLB model that the catalogue takes; the message says why."""


def check(data: bytes) -> None:
    """Raises `BadModel` unless the file is whole, is glTF 2.0, and holds all that it needs (glTF 2.0, section 4.4)."""
    if len(data) > MAX_BYTES:
        raise BadModel(f"the model is larger than {MAX_BYTES // 2**20} MiB")
    if data[:4] != b"glTF" or _number(data, 4) != 2:
        raise BadModel("the file is no GLB (binary glTF 2.0) model")
    if _number(data, 8) != len(data):
        raise BadModel("the model is damaged or cut short")
    kinds = [(kind, body) for kind, body in _chunks(data)]
    if not kinds or kinds[0][0] != _JSON or any(kind not in (_JSON, _BIN) for kind, _ in kinds[:2]):
        raise BadModel("the model's parts are not in the order of the format")
    if len(kinds[0][1]) > MAX_JSON_BYTES:
        raise BadModel("the model's description is too large")
    _check_description(_decoded(kinds[0][1]))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = _HEADER
    while at < len(data):
        length = _number(data, at)
        end = at + _CHUNK + length
        if length % 4 or end > len(data) or len(found) == 2:
            raise BadModel("the model is damaged or cut short")
        found.append((data[at + 4 : at + 8], data[at + _CHUNK : end]))
        at = end
    return found


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadModel("the model's description cannot be read") from error


def _check_description(description: Any) -> None:
    asset = description.get("asset") if isinstance(description, dict) else None
    if not isinstance(asset, dict) or not str(asset.get("version", "")).startswith("2."):
        raise BadModel("the model is not glTF 2.0")
    for name in ("buffers", "images"):
        held = description.get(name, [])
        if not isinstance(held, list) or not all(isinstance(one, dict) for one in held):
            raise BadModel("the model's description cannot be read")
        if any("uri" in one for one in held):
            raise BadModel("the model refers to other files; export it as one file with everything inside")


def _number(data: bytes, at: int) -> int:
    part = data[at : at + 4]
    if len(part) != 4:
        raise BadModel("the model is damaged or cut short")
    return int.from_bytes(part, "little")
