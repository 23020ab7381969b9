"""BlazePose landmarks, full."""

from __future__ import annotations

from .mediapipe import pose_tarball
from .pose_landmarks import pose_recipe

RECIPE = pose_recipe(
    "pose-full",
    pose_tarball(
        "package/pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        size=6_440_512,
    ),
    megabytes=6,
    memory_mb=63,
)
