"""From what is seen and what is worn to the patches that show it, or the reason why they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from . import glasses, top
from .arrays import Rgb
from .glasses import PreparedGlasses
from .layers import Kind, Layer
from .patches import Patch
from .pose import LEFT_SHOULDER, RIGHT_SHOULDER
from .results import REASONS, Code, Fit, GlassesFit, Reason, TopSize, Verdict
from .top import PreparedTop
from .watch import Sight

_MIN_SHOULDERS_PX = 30.0
_MIN_EYES_PX = 14.0
_MIN_BRIGHT = 0.10
# The bright parts of a well exposed picture; a dimmer scene dims what is worn.
_FULL_LIGHT = 0.88
# Opticians' rule: a frame is a little narrower than the head at the temples, or about as wide.
_NARROWER_MM, _WIDER_MM = 16.0, 3.0


@dataclass(frozen=True, slots=True)
class Dressed:
    """Patches back to front with the kind that each shows."""

    patches: tuple[tuple[Kind, Patch], ...]
    confidence: float
    reason: Reason | None
    fit: Fit | None


def refused(code: Code) -> Dressed:
    """Nothing to show, and why."""
    return Dressed((), 0.0, REASONS[code], None)


def dress(
    sight: Sight, frame: Rgb, layers: Sequence[Layer], check: Callable[[], None], *, absent: Callable[[], Code]
) -> Dressed:
    """The patches of all layers on the person seen: tops first, glasses last.

    One layer that cannot be shown does not take the others away: its reason comes along, at half the confidence.
    `absent` is asked why there is no face or body. `check` is called between layers.
    """
    if sight.brightness < _MIN_BRIGHT:
        return refused("low_light")
    if sight.crowded:
        return refused("many_people")
    patches: list[tuple[Kind, Patch]] = []
    confidences: list[float] = []
    reason: Reason | None = None
    fit = Fit()
    for layer in sorted(layers, key=lambda layer: layer.kind != "top"):
        check()
        problem = layer.reason or _problem(sight, layer.kind, absent)
        drawn = [] if problem else _draw(sight, frame, layer)
        if not drawn:
            reason = reason or problem or REASONS["too_small"]
            continue
        patches.extend((layer.kind, patch) for patch in drawn)
        confidences.append(_confidence(sight, layer.kind))
        fit = _with_fit(fit, sight, layer)
    if not patches:
        return Dressed((), 0.0, reason, None)
    confidence = min(confidences) * (0.5 if reason else 1.0)
    return Dressed(tuple(patches), confidence, reason, fit)


def _problem(sight: Sight, kind: Kind, absent: Callable[[], Code]) -> Reason | None:
    if kind == "glasses":
        if sight.face is None:
            return REASONS[absent()]
        return REASONS["too_small"] if sight.face.eye_distance < _MIN_EYES_PX else None
    if sight.body is None or sight.pose is None:
        return REASONS["no_person" if sight.face is not None else absent()]
    if sight.facing_away and sight.face is None:
        return REASONS["back_view"]
    return REASONS["too_small"] if sight.body.width < _MIN_SHOULDERS_PX else None


def _draw(sight: Sight, frame: Rgb, layer: Layer) -> list[Patch]:
    light = float(np.clip(sight.brightness / _FULL_LIGHT, 0.15, 1.05))
    if isinstance(layer.asset, PreparedGlasses) and sight.face is not None and sight.head is not None:
        return glasses.draw(layer.asset, sight.face, sight.head, frame.shape, cm_scale=sight.cm_scale, light=light)
    if isinstance(layer.asset, PreparedTop) and sight.body is not None and sight.person is not None:
        drawn = top.draw(layer.asset, sight.small, sight.person, sight.body, sight.face, frame.shape, light=light)
        return [] if drawn is None else drawn.patches
    return []


def _confidence(sight: Sight, kind: Kind) -> float:
    if kind == "glasses":
        return sight.face.presence if sight.face is not None else 0.0
    if sight.pose is None:
        return 0.0
    shoulders = sight.pose.visibility[[LEFT_SHOULDER, RIGHT_SHOULDER]].min()
    return float(sight.pose.presence * shoulders)


def _with_fit(fit: Fit, sight: Sight, layer: Layer) -> Fit:
    if isinstance(layer.asset, PreparedGlasses):
        frame_mm, face_mm = layer.asset.asset.width_mm, round(10 * glasses.face_width_cm(sight.cm_scale), 1)
        return Fit(GlassesFit(layer.size, frame_mm, face_mm, _verdict(frame_mm, face_mm)), fit.top)
    if isinstance(layer.asset, PreparedTop):
        ease = layer.asset.asset.ease
        return Fit(fit.glasses, TopSize(layer.size, round(ease.width, 3), round(ease.length, 3), _shoulders_cm(sight)))
    return fit


def _verdict(frame_mm: float, face_mm: float) -> Verdict:
    if frame_mm < face_mm - _NARROWER_MM:
        return "narrow"
    return "wide" if frame_mm > face_mm + _WIDER_MM else "good"


def _shoulders_cm(sight: Sight) -> float | None:
    """Joint to joint, taking the head to be as far away as the shoulders."""
    if sight.head is None or sight.body is None:
        return None
    px_per_cm = sight.head.scale / sight.cm_scale
    return round(sight.body.width / px_per_cm, 1)
