"""A body through a stream: landmarks by model, motion by flow in between, both filtered into one steady body.

What the model finds in a frame is worked in at the next one, moved along by then: a frame that ran the model has no
time for it, and the flow has kept the body in place meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from . import flow
from .arrays import Mask, Matrix, Points, Rgb
from .body import MASK_STEP, Body, measure, person_mask
from .face import Face
from .pose import LEFT_SHOULDER, RIGHT_SHOULDER, Pose, PoseTracker
from .smoothing import OneEuro

# Half the weight on the last mask steadies the edges; it has been moved along with the body.
_MASK_GAIN = 0.5
# As MediaPipe smooths visibilities, at half its frame rate.
_VISIBILITY_GAIN = 0.2
# How far speed opens the filter: little where flow has carried the past along, so that only noise is left; widely where
# the model alone tells of motion.
CALM_BETA, QUICK_BETA = 2.0, 40.0
# Elbow, wrist and hand on the viewer's left and right.
_LEFT_LIMB, _RIGHT_LIMB = [14, 16, 18, 20, 22], [13, 15, 17, 19, 21]
_STILL: Matrix = np.array([[1.0, 0, 0], [0, 1, 0]])

Motion = Matrix | None


class BodyFollower:
    """The body of one stream; `pose` and `person` (half resolution) are what is known of it now, if anything."""

    def __init__(self, poses: PoseTracker, *, settle_rounds: int) -> None:
        self.pose: Pose | None = None
        self.person: Mask | None = None
        self._poses = poses
        self._settle_rounds = settle_rounds
        self._filter = OneEuro(min_cutoff_hz=0.08)
        self._sizes = OneEuro(min_cutoff_hz=0.2, beta=1.0)
        self._betas = np.full((33, 1), QUICK_BETA)
        self._body: Body | None = None
        self._pending: tuple[Pose, int, Matrix] | None = None

    def forget(self) -> None:
        """Starts over with the detector."""
        self._poses.reset()
        self._lose()

    def _lose(self) -> None:
        self.pose = self.person = self._body = self._pending = None
        self._filter.reset()
        self._sizes.reset()

    def anchors(self) -> list[Points]:
        """Where flow is measured: over the chest (16, 2) and along the viewer's left and right arm (9, 2 each)."""
        if self.pose is None:
            return [np.zeros((0, 2)) for _ in range(3)]
        left, right = self.pose.points[RIGHT_SHOULDER, :2], self.pose.points[LEFT_SHOULDER, :2]
        across = right - left
        down = np.array([-across[1], across[0]])
        steps = np.linspace(0.08, 0.92, 4)
        groups = [np.array([left + u * across + v * down for v in steps for u in steps])]
        for shoulder in (RIGHT_SHOULDER, LEFT_SHOULDER):
            start, elbow = self.pose.points[shoulder, :2], self.pose.points[shoulder + 2, :2]
            bone = elbow - start
            side = 0.10 * np.linalg.norm(across) * np.array([bone[1], -bone[0]]) / (np.linalg.norm(bone) + 1e-6)
            groups.append(np.array([start + u * bone + v * side for u in (0.4, 0.7, 1.0) for v in (-1, 0, 1)]))
        return groups

    def carry(self, torso: Motion, left: Motion, right: Motion, small: Rgb) -> None:
        """Moves everything with the picture, then works in what the model found in the last frame."""
        self._betas = _betas(torso is not None, left is not None, right is not None)
        if self.pose is None:
            return
        moved = self._filter.carry(lambda points: move_body(points, torso, left, right))
        self.pose = replace(self.pose, points=self.pose.points if moved is None else moved)
        if torso is not None:
            if self.person is not None:
                self.person = _move_mask(self.person, torso)
            self._body = self._body.moved(torso) if self._body is not None else None
        if self._pending is not None:
            pose, t_us, motion = self._pending
            carried = replace(pose, points=move_body(pose.points, torso, left, right))
            self._work_in(carried, t_us, motion if torso is None else flow.after(torso, motion), small)

    def see(self, frame: Rgb, small: Rgb, t_us: int) -> None:
        """Runs the model on a frame; a new body, or one that flow has lost, is worked in at once."""
        pose = self._poses.settle(frame, t_us, rounds=self._settle_rounds)
        if pose is None:
            self._lose()
        elif self.pose is None or float(self._betas.max()) > CALM_BETA:
            self._work_in(pose, t_us, _STILL, small)
        else:
            self._pending = (pose, t_us, _STILL)

    def _work_in(self, pose: Pose, t_us: int, motion: Matrix, small: Rgb) -> None:
        width = float(np.linalg.norm(pose.points[LEFT_SHOULDER, :2] - pose.points[RIGHT_SHOULDER, :2])) + 1.0
        points = self._filter(pose.points, t_us, object_size=4 * width, beta=self._betas)
        visibility = pose.visibility
        if self.pose is not None:
            visibility = self.pose.visibility + _VISIBILITY_GAIN * (visibility - self.pose.visibility)
        self.pose = replace(pose, points=points, visibility=visibility)
        mask = person_mask(pose, small, motion)
        if self.person is not None:
            mask = np.asarray(cv2.addWeighted(mask, _MASK_GAIN, self.person, 1 - _MASK_GAIN, 0), np.uint8)
        self.person = mask
        self._body = self._pending = None

    def body(self, face: Face | None, t_us: int) -> Body | None:
        """The body as a garment meets it, measured anew where the model has spoken since."""
        if self._body is None and self.pose is not None and self.person is not None:
            smooth = partial(self._sizes, t_us=t_us, object_size=1.0)
            self._body = measure(self.pose, face, self.person, smooth=smooth)
        return self._body


def move_body(points: Points, torso: Motion, left: Motion, right: Motion) -> Points:
    """Body points (33, 3) after a frame: each arm below the shoulder by its own motion, the rest with the torso."""
    moved = points.copy() if torso is None else flow.move(points, torso)
    for motion, limb in ((left, _LEFT_LIMB), (right, _RIGHT_LIMB)):
        if motion is not None:
            moved[limb] = flow.move(points[limb], motion)
    return moved


def _betas(torso: bool, left: bool, right: bool) -> Points:
    """(33, 1) how far speed opens the filter of each body point."""
    betas = np.full((33, 1), CALM_BETA if torso else QUICK_BETA)
    betas[_LEFT_LIMB] = CALM_BETA if left else QUICK_BETA
    betas[_RIGHT_LIMB] = CALM_BETA if right else QUICK_BETA
    return betas


def _move_mask(mask: Mask, motion: Matrix) -> Mask:
    scaled = motion.copy()
    scaled[:, 2] /= MASK_STEP
    size = mask.shape[1], mask.shape[0]
    return np.asarray(cv2.warpAffine(mask, scaled, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
