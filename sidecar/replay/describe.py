"""What is in a recording, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .reader import Recording, Take
from .records import Step

WARNING = "It holds pictures of whoever stood before the camera: keep it to yourself, delete it when you are done."
MOST_LETTERS = 120


def describe(recording: Recording) -> dict[str, Any]:
    """`{program, made, seconds, bytes, pictures, failed, dropped, damage, models, ops[{op, calls, frames, ...}]}`."""
    summary = recording.summary
    return {
        "program": plain(recording.header.program),
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(recording.header.made)),
        "seconds": round(recording.seconds, 3),
        "bytes": recording.file_bytes,
        "pictures": len(recording.pictures),
        "failed": recording.failed,
        "dropped": 0 if summary is None else summary.dropped,
        "damage": recording.damage,
        "models": sorted({model.name for models in recording.models.values() for model in models}),
        "ops": list(_rows(recording)),
        "warning": WARNING,
    }


def _rows(recording: Recording) -> Iterator[dict[str, Any]]:
    for op, steps in sorted(recording.calls.items()):
        yield {"op": plain(op), "what": "calls", "count": len(steps), "frames": 0} | _service(steps) | _size(steps)
    for op, takes in sorted(recording.takes.items()):
        for take in takes:
            row = {"op": plain(op), "what": wearing(take), "count": 1, "frames": len(take.answers)}
            yield row | _service(take.answers) | _size(take.answers)


def wearing(take: Take) -> str:
    """The layers of a stretch in a few words."""
    if not isinstance(take.layers, list):
        return "stream"
    names = []
    for layer in take.layers:
        layer = layer if isinstance(layer, dict) else {}
        name = layer.get("product") or f"a picture of {layer.get('kind')}"
        names.append(" ".join(str(word) for word in (name, layer.get("size"), layer.get("colour")) if word))
    return plain(", ".join(names)) or "nothing worn"


def plain(text: str) -> str:
    """Words of a file, which may be anybody's, as they may go to a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:MOST_LETTERS])


def _service(steps: list[Step]) -> dict[str, float]:
    if not steps:
        return {"service_ms": 0.0}
    return {"service_ms": round(sorted(step.service_us for step in steps)[len(steps) // 2] / 1000, 1)}


def _size(steps: list[Step]) -> dict[str, str]:
    """The size of the first picture that was answered."""
    for step in steps:
        for value in (step.d or {}).values():
            if isinstance(value, dict) and "w" in value and "h" in value:
                return {"size": plain(f"{value['w']}x{value['h']} {value.get('f', '')}")}
    return {"size": ""}
