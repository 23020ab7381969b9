"""Follows one person through a stream: which model runs on which frame, what moves by optical flow in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from . import detection, flow, glasses, head, segment
from .arrays import Infer, Mask, Matrix, Points, Rgb
from .body import MASK_STEP, Body, measure, person_mask
from .face import Face, FaceTracker, iris_diameter
from .head import HeadPose
from .pose import LEFT_SHOULDER, RIGHT_SHOULDER, Pose, PoseTracker, face_region
from .results import Code
from .roi import Roi
from .smoothing import OneEuro

POSE_MODEL = "pose-full"
"""The body model of streams and stills: its elbows and wrists are right where those of pose-lite are not, and on every
second frame it keeps to the budget."""

BODY_MODELS = ("pose-detector", POSE_MODEL)
FACE_MODELS = ("face-detector", "face-mesh", "iris", "person-segmentation")

_POSE_EVERY = 2
_CROWD_EVERY = 45
_IRIS_EVERY = 20
_ABSENCE_EVERY = 15
# Share of the frame that a person fills at least.
_SOMEONE = 0.06
_IRIS_SAMPLES = 9
# A second face counts when its box is at least this share of the largest one's side.
_RIVAL_SHARE = 0.55
# As MediaPipe smooths visibilities, at half its frame rate.
_VISIBILITY_GAIN = 0.2
# How far speed opens the filters: little where flow has carried the past along, so that only noise is left; widely
# where the models alone tell of motion.
_CALM_BETA, _QUICK_BETA = 2.0, 40.0
# Elbow, wrist and hand on the viewer's left and right.
_LEFT_LIMB, _RIGHT_LIMB = [14, 16, 18, 20, 22], [13, 15, 17, 19, 21]
_FLOW_FACE_POINTS = np.arange(4, 468, 19)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of the person in one frame.

    `small` the frame and `person` the person's mask at half resolution; `brightness` 0..1 of its bright parts;
    `cm_scale` true centimetres in one of the canonical head; `crowded` where more than one person stands out.
    """

    small: Rgb
    brightness: float
    pose: Pose | None
    body: Body | None
    person: Mask | None
    face: Face | None
    head: HeadPose | None
    cm_scale: float
    crowded: bool

    @property
    def facing_away(self) -> bool:
        """Whether the shoulders are the wrong way round for a person who faces the camera."""
        return self.pose is not None and turned_away(self.pose)


