"""The index that serving checks packs against, made from the recipes and what they convert to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from .spec import ArchiveSpec, ModelSpec


def index(groups: Mapping[str, tuple[ModelSpec, ...]], packs: Iterable[tuple[ModelSpec, dict[str, bytes]]]) -> bytes:
    """The JSON of `sidecar/engine/index.json`; `packs` are the specs with the files that they became."""
    entries = {spec.name: _entry(spec, files) for spec, files in packs}
    archives = {spec.weights.archive.key: _archive(spec.weights.archive) for specs in groups.values() for spec in specs}
    document = {
        "schema": 1,
        "groups": {group: [spec.name for spec in specs] for group, specs in groups.items()},
        "archives": archives,
        "packs": entries,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _archive(archive: ArchiveSpec) -> dict[str, Any]:
    return {name: value for name, value in asdict(archive).items() if name != "key"}


def _entry(spec: ModelSpec, files: dict[str, bytes]) -> dict[str, Any]:
    weights = spec.weights
    return {
        "version": spec.version,
        "licence": spec.licence.spdx,
        "weights": {
            "archive": weights.archive.key,
            "path": weights.path,
            "sha256": weights.sha256,
            "bytes": weights.bytes,
        },
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()
        },
    }
