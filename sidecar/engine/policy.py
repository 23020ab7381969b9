"""What the sidecar gives up for the game, level by level. Data only: the governor decides the level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["graphics", "balance", "responsive"]
LEVELS = 4
HIGHEST = LEVELS - 1


@dataclass(frozen=True, slots=True)
class Measures:
    """What holds at one level of pressure.

    `frame_share`, `work_share`: share of the time, 0..1, in which the try-on worker and the general worker may compute.
    `core_share`: share of the machine's cores, 0..1, that workers may run on (at least one core). `max_side`: longest
    side of try-on pictures in pixels, 0 for as sent. `shed`: priorities that are refused.
    """

    frame_share: float = 1.0
    work_share: float = 1.0
    core_share: float = 1.0
    max_side: int = 0
    shed: frozenset[str] = field(default_factory=frozenset)


_BATCH = frozenset({"batch"})
_RENDER = frozenset({"batch", "render"})

POLICY: Mapping[Mode, tuple[Measures, ...]] = {
    "graphics": (
        Measures(frame_share=0.7, work_share=0.5, core_share=0.5),
        Measures(frame_share=0.5, work_share=0.25, core_share=0.5, max_side=640),
        Measures(frame_share=0.3, work_share=0.1, core_share=0.5, max_side=480, shed=_BATCH),
        Measures(frame_share=0.15, work_share=0.05, core_share=0.25, max_side=320, shed=_RENDER),
    ),
    "balance": (
        Measures(),
        Measures(frame_share=0.7, work_share=0.4, core_share=0.5),
        Measures(frame_share=0.5, work_share=0.2, core_share=0.5, max_side=480, shed=_BATCH),
        Measures(frame_share=0.25, work_share=0.1, core_share=0.5, max_side=320, shed=_RENDER),
    ),
    "responsive": (
        Measures(),
        Measures(work_share=0.6),
        Measures(frame_share=0.8, work_share=0.4, core_share=0.5, shed=_BATCH),
        Measures(frame_share=0.5, work_share=0.2, core_share=0.5, max_side=480, shed=_RENDER),
    ),
}


def describe(measures: Measures) -> str:
    """One plain sentence for people: what is given up now."""
    said: list[str] = []
    if measures.frame_share < 1:
        said.append(f"try-on at {measures.frame_share:.0%} of its rate")
    if measures.max_side:
        said.append(f"try-on pictures up to {measures.max_side} px")
    if measures.work_share < 1:
        said.append(f"other models at {measures.work_share:.0%} of the time")
    if measures.core_share < 1:
        said.append(f"workers on {measures.core_share:.0%} of the cores")
    if measures.shed:
        said.append(f"refusing {' and '.join(sorted(measures.shed))} work")
    return "; ".join(said) or "nothing is held back"
