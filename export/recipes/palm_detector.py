"""Palm detector, full: where the crop of the hand model goes."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "palm-detector",
    task="palm detection",
    card="MediaPipe Hands",
    weights=wheel(
        "mediapipe/modules/palm_detection/palm_detection_full.tflite",
        sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        size=2_339_846,
    ),
    picture=image("input_1", size=192, low=0.0, high=1.0),
    outputs={
        output(
            "Identity",
            "boxes",
            (1, 2016, 18),
            "for each anchor, in pixels of the input relative to its centre: box centre x, y, width, height, "
            "then x, y of 7 points of the palm",
        ): 2e-2,
        output("Identity_1", "scores", (1, 2016, 1), "logit of each anchor"): 1e-2,
    },
    megabytes=2,
    memory_mb=30,
)
