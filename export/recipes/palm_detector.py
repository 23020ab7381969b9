"""Palm detector, full: where the crop of the hand model goes."""

from __future__ import annotations

from ..spec import MemberSpec, ModelSpec, image, output
from .mediapipe import WHEEL, licence

_INPUT, _PREPROCESSING = image(size=192, low=0.0, high=1.0)

SPEC = ModelSpec(
    name="palm-detector",
    version="1.0.0",
    task="palm detection",
    weights=MemberSpec(
        archive=WHEEL,
        path="mediapipe/modules/palm_detection/palm_detection_full.tflite",
        sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        bytes=2_339_846,
    ),
    licence=licence("MediaPipe Hands"),
    input_source="input_1",
    input=_INPUT,
    outputs=(
        output(
            "Identity",
            "boxes",
            (1, 2016, 18),
            "for each anchor, in pixels of the input relative to its centre: box centre x, y, width, height, "
            "then x, y of 7 points of the palm",
            atol=2e-2,
        ),
        output("Identity_1", "scores", (1, 2016, 1), "logit of each anchor", atol=1e-2),
    ),
    preprocessing=_PREPROCESSING,
)
