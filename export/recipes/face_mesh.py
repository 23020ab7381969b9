"""The face mesh: 468 points on one face."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "face-mesh",
    task="face landmarks in a square crop",
    card="MediaPipe Face Mesh",
    weights=wheel(
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        size=1_242_398,
    ),
    picture=image("input_1", size=192, low=0.0, high=1.0),
    outputs={
        output(
            "conv2d_21",
            "landmarks",
            (1, 1404),
            "468 rows of x, y, z in pixels of the 192x192 crop, origin top left, z towards the camera negative",
        ): 1e-2,
        output("conv2d_31", "presence", (1, 1), "logit that a face is in the crop"): 1e-2,
    },
    megabytes=1,
    memory_mb=20,
)
