"""BlazePose landmarks, lite."""

from __future__ import annotations

from .mediapipe import pose_tarball
from .pose_landmarks import pose_recipe

RECIPE = pose_recipe(
    "pose-lite",
    pose_tarball(
        "package/pose_landmark_lite.tflite",
        sha256="f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        size=2_819_824,
    ),
    megabytes=3,
    memory_mb=45,
)
