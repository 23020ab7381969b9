"""BlazePose person detector: where the crop of the landmark model goes."""

from __future__ import annotations

from .mediapipe import image, output, recipe, wheel

RECIPE = recipe(
    "pose-detector",
    task="person detection",
    card="BlazePose GHUM 3D",
    weights=wheel(
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        size=2_959_046,
    ),
    picture=image("input_1", size=224, low=-1.0, high=1.0),
    outputs={
        output(
            "Identity",
            "boxes",
            (1, 2254, 12),
            "for each anchor, in pixels of the input relative to its centre: box centre x, y, width, height, "
            "then x, y of 4 points (hip centre, full body scale, shoulder centre, upper body scale)",
        ): 2e-2,
        output("Identity_1", "scores", (1, 2254, 1), "logit of each anchor"): 1e-2,
    },
    megabytes=6,
    memory_mb=57,
)
