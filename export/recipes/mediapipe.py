"""What all MediaPipe recipes share: two archives, the licence, one picture in, tensors out."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.engine.manifest import Licence
from sidecar.engine.runner_specs import Preprocessing

from ..recipe import Accuracy, GraphSpec, Recipe, RegistrySource, Tensor

STAGED = "model.tflite"


def wheel(path: str, *, sha256: str, size: int) -> RegistrySource:
    """A model inside the PyPI archive. It is the same in the wheels of every platform; one file is pinned, so that one
    hash holds everywhere."""
    return RegistrySource(
        registry="pypi",
        package="mediapipe",
        version="0.10.21",
        file="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
        sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
        bytes=35_622_638,
        members={STAGED: (path, sha256, size)},
    )


def pose_tarball(path: str, *, sha256: str, size: int) -> RegistrySource:
    """A model inside the npm archive."""
    return RegistrySource(
        registry="npm",
        package="@mediapipe/pose",
        version="0.5.1675469404",
        file="pose-0.5.1675469404.tgz",
        sha256="8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
        bytes=40_985_403,
        members={STAGED: (path, sha256, size)},
    )


def image(source: str, *, size: int, low: float, high: float) -> tuple[Tensor, Preprocessing]:
    """The input tensor `image` [1, size, size, 3] and its preprocessing: RGB in `low`..`high`, top row first."""
    meaning = f"RGB, {low:g}..{high:g}, row 0 is the top of the crop"
    tensor = Tensor("image", "float32", (1, size, size, 3), meaning, source)
    return tensor, Preprocessing(colour="rgb", low=low, high=high, layout="nhwc", width=size, height=size)


def output(source: str, name: str, shape: tuple[int, ...], meaning: str) -> Tensor:
    """A float32 output named `name`, made from the source graph's output `source`."""
    return Tensor(name, "float32", shape, meaning, source)


def recipe(
    name: str,
    *,
    task: str,
    card: str,
    weights: RegistrySource,
    picture: tuple[Tensor, Preprocessing],
    outputs: Mapping[Tensor, float],
    megabytes: int,
    memory_mb: int,
) -> Recipe:
    """The recipe of one model. `card` is the title of the model card that Google published for it; `outputs` maps each
    output to how far it may be from the source interpreter's, in its own unit."""
    tensor, preprocessing = picture
    return Recipe(
        name=name,
        title=card,
        version="1.0.0",
        architecture="tflite",
        route="tflite",
        source=(weights,),
        licence=_licence(card),
        restriction="none",
        task=task,
        runner="tensors",
        graphs=(GraphSpec(name="model", component="", inputs=(tensor,), outputs=tuple(outputs)),),
        gates={
            "fp32": Accuracy(
                metric="max_abs_over_noise",
                bound=min(outputs.values()),
                by_output={f"model.{tensor.name}": bound for tensor, bound in outputs.items()},
            )
        },
        megabytes={"fp32": megabytes},
        memory_mb={"fp32": memory_mb},
        preprocessing=preprocessing,
        quantize="none",
    )


def _licence(card: str) -> Licence:
    return Licence(
        spdx="Apache-2.0",
        attribution=f"The MediaPipe Authors, Google. Model card: {card}.",
        notice="Converted from TFLite to ONNX: layout, tensor names and storage type changed, values kept.",
        url="https://github.com/google-ai-edge/mediapipe/blob/master/LICENSE",
    )
