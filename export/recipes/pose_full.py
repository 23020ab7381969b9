"""BlazePose landmarks, full."""

from __future__ import annotations

from ..spec import MemberSpec
from .mediapipe import POSE_TARBALL
from .pose_landmarks import pose_spec

SPEC = pose_spec(
    "pose-full",
    MemberSpec(
        archive=POSE_TARBALL,
        path="package/pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        bytes=6_440_512,
    ),
)
