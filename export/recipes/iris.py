"""Iris and eye contour of one eye; a right eye is given mirrored."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "iris",
    task="iris landmarks in a square crop of one eye",
    card="MediaPipe Iris",
    weights=wheel(
        "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        sha256="d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        size=2_640_568,
    ),
    picture=image("input_1", size=64, low=0.0, high=1.0),
    outputs={
        output(
            "output_eyes_contours_and_brows",
            "eye",
            (1, 213),
            "71 rows of x, y, z of the eye's contour and brow in pixels of the 64x64 crop, origin top left",
        ): 1e-2,
        output(
            "output_iris",
            "iris",
            (1, 15),
            "5 rows of x, y, z in pixels of the crop: the iris centre, then its right, top, left and bottom edge",
        ): 1e-2,
    },
    megabytes=3,
    memory_mb=24,
)
