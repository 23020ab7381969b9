"""BlazePose landmarks, heavy."""

from __future__ import annotations

from ..spec import MemberSpec
from .mediapipe import POSE_TARBALL
from .pose_landmarks import pose_spec

SPEC = pose_spec(
    "pose-heavy",
    MemberSpec(
        archive=POSE_TARBALL,
        path="package/pose_landmark_heavy.tflite",
        sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        bytes=27_709_200,
    ),
)
