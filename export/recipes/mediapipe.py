"""What all MediaPipe recipes share: the two archives and the licence."""

from __future__ import annotations

from sidecar.engine.manifest import Licence

from ..spec import ArchiveSpec

# The models inside are the same in the wheels of every platform; one file is pinned so that one hash holds everywhere.
WHEEL = ArchiveSpec(
    key="mediapipe-wheel",
    registry="pypi",
    package="mediapipe",
    version="0.10.21",
    file="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    bytes=35_622_638,
)
POSE_TARBALL = ArchiveSpec(
    key="mediapipe-pose",
    registry="npm",
    package="@mediapipe/pose",
    version="0.5.1675469404",
    file="pose-0.5.1675469404.tgz",
    sha256="8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
    bytes=40_985_403,
)


def licence(model_card: str) -> Licence:
    """The licence of a MediaPipe model; `model_card` is the title of the card that Google published for it."""
    return Licence(
        spdx="Apache-2.0",
        attribution=f"The MediaPipe Authors, Google. Model card: {model_card}.",
        notice="Converted from TFLite to ONNX: layout, tensor names and storage type changed, values kept.",
        url="https://github.com/google-ai-edge/mediapipe/blob/master/LICENSE",
    )
