"""Where each landmark of a top lies on a body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..catalog.assets import Ease, Pair, TopLandmarks
from .arrays import Points
from .body import Arm, Body


@dataclass(frozen=True, slots=True)
class Sleeve:
    """Pairs (n, 2, 2) of outer and inner positions from the armhole to the cuff: in the picture and in the frame."""

    source: Points
    target: Points
    cuff: Points
    """(2,) where the arm leaves the sleeve, frame pixels."""
    reaches_wrist: bool


@dataclass(frozen=True, slots=True)
class TopFit:
    """`source` (16, 2) picture and `target` (16, 2) frame positions of the torso; both sleeves."""

    source: Points
    target: Points
    left: Sleeve | None
    right: Sleeve | None

    @property
    def neckline(self) -> Points:
        """(3, 2) left, lowest and right point of the neck hole in the frame."""
        return self.target[:3]


_CHEST_LEVEL = 0.42


def fit(body: Body, garment: TopLandmarks, ease: Ease) -> TopFit:
    """Lays a top over a body; `ease` widens and lengthens it."""
    target = _torso(body, ease)
    left = _sleeve(body, body.left, -1, garment.sleeve_left, target[3], target[5], ease)
    right = _sleeve(body, body.right, 1, garment.sleeve_right, target[4], target[6], ease)
    return TopFit(_torso_source(garment), target, left, right)


def _torso_source(garment: TopLandmarks) -> Points:
    armpits = np.add(garment.armpit_left, garment.armpit_right) / 2
    waist = np.add(garment.waist_left, garment.waist_right) / 2
    outline = (
        garment.neck_left, garment.neck_centre, garment.neck_right, garment.shoulder_left, garment.shoulder_right,
        garment.armpit_left, garment.armpit_right, garment.waist_left, garment.waist_right,
        garment.hem_left, garment.hem_centre, garment.hem_right,
    )  # fmt: skip
    ridges = [
        np.add(garment.neck_left, garment.shoulder_left) / 2, np.add(garment.neck_right, garment.shoulder_right) / 2,
    ]  # fmt: skip
    return np.array([*outline, armpits, waist, *ridges], np.float64)


def _torso(body: Body, ease: Ease) -> Points:
    """(16, 2) targets in the order of `_torso_source`."""
    tip_left, tip_right = (_shoulder_tip(body, side) for side in (-1, 1))
    neck_left, neck_centre, neck_right = _neck(body)
    looser = np.sqrt(ease.width)
    chest = [float(np.clip(body.reach[2 + k], 0.53, 0.72)) * looser for k in (0, 1)]
    waist = [float(np.clip(body.reach[4 + k], 0.50, 0.70)) * looser for k in (0, 1)]
    length = body.torso / body.width
    waist_level = 0.68 * length
    hem_level = 1.06 * length * ease.length
    hem = [0.5 * (waist[k] + 0.56 * looser) for k in (0, 1)]
    return np.array([
        neck_left, neck_centre, neck_right, tip_left, tip_right,
        body.at(-chest[0], _CHEST_LEVEL), body.at(chest[1], _CHEST_LEVEL),
        body.at(-waist[0], waist_level), body.at(waist[1], waist_level),
        body.at(-hem[0], hem_level), body.at((hem[1] - hem[0]) / 2, hem_level + 0.02), body.at(hem[1], hem_level),
        body.at((chest[1] - chest[0]) / 2, _CHEST_LEVEL), body.at((waist[1] - waist[0]) / 2, waist_level),
        _ridge(body, 0, neck_left, tip_left), _ridge(body, 1, neck_right, tip_right),
    ])  # fmt: skip


def _shoulder_tip(body: Body, side: int) -> Points:
    """The top end of the armhole: out and up from the joint to the silhouette, within what shoulders allow."""
    arm = body.left if side < 0 else body.right
    reach = float(np.clip(0.96 * body.reach[0 if side < 0 else 1], 0.07, 0.20))
    return np.asarray(arm.shoulder + reach * body.width * (0.62 * side * body.across - 0.78 * body.down))


def _ridge(body: Body, index: int, neck: Points, tip: Points) -> Points:
    """The middle of the shoulder line, raised to the silhouette where that is a little higher."""
    middle = (neck + tip) / 2
    height = -float((middle - body.middle) @ body.down) / body.width
    raised = float(np.clip(body.reach[6 + index] + 0.01 - height, -0.02, 0.04))
    return np.asarray(middle - raised * body.width * body.down)


def _neck(body: Body) -> tuple[Points, Points, Points]:
    """Where collar and shoulders meet on both sides, and the lowest point of the collar; always under the chin."""
    towards_head = float((body.chin - body.middle) @ body.across) / body.width
    centre = 0.5 * float(np.clip(towards_head, -0.3, 0.3))
    half = float(np.clip(0.47 * body.face_width / body.width, 0.17, 0.27))
    chin = float((body.chin - body.middle) @ body.down) / body.width
    face = body.face_width / body.width
    side_level = max(-0.24, min(chin + 0.10 * face, -0.10))
    front_level = max(side_level + 0.17, -0.05, min(chin + 0.22 * face, 0.12))
    return (
        body.at(centre - half, side_level),
        body.at(centre, front_level),
        body.at(centre + half, side_level),
    )


def _sleeve(
    body: Body, arm: Arm, side: int, pairs: tuple[Pair, ...], tip: Points, armpit: Points, ease: Ease
) -> Sleeve | None:
    if len(pairs) < 2:
        return None
    upper = arm.elbow - arm.shoulder
    half = max(1.06 * arm.radius, 0.16 * body.width) * np.sqrt(ease.width)
    outward = _outward(upper, side)
    start = [tip, _armhole(arm, upper, outward, half, armpit, body)]
    if len(pairs) == 2:
        # A foreshortened arm still wears a whole sleeve, so the sleeve follows shoulder width as well.
        length = min(float(np.linalg.norm(upper)), 0.95 * body.width)
        along = upper / (np.linalg.norm(upper) + 1e-6)
        cuff = arm.shoulder + along * length * min(0.64 * ease.sleeve, 0.95)
        target = [start, [cuff + half * outward, cuff - half * outward]]
        return _bulged(np.array(pairs, np.float64), np.array(target), cuff, arm, outward, body)
    lower = arm.wrist - arm.elbow
    trust = float(np.clip((arm.sure[1] - 0.15) / 0.35, 0, 1))
    lower = trust * lower + (1 - trust) * 0.9 * upper
    cuff = arm.elbow + lower * min(0.96 * ease.sleeve, 1.04)
    wrist_out = _outward(lower, side, like=outward)
    elbow_out = outward + wrist_out
    elbow_out = elbow_out / (np.linalg.norm(elbow_out) + 1e-6)
    narrow = 0.74 * half
    target = [
        start,
        [arm.elbow + 0.95 * half * elbow_out, arm.elbow - 0.95 * half * elbow_out],
        [cuff + narrow * wrist_out, cuff - narrow * wrist_out],
    ]
    return _bulged(np.array(pairs, np.float64), np.array(target), cuff, arm, outward, body)


def _bulged(source: Points, target: Points, cuff: Points, arm: Arm, outward: Points, body: Body) -> Sleeve:
    """The sleeve with a pair more in its first segment, pushed out to where the silhouette is."""
    share = 0.5
    middle_source = (1 - share) * source[0] + share * source[1]
    middle = (1 - share) * target[0] + share * target[1]
    depth = float((middle[0] - arm.shoulder) @ np.array([outward[1], -outward[0]]))
    bone = arm.shoulder + depth * np.array([outward[1], -outward[0]])
    wanted = 1.05 * arm.bulge - float((middle[0] - bone) @ outward)
    middle[0] = middle[0] + float(np.clip(wanted, 0, 0.14 * body.width)) * outward
    picture = np.stack([source[0], middle_source, *source[1:]])
    frame = np.stack([target[0], middle, *target[1:]])
    return Sleeve(picture, frame, cuff, len(source) > 2)


def _armhole(arm: Arm, upper: Points, outward: Points, half: float, armpit: Points, body: Body) -> Points:
    """The lower end of the armhole: the armpit, or further in where a thick arm hides it: a sleeve is convex."""
    along = upper / (np.linalg.norm(upper) + 1e-6)
    inner = arm.shoulder + 0.36 * body.width * along - half * outward
    hidden = float((armpit - inner) @ outward) > 0
    return inner if hidden else armpit


def _outward(bone: Points, side: int, like: Points | None = None) -> Points:
    """The unit vector across a bone that points away from the body (or the same way as `like`)."""
    across = np.array([bone[1], -bone[0]]) * side
    across = across / (np.linalg.norm(across) + 1e-6)
    if like is not None and float(across @ like) < 0:
        return np.asarray(-across)
    return np.asarray(across)