class Watcher:
    """The state of one stream. `body` and `face` say what has to be followed."""

    def __init__(self, models: Mapping[str, Infer], *, body: bool, face: bool, settle_rounds: int = 3) -> None:
        self._models = models
        self._settle_rounds = settle_rounds
        self._wants_body, self._wants_face = body, face
        self._poses = PoseTracker(detector=models["pose-detector"], landmarks=models[POSE_MODEL]) if body else None
        self._faces = FaceTracker(detector=models["face-detector"], mesh=models["face-mesh"])
        self._pose_filter = OneEuro(min_cutoff_hz=0.08)
        self._face_filter = OneEuro(min_cutoff_hz=0.6)
        self._sizes_filter = OneEuro(min_cutoff_hz=0.2, beta=1.0)
        # Whether torso, left and right arm and face were carried along by flow.
        self._moved = (False, False, False, False)
        self._pose: Pose | None = None
        self._face: Face | None = None
        self._person: Mask | None = None
        self._grey: Mask | None = None
        self._shape: tuple[int, ...] = ()
        self._scales: list[float] = []
        self._crowded = False
        self._absence: Code | None = None
        self._turned = False
        self._count = 0

    def look(self, frame: Rgb, t_us: int, check: Callable[[], None]) -> Sight:
        """What is seen in the next frame (H, W, 3) at `t_us` microseconds; `check` is called between the stages."""
        if frame.shape != self._shape:
            self._forget(frame.shape)
        size = max(1, frame.shape[1] // MASK_STEP), max(1, frame.shape[0] // MASK_STEP)
        small = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        self._follow(grey)
        turn = self._count % _POSE_EVERY == 0
        if self._poses is not None and (turn or self._count == 0):
            self._see_body(self._poses, frame, small, t_us)
            check()
        if not self._wants_body or not turn or self._count == 0 or (self._face is None and self._wants_face):
            self._see_face(frame, t_us)
            check()
        self._occasionally(frame)
        self._grey = grey
        self._count += 1
        return self._sight(small, t_us)

    def absence(self, frame: Rgb, sight: Sight) -> Code:
        """Why there is no face, or no body: nobody there, someone who faces away, or someone whose face is covered.

        Where the body models see nothing the segmentation is asked, once in a while in a stream.
        """
        if sight.pose is not None:
            return "back_view" if sight.facing_away else "face_covered"
        if self._absence is None or self._count % _ABSENCE_EVERY == 1:
            mask = segment.person_mask(self._models["person-segmentation"], sight.small)
            someone = float((mask > 127).mean()) > _SOMEONE
            self._absence = "back_view" if self._turned else "face_covered" if someone else "no_person"
        return self._absence

    def _forget(self, shape: tuple[int, ...]) -> None:
        self._shape, self._count, self._grey = shape, 0, None
        self._pose = self._face = self._person = None
        self._faces.reset()
        if self._poses is not None:
            self._poses.reset()
        for smoother in (self._pose_filter, self._face_filter, self._sizes_filter):
            smoother.reset()

    def _follow(self, grey: Mask) -> None:
        """Moves what is known with the picture: torso, both arms and face each by its own flow."""
        self._moved = (False, False, False, False)
        if self._grey is None or (self._pose is None and self._face is None):
            return
        nothing = np.zeros((0, 2))
        groups = [nothing, nothing, nothing] if self._pose is None else anchors(self._pose)
        groups.append(nothing if self._face is None else self._face.points[_FLOW_FACE_POINTS, :2])
        torso, left, right, face = flow.motions(self._grey, grey, groups, step=MASK_STEP)
        self._moved = (torso is not None, left is not None, right is not None, face is not None)
        if self._pose is not None:
            carried = self._pose_filter.carry(lambda points: _move_body(points, torso, left, right))
            self._pose = replace(self._pose, points=self._pose.points if carried is None else carried)
        if self._person is not None and torso is not None:
            self._person = _move_mask(self._person, torso)
        if self._face is not None and face is not None:
            carried = self._face_filter.carry(lambda points: flow.move(points, face))
            self._face = replace(self._face, points=self._face.points if carried is None else carried)

    def _see_body(self, poses: PoseTracker, frame: Rgb, small: Rgb, t_us: int) -> None:
        pose = poses.settle(frame, t_us, rounds=self._settle_rounds)
        if pose is None:
            self._pose = self._person = None
            self._pose_filter.reset()
            self._sizes_filter.reset()
            return
        size = float(np.linalg.norm(pose.points[LEFT_SHOULDER, :2] - pose.points[RIGHT_SHOULDER, :2])) + 1.0
        beta = _betas(self._moved)
        points = self._pose_filter(pose.points, t_us, object_size=4 * size, beta=beta)
        visibility = pose.visibility
        if self._pose is not None:
            visibility = self._pose.visibility + _VISIBILITY_GAIN * (visibility - self._pose.visibility)
        self._pose = replace(pose, points=points, visibility=visibility)
        mask = person_mask(pose, small)
        # Half of the last mask steadies the edges; it has been moved along with the body.
        self._person = mask if self._person is None else np.asarray(cv2.addWeighted(mask, 0.5, self._person, 0.5, 0))

    def _see_face(self, frame: Rgb, t_us: int) -> None:
        face = self._faces.update(frame, hint=self._face_hint(frame))
        if face is None:
            self._face = None
            self._face_filter.reset()
            return
        self._absence = None
        beta = _CALM_BETA if self._moved[3] else _QUICK_BETA
        points = self._face_filter(face.points, t_us, object_size=face.next_roi.side, beta=beta)
        self._face = replace(face, points=points)

    def _face_hint(self, frame: Rgb) -> Roi | None:
        """Where the body says that the face is; glasses alone look for a body now and then, while there is no face."""
        if self._pose is not None:
            return face_region(self._pose)
        if self._wants_body or self._face is not None or self._count % _ABSENCE_EVERY != 0:
            return None
        poses = PoseTracker(detector=self._models["pose-detector"], landmarks=self._models[POSE_MODEL])
        pose = poses.update(frame, 0)
        self._turned = pose is not None and turned_away(pose)
        return face_region(pose) if pose is not None else None

    def _occasionally(self, frame: Rgb) -> None:
        """Whether other people are there, and how large the head truly is: neither changes from frame to frame."""
        if self._count % _CROWD_EVERY == 0:
            self._crowded = crowded(self._models["face-detector"], frame)
        early = len(self._scales) < _IRIS_SAMPLES and self._count % 4 == 1
        due = early or not self._scales or self._count % _IRIS_EVERY == 1
        if self._face is not None and self._wants_face and due:
            left = len(self._scales) % 2 == 0
            diameter = iris_diameter(self._models["iris"], frame, self._face, left=left)
            self._scales.append(glasses.true_scale(diameter, head.fit(self._face)))
            del self._scales[:-_IRIS_SAMPLES]

    def _sight(self, small: Rgb, t_us: int) -> Sight:
        body = None
        if self._pose is not None and self._person is not None:
            smooth = partial(self._sizes_filter, t_us=t_us, object_size=1.0)
            body = measure(self._pose, self._face, self._person, smooth=smooth)
        pose = head.fit(self._face) if self._face is not None else None
        scale = float(np.median(self._scales)) if self._scales else 1.0
        bright = brightness(small)
        return Sight(small, bright, self._pose, body, self._person, self._face, pose, scale, self._crowded)


def brightness(picture: Rgb) -> float:
    """0..1: the 96th percentile of a picture's brightest channel."""
    values = picture[2::6, 2::6].max(axis=2).ravel()
    place = int(0.96 * (len(values) - 1))
    return float(np.partition(values, place)[place]) / 255 if len(values) else 0.0


def turned_away(pose: Pose) -> bool:
    """Whether the person's left shoulder is on the viewer's left."""
    return bool(pose.points[LEFT_SHOULDER, 0] < pose.points[RIGHT_SHOULDER, 0])


def crowded(detector: Infer, frame: Rgb) -> bool:
    """Whether a second face rivals the largest one."""
    found = detection.detect(detector, detection.FACE, frame)
    sides = sorted((float(face.box[2] - face.box[0]) for face in found), reverse=True)
    return len(sides) > 1 and sides[1] > _RIVAL_SHARE * sides[0]


def anchors(pose: Pose) -> list[Points]:
    """Where flow is measured: over the chest (25, 2) and along the viewer's left and right arm (15, 2 each)."""
    left, right = pose.points[RIGHT_SHOULDER, :2], pose.points[LEFT_SHOULDER, :2]
    across = right - left
    down = np.array([-across[1], across[0]])
    steps = np.linspace(0.08, 0.92, 5)
    groups = [np.array([left + u * across + v * down for v in steps for u in steps])]
    for shoulder in (RIGHT_SHOULDER, LEFT_SHOULDER):
        start, elbow = pose.points[shoulder, :2], pose.points[shoulder + 2, :2]
        bone = elbow - start
        side = 0.10 * np.linalg.norm(across) * np.array([bone[1], -bone[0]]) / (np.linalg.norm(bone) + 1e-6)
        groups.append(np.array([start + u * bone + v * side for u in (0.3, 0.5, 0.7, 0.85, 1.0) for v in (-1, 0, 1)]))
    return groups


def _move_body(points: Points, torso: Matrix | None, left: Matrix | None, right: Matrix | None) -> Points:
    moved = points.copy() if torso is None else flow.move(points, torso)
    for motion, limb in ((left, _LEFT_LIMB), (right, _RIGHT_LIMB)):
        if motion is not None:
            moved[limb] = flow.move(points[limb], motion)
    return moved


def _betas(moved: tuple[bool, bool, bool, bool]) -> Points:
    """(33, 1) how far speed opens the filter of each body point."""
    betas = np.full((33, 1), _CALM_BETA if moved[0] else _QUICK_BETA)
    betas[_LEFT_LIMB] = _CALM_BETA if moved[1] else _QUICK_BETA
    betas[_RIGHT_LIMB] = _CALM_BETA if moved[2] else _QUICK_BETA
    return betas


def _move_mask(mask: Mask, motion: Matrix) -> Mask:
    scaled = motion.copy()
    scaled[:, 2] /= MASK_STEP
    size = mask.shape[1], mask.shape[0]
    return np.asarray(cv2.warpAffine(mask, scaled, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
