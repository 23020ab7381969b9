"""The face mesh: 468 points on one face."""

from __future__ import annotations

from ..spec import MemberSpec, ModelSpec, image, output
from .mediapipe import WHEEL, licence

_INPUT, _PREPROCESSING = image(size=192, low=0.0, high=1.0)

SPEC = ModelSpec(
    name="face-mesh",
    version="1.0.0",
    task="face landmarks in a square crop",
    weights=MemberSpec(
        archive=WHEEL,
        path="mediapipe/modules/face_landmark/face_landmark.tflite",
        sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        bytes=1_242_398,
    ),
    licence=licence("MediaPipe Face Mesh"),
    input_source="input_1",
    input=_INPUT,
    outputs=(
        output(
            "conv2d_21",
            "landmarks",
            (1, 1404),
            "468 rows of x, y, z in pixels of the 192x192 crop, origin top left, z towards the camera negative",
            atol=1e-2,
        ),
        output("conv2d_31", "presence", (1, 1), "logit that a face is in the crop", atol=1e-2),
    ),
    preprocessing=_PREPROCESSING,
)
