"""Hand landmarks, full: 21 points of one hand."""

from __future__ import annotations

from ..spec import MemberSpec, ModelSpec, image, output
from .mediapipe import WHEEL, licence

_INPUT, _PREPROCESSING = image(size=224, low=0.0, high=1.0)

SPEC = ModelSpec(
    name="hand",
    version="1.0.0",
    task="hand landmarks in a square crop",
    weights=MemberSpec(
        archive=WHEEL,
        path="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        bytes=5_478_917,
    ),
    licence=licence("MediaPipe Hands"),
    input_source="input_1",
    input=_INPUT,
    outputs=(
        output(
            "Identity",
            "landmarks",
            (1, 63),
            "21 rows of x, y, z in pixels of the 224x224 crop, origin top left, z relative to the wrist",
            atol=1e-2,
        ),
        output("Identity_1", "presence", (1, 1), "probability that a hand is in the crop, 0..1", atol=1e-3),
        output("Identity_2", "side", (1, 1), "probability of a right hand in a mirrored picture, 0..1", atol=1e-3),
        output("Identity_3", "world", (1, 63), "21 rows of x, y, z in metres, origin at the hand's centre", atol=1e-3),
    ),
    preprocessing=_PREPROCESSING,
)
