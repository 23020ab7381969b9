"""Selfie segmentation, general: the people of a whole picture."""

from __future__ import annotations

from ..spec import MemberSpec, ModelSpec, image, output
from .mediapipe import WHEEL, licence

_INPUT, _PREPROCESSING = image(size=256, low=0.0, high=1.0)

SPEC = ModelSpec(
    name="person-segmentation",
    version="1.0.0",
    task="person segmentation",
    weights=MemberSpec(
        archive=WHEEL,
        path="mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        bytes=249_505,
    ),
    licence=licence("MediaPipe Selfie Segmentation"),
    input_source="input_1",
    input=_INPUT,
    outputs=(
        output("activation_10", "mask", (1, 256, 256, 1), "probability that the pixel is a person, 0..1", atol=2e-3),
    ),
    preprocessing=_PREPROCESSING,
)
