"""BlazePose landmarks, lite."""

from __future__ import annotations

from ..spec import MemberSpec
from .mediapipe import POSE_TARBALL
from .pose_landmarks import pose_spec

SPEC = pose_spec(
    "pose-lite",
    MemberSpec(
        archive=POSE_TARBALL,
        path="package/pose_landmark_lite.tflite",
        sha256="f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        bytes=2_819_824,
    ),
)
