"""Hand landmarks, full: 21 points of one hand."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "hand",
    task="hand landmarks in a square crop",
    card="MediaPipe Hands",
    weights=wheel(
        "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        size=5_478_917,
    ),
    picture=image("input_1", size=224, low=0.0, high=1.0),
    outputs={
        output(
            "Identity",
            "landmarks",
            (1, 63),
            "21 rows of x, y, z in pixels of the 224x224 crop, origin top left, z relative to the wrist",
        ): 1e-2,
        output("Identity_1", "presence", (1, 1), "probability that a hand is in the crop, 0..1"): 1e-3,
        output("Identity_2", "side", (1, 1), "probability of a right hand in a mirrored picture, 0..1"): 1e-3,
        output("Identity_3", "world", (1, 63), "21 rows of x, y, z in metres, origin at the hand's centre"): 1e-3,
    },
    megabytes=5,
    memory_mb=49,
)
