"""Follows one person through a stream: which model runs on which frame, what moves by optical flow in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import detection, flow, glasses, head, segment
from .arrays import Infer, Mask, Rgb
from .body import MASK_STEP, Body
from .face import Face, FaceTracker, iris_diameter
from .follow import CALM_BETA, QUICK_BETA, BodyFollower
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
_FLOW_FACE_POINTS = np.arange(4, 468, 29)


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
        self._wants_face = face
        self._bodies = BodyFollower(self._pose_tracker(), settle_rounds=settle_rounds) if body else None
        self._faces = FaceTracker(detector=models["face-detector"], mesh=models["face-mesh"])
        self._face_filter = OneEuro(min_cutoff_hz=0.6)
        self._face: Face | None = None
        self._face_moved = False
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
        self._follow(grey, small)
        turn = self._bodies is not None and self._count % _POSE_EVERY == 0
        if self._bodies is not None and turn:
            self._bodies.see(frame, small, t_us)
            check()
        if not turn or self._count == 0 or (self._face is None and self._wants_face):
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
        self._face = None
        self._faces.reset()
        self._face_filter.reset()
        if self._bodies is not None:
            self._bodies.forget()

    def _pose_tracker(self) -> PoseTracker:
        return PoseTracker(detector=self._models["pose-detector"], landmarks=self._models[POSE_MODEL])

    def _follow(self, grey: Mask, small: Rgb) -> None:
        """Moves what is known with the picture: torso, both arms and face each by its own flow."""
        self._face_moved = False
        if self._grey is None:
            return
        groups = [] if self._bodies is None else self._bodies.anchors()
        groups.append(np.zeros((0, 2)) if self._face is None else self._face.points[_FLOW_FACE_POINTS, :2])
        motions = flow.motions(self._grey, grey, groups, step=MASK_STEP)
        face = motions[-1]
        if self._bodies is not None:
            self._bodies.carry(motions[0], motions[1], motions[2], small)
        if self._face is not None and face is not None:
            self._face_moved = True
            carried = self._face_filter.carry(lambda points: flow.move(points, face))
            self._face = replace(self._face, points=self._face.points if carried is None else carried)

    def _see_face(self, frame: Rgb, t_us: int) -> None:
        face = self._faces.update(frame, hint=self._face_hint(frame))
        if face is None:
            self._face = None
            self._face_filter.reset()
            return
        self._absence = None
        beta = CALM_BETA if self._face_moved else QUICK_BETA
        points = self._face_filter(face.points, t_us, object_size=face.next_roi.side, beta=beta)
        self._face = replace(face, points=points)

    def _face_hint(self, frame: Rgb) -> Roi | None:
        """Where the body says that the face is; glasses alone look for a body now and then, while there is no face."""
        if self._bodies is not None:
            return face_region(self._bodies.pose) if self._bodies.pose is not None else None
        if self._face is not None or self._count % _ABSENCE_EVERY != 0:
            return None
        pose = self._pose_tracker().update(frame, 0)
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
        pose, person, body = None, None, None
        if self._bodies is not None:
            pose, person = self._bodies.pose, self._bodies.person
            body = self._bodies.body(self._face, t_us)
        place = head.fit(self._face) if self._face is not None else None
        scale = float(np.median(self._scales)) if self._scales else 1.0
        return Sight(small, brightness(small), pose, body, person, self._face, place, scale, self._crowded)


def crowded(detector: Infer, frame: Rgb) -> bool:
    """Whether a second face rivals the largest one."""
    found = detection.detect(detector, detection.FACE, frame)
    sides = sorted((float(face.box[2] - face.box[0]) for face in found), reverse=True)
    return len(sides) > 1 and sides[1] > _RIVAL_SHARE * sides[0]


def brightness(picture: Rgb) -> float:
    """0..1: the 96th percentile of a picture's brightest channel."""
    values = picture[2::6, 2::6].max(axis=2).ravel()
    place = int(0.96 * (len(values) - 1))
    return float(np.partition(values, place)[place]) / 255 if len(values) else 0.0


def turned_away(pose: Pose) -> bool:
    """Whether the person's left shoulder is on the viewer's left."""
    return bool(pose.points[LEFT_SHOULDER, 0] < pose.points[RIGHT_SHOULDER, 0])
