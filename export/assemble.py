"""A pack out of what was kept: manifest, card, graphs, the runner's files, published in one rename."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecar.engine import graph_check
from sidecar.engine.manifest import (
    MANIFEST_FILE,
    File,
    Gate,
    Graph,
    Manifest,
    Source,
    TensorSpec,
    Variant,
    encode,
)

from .accuracy import SAME, holds
from .auto import Row
from .constants import data_files
from .decoders import PRESENT
from .errors import GraphError
from .evaluate import worst_gate
from .licences import Terms
from .origin import Fetched
from .recipe import Recipe, Tensor
from .route import RunnerFiles

CARD_FILE = "card.md"
AGAINST = "The source model on the same inputs, at every size that the recipe names."
MAX_SOURCES = 32
MAX_TOLERANCES = 64
_LEAST = 1e-12  # a manifest's tolerance is above zero


@dataclass(frozen=True)
class Parts:
    """All that a pack is made of; `recipe` is resolved, `rows` are those that were kept, in the order of its graphs."""

    name: str
    recipe: Recipe
    terms: Terms
    sources: Sequence[Fetched]
    rows: Sequence[Row]
    runner: RunnerFiles


def files(parts: Parts, card: bytes) -> dict[str, bytes | Path]:
    """Name in the pack -> content: graphs under their own names and their data beside them, as the graphs call it."""
    found: dict[str, bytes | Path] = {}
    for row in parts.rows:
        assert row.file is not None
        found[row.file.name] = row.file
        found |= {path.name: path for path in data_files(row.file)}
    found |= dict(parts.runner.files)
    found[CARD_FILE] = card
    wanted = sum(1 + len(data_files(row.file)) for row in parts.rows if row.file) + len(parts.runner.files) + 1
    if len(found) != wanted:
        raise GraphError(f"{parts.name}: two files of the pack have the same name.")
    made = manifest(parts, found)
    for graph in made.graphs:
        _check_as_engine(graph, found)
    return {MANIFEST_FILE: encode(made)} | found


def _check_as_engine(graph: Graph, found: Mapping[str, bytes | Path]) -> None:
    """What the engine would refuse to load is not published. Raises `GraphError`."""
    for variant in graph.variants:
        file = found[variant.file]
        data = file if isinstance(file, bytes) else file.read_bytes()
        try:
            facts = graph_check.look(data, {name: _size(found[name]) for name in variant.data})
            graph_check.compare(facts, graph)
        except graph_check.GraphRefused as error:
            raise GraphError(f"The engine would refuse {variant.file}: {error}.") from error


def manifest(parts: Parts, found: Mapping[str, bytes | Path]) -> Manifest:
    """The manifest of these files."""
    return Manifest(
        schema=2,
        name=parts.name,
        version=parts.recipe.version,
        task=parts.recipe.task,
        licence=parts.terms.licence,
        sources=_sources(parts),
        files=tuple(File(name=name, bytes=_size(content)) for name, content in found.items()),
        graphs=tuple(
            Graph(
                name=graph.name,
                inputs=tuple(map(_tensor, graph.inputs)),
                outputs=tuple(map(_tensor, graph.outputs)),
                variants=(_variant(row),),
            )
            for graph, row in zip(parts.recipe.graphs, parts.rows, strict=True)
        ),
        runner=parts.runner.spec,
        gate=gate(parts),
    )


def gate(parts: Parts) -> Gate:
    """The loosest gate of the graphs that were kept. One of another metric counts with what was measured, where that is
    further off; so every number is one that the pack holds."""
    loosest = worst_gate([row.gate for row in parts.rows if row.gate is not None])
    metric = "max_abs" if loosest.metric == "identical" else loosest.metric
    tolerance: dict[str, float] = {}
    for row in parts.rows:
        assert row.comparison is not None
        for name in row.comparison.looked_at(loosest.metric):
            if name.startswith(PRESENT):
                continue  # a cache is as near as the layers that write it
            seen = row.comparison.seen[name]
            key = f"{row.graph}.{name}"
            bound = loosest.by_output.get(key, loosest.bound)
            if loosest.metric == "identical":
                bound = max(_LEAST, SAME * seen.largest)
            elif not holds(metric, seen.value(metric), bound):
                bound = max(_LEAST, seen.value(metric))
            tolerance[key] = bound
    return Gate(against=AGAINST, metric=metric, tolerance=dict(list(tolerance.items())[:MAX_TOLERANCES]))


def _variant(row: Row) -> Variant:
    assert row.file is not None
    return Variant(
        file=row.file.name,
        precision=row.candidate.precision,
        providers=row.candidate.providers,
        data=tuple(path.name for path in data_files(row.file)),
    )


def _sources(parts: Parts) -> tuple[Source, ...]:
    """The files that hold weights first; of many small ones only so many have room. The card lists all."""
    ordered = sorted(parts.sources, key=lambda file: -file.bytes)[:MAX_SOURCES]
    return tuple(
        Source(
            registry="hub" if file.repository else "local",
            package=file.repository or "files of the user",
            version=file.commit or "unversioned",
            file=file.path[:200],
            file_sha256=file.sha256,
        )
        for file in ordered
    )


def _tensor(tensor: Tensor) -> TensorSpec:
    return TensorSpec(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape, meaning=tensor.meaning)


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    """File name -> sha256 and size of everything in a published pack."""
    found: dict[str, tuple[str, int]] = {}
    for path in sorted(folder.iterdir()):
        hasher = hashlib.sha256()
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                hasher.update(chunk)
        found[path.name] = (hasher.hexdigest(), path.stat().st_size)
    return found
