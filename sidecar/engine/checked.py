"""The files of a graph as a session is made of them: verified, looked into, and what the settings depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from . import graph_check
from .manifest import Graph, Variant
from .pack import Pack
from .providers import Shape


@dataclass(frozen=True)
class Checked:
    """One variant of a graph. `data` is the ONNX file, `external` what it keeps in other files, by their names."""

    pack: Pack
    variant: Variant
    data: bytes
    external: Mapping[str, bytes]
    shape: Shape


def check(pack: Pack, graph: Graph, variant: Variant) -> Checked:
    """Reads a variant's files. Raises `PackCorrupt`, or `PackRefused` when the graph is not what the manifest says."""
    data = pack.read(variant.file)
    sizes = {file.name: file.bytes for file in pack.manifest.files if file.name in variant.data}
    try:
        facts = graph_check.look(data, sizes)
        graph_check.compare(facts, graph)
    except graph_check.GraphRefused as error:
        raise pack.refused(str(error)) from error
    external = {file: pack.read(file) for file in sorted(facts.external)}
    fixed = all(isinstance(axis, int) for spec in (*graph.inputs, *graph.outputs) for axis in spec.shape)
    shape = Shape(fixed, facts.has_subgraphs, variant.precision, _key(pack.entry.files[variant.file].sha256, graph))
    return Checked(pack, variant, data, external, shape)


def _key(sha256: str, graph: Graph) -> str:
    """A name for what is compiled from a graph: the sha256 of its file, and the sizes of its inputs."""
    sizes = ";".join(f"{spec.name}{list(spec.shape)}" for spec in graph.inputs)
    return hashlib.sha256(bytes.fromhex(sha256) + sizes.encode()).hexdigest()[:24]
