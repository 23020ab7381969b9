"""One data file a model; a group is a tuple of them."""

from __future__ import annotations

from collections.abc import Mapping

from ..recipe import Recipe
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
from .starter_cut_out import cut_out, cut_out_fast
from .starter_language import chat, chat_small, e5
from .starter_read import read_text
from .starter_safety import image_safety
from .starter_speech import voice_activity, whisper_base
from .starter_style import style_transfer

GROUPS: Mapping[str, tuple[Recipe, ...]] = {
    "vision": (
        pose_detector.RECIPE,
        pose_lite.RECIPE,
        pose_full.RECIPE,
        pose_heavy.RECIPE,
        face_detector.RECIPE,
        face_mesh.RECIPE,
        iris.RECIPE,
        person_segmentation.RECIPE,
        palm_detector.RECIPE,
        hand.RECIPE,
    ),
    "language": (e5.RECIPE, chat.RECIPE, chat_small.RECIPE),
    "speech": (voice_activity.RECIPE, whisper_base.RECIPE),
    "safety": (image_safety.RECIPE,),
    "style": (style_transfer.RECIPE,),
    "read": (read_text.RECIPE,),
    "opt-in": (cut_out.RECIPE, cut_out_fast.RECIPE),
}
