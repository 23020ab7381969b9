"""BlazePose landmarks, heavy."""

from __future__ import annotations

from .mediapipe import pose_tarball
from .pose_landmarks import pose_recipe

RECIPE = pose_recipe(
    "pose-heavy",
    pose_tarball(
        "package/pose_landmark_heavy.tflite",
        sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        size=27_709_200,
    ),
    megabytes=28,
    memory_mb=203,
)
