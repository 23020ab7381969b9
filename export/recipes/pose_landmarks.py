"""What the three sizes of the pose landmark model share: inputs, outputs, gate."""

from __future__ import annotations

from ..recipe import Recipe, RegistrySource
from .mediapipe import image, output, recipe


def pose_recipe(name: str, weights: RegistrySource, *, megabytes: int, memory_mb: int) -> Recipe:
    """The recipe of one size; only the name, the weights and what they take differ."""
    return recipe(
        name,
        task="pose landmarks of one person in a square crop",
        card="BlazePose GHUM 3D",
        weights=weights,
        picture=image("input_1", size=256, low=0.0, high=1.0),
        outputs={
            output(
                "Identity",
                "landmarks",
                (1, 195),
                "39 rows of x, y, z, visibility, presence: x, y in pixels of the 256x256 crop, origin top left, z in "
                "the same unit, hips at 0, towards the camera negative; visibility and presence are logits; "
                "rows 33..38 are auxiliary points",
            ): 2e-2,
            output("Identity_1", "presence", (1, 1), "probability that a person is in the crop, 0..1"): 1e-3,
            output("Identity_2", "mask", (1, 256, 256, 1), "logit that the pixel of the crop is the person"): 2e-2,
            output("Identity_3", "heatmap", (1, 64, 64, 39), "logit of each landmark at each cell of the crop"): 2e-2,
            output(
                "Identity_4",
                "world",
                (1, 117),
                "39 rows of x, y, z in metres, origin between the hips, axes as of the crop",
            ): 1e-3,
        },
        megabytes=megabytes,
        memory_mb=memory_mb,
    )
