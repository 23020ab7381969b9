"""The work behind every peer: the project's own try-on session on the same models, and an echo for small calls.

Runs inside a peer's environment. A request's body is the frame's time (microseconds, little-endian int64) and its
pixels, (480, 640, 3) uint8 sRGB; the answer's is the same time, the milliseconds spent in the session (float64), the
confidence (float64) and the pixels. Anything shorter than a frame comes back as it is.
"""

from __future__ import annotations

import os
import time

import cv2
import numpy as np

from sidecar.engine.registry import Registry
from sidecar.engine.runtime import Runtime
from sidecar.tryon.layers import from_product
from sidecar.tryon.session import STREAM_MODELS, TryOnSession

from ..frames import LAYERS
from .protocol import FRAME_BYTES, FRAME_SHAPE, PACKS, REQUEST, RESPONSE, THREADS


class TryOn:
    """One person's session, for one thread at a time, on the CPU as the sidecar's frame worker runs it."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)  # as in the sidecar's workers
        runtime = Runtime(Registry(os.environ[PACKS]), providers=["cpu"], threads=int(os.environ[THREADS]))
        self._session = TryOnSession({name: runtime.load(name) for name in STREAM_MODELS})
        self._session.set_layers([from_product(layer["product"]) for layer in LAYERS])
        self._latest_us = 0

    def answer(self, body: bytes) -> bytes:
        """One request's answer. Raises `ValueError` for a frame of another size."""
        if len(body) < REQUEST.size + FRAME_BYTES:
            return body
        (t_us,) = REQUEST.unpack_from(body)
        pixels = np.frombuffer(body, np.uint8, offset=REQUEST.size).reshape(FRAME_SHAPE)
        # Requests on many connections may be read in another order than they were sent; the tracker's time goes on.
        self._latest_us = max(self._latest_us + 1, t_us)
        start = time.perf_counter()
        result = self._session.frame(pixels, self._latest_us)
        spent_ms = 1000 * (time.perf_counter() - start)
        return b"".join((RESPONSE.pack(t_us, spent_ms, result.confidence), result.image.reshape(-1).data))

