"""What is known of one loaded model: made where it runs, sent to the gateway as it is."""

from __future__ import annotations

from msgspec import Struct


class ModelState(Struct, frozen=True, array_like=True):
    """A model inside one process. `state`: ready or failed; `bytes` is what loading added to the resident set,
    `vram_bytes` what it added on the GPU, with the driver's own share if it was the first there."""

    name: str
    state: str
    provider: str = ""
    precision: str = ""
    device: str = ""
    bytes: int = 0
    runs: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    vram_bytes: int = 0
