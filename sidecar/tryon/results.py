"""What a try-on answers, beside the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from .arrays import Mask, Rgb

Code = Literal[
    "no_person", "many_people", "face_covered", "too_small", "back_view", "no_assets", "bad_size", "low_light"
]

Verdict = Literal["narrow", "good", "wide"]


class Reason(Struct, frozen=True):
    """Why a layer cannot be shown: a code of the contract and a plain sentence for the shopper."""

    code: Code
    text: str


_TEXTS: tuple[tuple[Code, str], ...] = (
    ("no_person", "No one is in the picture; step in front of the camera."),
    ("many_people", "Several people are in the picture; one at a time, please."),
    ("face_covered", "The face is covered; uncover it to try on glasses."),
    ("too_small", "The person is too small in the picture; come closer."),
    ("back_view", "The person faces away; turn to the camera."),
    ("no_assets", "This picture does not show a garment that can be fitted; use one product on a plain background."),
    ("bad_size", "The product does not come in this size."),
    ("low_light", "It is too dark to see the person; turn on a light."),
)
REASONS: dict[Code, Reason] = {code: Reason(code, text) for code, text in _TEXTS}


class GlassesFit(Struct, frozen=True):
    """Millimetres of the frame and of the face between its temples, and what that means."""

    size: str | None
    frame_mm: float
    face_mm: float
    verdict: Verdict


class TopSize(Struct, frozen=True):
    """How the size differs from the product's base size (factors), and the estimated width of the shoulders' joints."""

    size: str | None
    width: float
    length: float
    shoulders_cm: float | None


class Fit(Struct, frozen=True):
    """How what is worn fits, a part for each kind that is worn."""

    glasses: GlassesFit | None = None
    top: TopSize | None = None


class Stopped(Exception):
    """The caller asked to stop between two stages."""


@dataclass(frozen=True, slots=True)
class TryOnResult:
    """One answered frame. `image` (H, W, 3) RGB, or (H, W, 4) RGBA for an overlay; `confidence` 0..1, 0 with a reason
    where nothing could be shown."""

    image: Rgb
    confidence: float
    reason: Reason | None
    fit: Fit | None


@dataclass(frozen=True, slots=True)
class TryOnStill:
    """One answered picture; `masks` (H, W) 0..255 by name: `person`, and one for each kind drawn (`glasses`, `top`)."""

    image: Rgb
    confidence: float
    reason: Reason | None
    fit: Fit | None
    masks: dict[str, Mask]
