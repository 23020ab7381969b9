"""What the three sizes of the pose landmark model share: inputs, outputs, gate."""

from __future__ import annotations

from ..spec import MemberSpec, ModelSpec, image, output
from .mediapipe import licence

_INPUT, _PREPROCESSING = image(size=256, low=0.0, high=1.0)


def pose_spec(name: str, weights: MemberSpec) -> ModelSpec:
    """The spec of one size; only the name and the weights differ."""
    return ModelSpec(
        name=name,
        version="1.0.0",
        task="pose landmarks of one person in a square crop",
        weights=weights,
        licence=licence("BlazePose GHUM 3D"),
        input_source="input_1",
        input=_INPUT,
        outputs=(
            output(
                "Identity",
                "landmarks",
                (1, 195),
                "39 rows of x, y, z, visibility, presence: x, y in pixels of the 256x256 crop, origin top left, z in "
                "the same unit, hips at 0, towards the camera negative; visibility and presence are logits; "
                "rows 33..38 are auxiliary points",
                atol=2e-2,
            ),
            output("Identity_1", "presence", (1, 1), "probability that a person is in the crop, 0..1", atol=1e-3),
            output("Identity_2", "mask", (1, 256, 256, 1), "logit that the pixel of the crop is the person", atol=2e-2),
            output(
                "Identity_3", "heatmap", (1, 64, 64, 39), "logit of each landmark at each cell of the crop", atol=2e-2
            ),
            output(
                "Identity_4",
                "world",
                (1, 117),
                "39 rows of x, y, z in metres, origin between the hips, axes as of the crop",
                atol=1e-3,
            ),
        ),
        preprocessing=_PREPROCESSING,
    )
