"""Whether a provider really runs here: by a session of one node, since what is listed as available says nothing."""

from __future__ import annotations

import contextlib
import io
from functools import lru_cache

import numpy as np
import onnxruntime as ort
from tiny_graphs import double

from sidecar.engine.providers import ORT_NAMES

CALLED = {"cuda": "CUDA", "tensorrt": "TensorRT", "directml": "DirectML"}


@lru_cache
def why_none(provider: str = "cuda") -> str | None:
    """None where it runs; else why not, in a few words."""
    name = ORT_NAMES[provider]
    if name not in ort.get_available_providers():
        return f"no {CALLED[provider]} device (this ONNX Runtime has no {CALLED[provider]})"
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # where it says at length that it falls back
            session = ort.InferenceSession(double().SerializeToString(), providers=[name])
        if session.get_providers()[0] != name:
            return f"no {CALLED[provider]} device"
        session.run(None, {"x": np.ones((1, 4), np.float32)})
    except Exception as error:  # bare classes of its own
        return f"no {CALLED[provider]} device ({type(error).__name__})"
    return None
