"""BlazePose person detector: where the crop of the landmark model goes."""

from __future__ import annotations

from ..spec import MemberSpec, ModelSpec, image, output
from .mediapipe import WHEEL, licence

_INPUT, _PREPROCESSING = image(size=224, low=-1.0, high=1.0)

SPEC = ModelSpec(
    name="pose-detector",
    version="1.0.0",
    task="person detection",
    weights=MemberSpec(
        archive=WHEEL,
        path="mediapipe/modules/pose_detection/pose_detection.tflite",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        bytes=2_959_046,
    ),
    licence=licence("BlazePose GHUM 3D"),
    input_source="input_1",
    input=_INPUT,
    outputs=(
        output(
            "Identity",
            "boxes",
            (1, 2254, 12),
            "for each anchor, in pixels of the input relative to its centre: box centre x, y, width, height, "
            "then x, y of 4 points (hip centre, full body scale, shoulder centre, upper body scale)",
            atol=2e-2,
        ),
        output("Identity_1", "scores", (1, 2254, 1), "logit of each anchor", atol=1e-2),
    ),
    preprocessing=_PREPROCESSING,
)
