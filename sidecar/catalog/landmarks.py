"""The places and parts of what can be worn, by kind of asset: their names, how they hang together, where they begin.

Positions are pixels of the prepared picture, x right and y down from its top left corner; left and right are the
viewer's. Parts are bits of a part map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from .assets import SLEEVE_LEFT, SLEEVE_RIGHT, TORSO, Pair, Place, TopLandmarks

FRAME, LENS = 1, 2
"""Bits of the part map of glasses."""

_SIDES = ("left", "right")
_SLEEVE_STEPS = ("elbow", "cuff")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a product: its bit, names, and the landmarks that go around it (for a first fill by hand)."""

    bit: int
    zh: str
    en: str
    outline: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What one kind of asset needs. `template`: where each place begins on a picture that nobody prepared, as shares of
    width and height; `optional`: places that a product may lack, all of a group or none; `needs`: places that make
    sense with another one only; `lines`: what to join."""

    template: Mapping[str, Place]
    optional: tuple[frozenset[str], ...]
    needs: Mapping[str, str]
    lines: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]

    @property
    def bits(self) -> int:
        """All bits that a part map of this kind may hold."""
        return sum(part.bit for part in self.parts)

    def missing(self, places: Mapping[str, Place]) -> list[str]:
        """What is wrong with the names of these places: needed ones that lack, unknown ones, half a group."""
        loose = frozenset().union(*self.optional)
        wrong = [name for name in self.template if name not in places and name not in loose]
        wrong += [name for name in places if name not in self.template]
        for group in self.optional:
            if group & places.keys():
                wrong += sorted(group - places.keys())
        wrong += [needed for name, needed in self.needs.items() if name in places and needed not in places]
        return list(dict.fromkeys(wrong))


def _top_template() -> dict[str, Place]:
    left: dict[str, Place] = {
        "neck_left": (0.40, 0.09),
        "shoulder_left": (0.24, 0.16),
        "armpit_left": (0.25, 0.37),
        "waist_left": (0.26, 0.67),
        "hem_left": (0.25, 0.94),
        "sleeve_left_elbow_outer": (0.11, 0.40),
        "sleeve_left_elbow_inner": (0.20, 0.46),
        "sleeve_left_cuff_outer": (0.06, 0.62),
        "sleeve_left_cuff_inner": (0.14, 0.64),
    }
    right: dict[str, Place] = {name.replace("left", "right"): (1 - x, y) for name, (x, y) in left.items()}
    return {**left, **right, "neck_centre": (0.5, 0.17), "hem_centre": (0.5, 0.955)}


def _group(side: str, step: str) -> frozenset[str]:
    return frozenset(f"sleeve_{side}_{step}_{edge}" for edge in ("outer", "inner"))


def _top_lines() -> tuple[tuple[str, str], ...]:
    lines = [("neck_left", "neck_centre"), ("neck_centre", "neck_right")]
    lines += [("hem_left", "hem_centre"), ("hem_centre", "hem_right")]
    for side in _SIDES:
        chain = [f"{name}_{side}" for name in ("neck", "shoulder", "armpit", "waist", "hem")]
        outer = [f"shoulder_{side}", *(f"sleeve_{side}_{step}_outer" for step in _SLEEVE_STEPS)]
        inner = [f"armpit_{side}", *(f"sleeve_{side}_{step}_inner" for step in _SLEEVE_STEPS)]
        for names in (chain, outer, inner):
            lines += list(pairwise(names))
        lines.append((outer[-1], inner[-1]))
    return tuple(lines)


def _sleeve_outline(side: str) -> tuple[str, ...]:
    outer = [f"sleeve_{side}_{step}_outer" for step in _SLEEVE_STEPS]
    inner = [f"sleeve_{side}_{step}_inner" for step in reversed(_SLEEVE_STEPS)]
    return (f"shoulder_{side}", *outer, *inner, f"armpit_{side}")


_DOWN = ("shoulder", "armpit", "waist", "hem")
_TORSO_OUTLINE = (
    *("neck_left", "neck_centre", "neck_right"),
    *(f"{name}_right" for name in _DOWN),
    "hem_centre",
    *(f"{name}_left" for name in reversed(_DOWN)),
)

LAYOUTS: Mapping[str, Layout] = {
    "top": Layout(
        template=_top_template(),
        optional=tuple(_group(side, step) for side in _SIDES for step in _SLEEVE_STEPS),
        needs={name: name.replace("elbow", "cuff") for side in _SIDES for name in _group(side, "elbow")},
        lines=_top_lines(),
        parts=(
            Part(TORSO, "衣身", "Torso", _TORSO_OUTLINE),
            Part(SLEEVE_LEFT, "左袖", "Left sleeve", _sleeve_outline("left")),
            Part(SLEEVE_RIGHT, "右袖", "Right sleeve", _sleeve_outline("right")),
        ),
    ),
    "glasses": Layout(
        template={
            "hinge_left": (0.05, 0.35),
            "lens_left": (0.27, 0.52),
            "bridge": (0.5, 0.38),
            "lens_right": (0.73, 0.52),
            "hinge_right": (0.95, 0.35),
        },
        optional=(),
        needs={},
        lines=tuple(pairwise(("hinge_left", "lens_left", "bridge", "lens_right", "hinge_right"))),
        parts=(Part(FRAME, "镜框", "Frame", ()), Part(LENS, "镜片", "Lenses", ())),
    ),
}
"""The assets that a person can place by hand today. Other kinds come with the net that finds their places."""


def top_places(found: TopLandmarks) -> dict[str, Place]:
    """The places of a top by name; the armhole is its shoulder and armpit."""
    places = {name: getattr(found, name) for name in _top_template() if not name.startswith("sleeve")}
    for side in _SIDES:
        pairs: tuple[Pair, ...] = getattr(found, f"sleeve_{side}")[1:]
        for step, pair in zip(_SLEEVE_STEPS[-len(pairs) :] if pairs else (), pairs, strict=True):
            places[f"sleeve_{side}_{step}_outer"], places[f"sleeve_{side}_{step}_inner"] = pair
    return {name: (float(x), float(y)) for name, (x, y) in places.items()}


def top_landmarks(places: Mapping[str, Place]) -> TopLandmarks:
    """The other way round. A side whose cuff is not there has no sleeve."""
    body = {name: places[name] for name in _top_template() if not name.startswith("sleeve")}
    return TopLandmarks(**body, sleeve_left=_pairs(places, "left"), sleeve_right=_pairs(places, "right"))


def _pairs(places: Mapping[str, Place], side: str) -> tuple[Pair, ...]:
    if f"sleeve_{side}_cuff_outer" not in places:
        return ()
    armhole = (places[f"shoulder_{side}"], places[f"armpit_{side}"])
    steps = [step for step in _SLEEVE_STEPS if f"sleeve_{side}_{step}_outer" in places]
    return (armhole, *((places[f"sleeve_{side}_{s}_outer"], places[f"sleeve_{side}_{s}_inner"]) for s in steps))
