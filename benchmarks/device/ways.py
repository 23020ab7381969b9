"""The ways in which one network is measured on a provider, as data made from the engine's own session settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sidecar.engine.providers import SessionSettings, Shape, settings

GPUS = ("tensorrt", "cuda", "directml")
PLAIN, BOUND, CAPTURED, NO_TF32 = "plain", "bound", "CUDA graph", "no TF32"
COLD, WARM, WARM_BOUND = "engine built", "engine cached", "cached, bound"


@dataclass(frozen=True)
class Way:
    """One session and how it is run. `stands`: inputs and outputs keep their place on the device, and are copied in and
    out around each run; `cold`: what it compiles is not there yet."""

    provider: str
    name: str
    how: SessionSettings
    stands: bool = False
    cold: bool = False


def ways(provider: str, shape: Shape, *, vram_bytes: int | None = None, engines: Path | None = None) -> tuple[Way, ...]:
    """Every way that makes sense for a graph of this shape; none where the provider does not take it."""
    return tuple(_ways(provider, shape, vram_bytes, engines))


def _ways(provider: str, shape: Shape, vram_bytes: int | None, engines: Path | None) -> Iterator[Way]:
    for how in reversed(settings(provider, shape, vram_bytes=vram_bytes, engines=engines)):  # the plainest first
        if provider == "tensorrt":
            yield Way(provider, COLD, how, cold=True)
            yield Way(provider, WARM, how)
            yield Way(provider, WARM_BOUND, how, stands=True)
        elif how.captures:
            yield Way(provider, CAPTURED, how, stands=True)
        else:
            yield Way(provider, PLAIN, how)
            yield Way(provider, BOUND, how, stands=True)
            if provider == "cuda" and shape.precision == "fp32":
                yield Way(provider, NO_TF32, without_tf32(how))


def without_tf32(how: SessionSettings) -> SessionSettings:
    """CUDA's matrix products in full float32: by default newer cards round their inputs to 10 bits of mantissa."""
    first, *others = how.providers
    name, options = first
    return replace(how, providers=((name, {**options, "use_tf32": "0"}), *others))
