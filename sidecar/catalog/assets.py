"""What can be worn, ready to be drawn: pictures with the places on them that the body or face must meet.

Positions are pixels of the picture, x right and y down from its top left corner; left and right are the viewer's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Place = tuple[float, float]
Pair = tuple[Place, Place]

TORSO, SLEEVE_LEFT, SLEEVE_RIGHT = 1, 2, 4
"""Bits of a part map."""


@dataclass(frozen=True, slots=True)
class GlassesAsset:
    """Glasses seen from the front, and one temple seen from the side with its hinge at the left edge.

    `front`, `temple` RGBA; `width_mm` from hinge to hinge.
    """

    front: Picture
    temple: Picture
    width_mm: float
    bridge: Place
    lens_left: Place
    lens_right: Place
    hinge_left: Place
    hinge_right: Place


@dataclass(frozen=True, slots=True)
class TopLandmarks:
    """Where a top meets the body. `sleeve_*` are pairs (outer, inner) from armhole to cuff: two pairs for a short
    sleeve, three (with the elbow) for a long one, none without sleeves."""

    neck_left: Place
    neck_centre: Place
    neck_right: Place
    shoulder_left: Place
    shoulder_right: Place
    armpit_left: Place
    armpit_right: Place
    waist_left: Place
    waist_right: Place
    hem_left: Place
    hem_centre: Place
    hem_right: Place
    sleeve_left: tuple[Pair, ...]
    sleeve_right: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Ease:
    """How a size differs from the one that the picture shows: factors of chest width, length and sleeve length."""

    width: float = 1.0
    length: float = 1.0
    sleeve: float = 1.0


@dataclass(frozen=True, slots=True)
class TopAsset:
    """A top seen from the front, without what lies behind the neck.

    `picture` RGBA, `parts` bits of torso and sleeves.
    """

    picture: Picture
    parts: NDArray[np.uint8]
    landmarks: TopLandmarks
    ease: Ease = field(default_factory=Ease)
