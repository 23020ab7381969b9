"""One data file a model; a group is a tuple of them."""

from __future__ import annotations

from collections.abc import Mapping

from ..spec import ModelSpec
from . import (
    face_detector,
    face_mesh,
    hand,
    iris,
    palm_detector,
    person_segmentation,
    pose_detector,
    pose_full,
    pose_heavy,
    pose_lite,
)

GROUPS: Mapping[str, tuple[ModelSpec, ...]] = {
    "vision": (
        pose_detector.SPEC,
        pose_lite.SPEC,
        pose_full.SPEC,
        pose_heavy.SPEC,
        face_detector.SPEC,
        face_mesh.SPEC,
        iris.SPEC,
        person_segmentation.SPEC,
        palm_detector.SPEC,
        hand.SPEC,
    ),
}
