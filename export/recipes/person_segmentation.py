"""Selfie segmentation, general: the people of a whole picture."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "person-segmentation",
    task="person segmentation",
    card="MediaPipe Selfie Segmentation",
    weights=wheel(
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        size=249_505,
    ),
    picture=image("input_1", size=256, low=0.0, high=1.0),
    outputs={
        output("activation_10", "mask", (1, 256, 256, 1), "probability that the pixel is a person, 0..1"): 2e-3,
    },
    megabytes=1,
    memory_mb=26,
)
