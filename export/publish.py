"""Writes a pack: the manifest beside its model, complete or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sidecar.engine.manifest import MANIFEST_FILE, File, Gate, Manifest, Source, Variant, encode

from .spec import ModelSpec

AGAINST = (
    "The source model in LiteRT 2.3.0 with its plain kernels, on noise, black and three drawn scenes; "
    "noise is the difference to LiteRT with XNNPACK."
)


def files_of(spec: ModelSpec, model: bytes) -> dict[str, bytes]:
    """The files of the pack, by name; the same model gives the same bytes."""
    file = f"{spec.name}.onnx"
    return {MANIFEST_FILE: encode(_manifest(spec, file, len(model))), file: model}


def publish(files: dict[str, bytes], target: Path) -> None:
    """Makes the folder `target` hold exactly `files`: written beside it, flushed to the disk, then renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        for name, data in files.items():
            with (staging / name).open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        if target.exists():
            shutil.rmtree(target)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _manifest(spec: ModelSpec, file: str, size: int) -> Manifest:
    archive = spec.weights.archive
    return Manifest(
        schema=1,
        name=spec.name,
        version=spec.version,
        task=spec.task,
        licence=spec.licence,
        source=Source(
            registry=archive.registry,
            package=archive.package,
            version=archive.version,
            file=archive.file,
            file_sha256=archive.sha256,
            member=spec.weights.path,
            member_sha256=spec.weights.sha256,
        ),
        inputs=(spec.input,),
        outputs=tuple(output.tensor for output in spec.outputs),
        preprocessing=spec.preprocessing,
        files=(File(name=file, bytes=size),),
        external_data=False,
        variants=(Variant(file=file, precision="fp32", providers=("cuda", "directml", "cpu")),),
        gate=Gate(
            against=AGAINST,
            metric="max_abs_over_noise",
            tolerance={output.tensor.name: output.atol for output in spec.outputs},
        ),
    )
