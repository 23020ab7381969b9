"""BlazeFace, short range: faces within about two metres of the camera."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "face-detector",
    task="face detection",
    card="MediaPipe BlazeFace (Short Range)",
    weights=wheel(
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        size=229_714,
    ),
    picture=image("input", size=128, low=-1.0, high=1.0),
    outputs={
        output(
            "regressors",
            "boxes",
            (1, 896, 16),
            "for each anchor, in pixels of the input relative to its centre: box centre x, y, width, height, "
            "then x, y of 6 points (right eye, left eye, nose tip, mouth, right ear, left ear, as of the person)",
        ): 1e-2,
        output("classificators", "scores", (1, 896, 1), "logit of each anchor"): 1e-2,
    },
    megabytes=1,
    memory_mb=16,
)
