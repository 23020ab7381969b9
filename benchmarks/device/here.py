"""Which GPU providers really run here, and what to do where none does."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterable
from pathlib import Path

from sidecar.engine.pack import Pack
from sidecar.engine.runners.graph import Terminated
from sidecar.errors import Unavailable, VitrineError

from .measure import networks, on_cpu, variants
from .sessions import Sessions, let_go
from .ways import GPUS, ways

log = logging.getLogger("vitrine.benchmarks")
TRIED = 3  # packs: one alone may have an operator that a provider lacks
ALONE = "to see what the benchmark does without one, add --cpu"
MISSING = {
    "onnxruntime": "the onnxruntime that is installed computes on the CPU alone; for NVIDIA run: pip uninstall -y "
    "onnxruntime && pip install 'vitrine-vr[cuda]' (for other GPUs on Windows take [directml])",
    "onnxruntime-gpu": "onnxruntime-gpu is installed, but no session of it runs on CUDA; it needs NVIDIA's driver "
    "(nvidia-smi must show the card) and CUDA with cuDNN, run: pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "onnxruntime-directml": "onnxruntime-directml is installed, but no session of it runs on DirectML; it needs "
    "Windows 10 1903 or newer and a DirectX 12 card with its maker's driver: install that",
}


def no_gpu(installed: str) -> Unavailable:
    """The error where no session runs on a GPU: one sentence that says what to install."""
    return Unavailable(f"No GPU can be measured: {MISSING[installed]}; {ALONE}.")


def gpus(sessions: Sessions, packs: Iterable[Pack], engines: Path) -> list[str]:
    """The GPU providers on which one of the smallest packs ran, by the session's own word.

    What ONNX Runtime calls available is what it was built with; a session falls back without a word. Afterwards the
    driver's own memory is taken, so that it does not count as the first model's.
    """
    few = sorted(packs, key=lambda pack: sum(file.bytes for file in pack.manifest.files))[:TRIED]
    listed = sessions.providers()
    with contextlib.redirect_stdout(io.StringIO()):  # where ONNX Runtime says at length that it falls back
        found = [name for name in GPUS if name in listed and any(_runs(sessions, pack, name, engines) for pack in few)]
    let_go()
    return found


def _runs(sessions: Sessions, pack: Pack, provider: str, engines: Path) -> bool:
    try:
        for network in networks(pack, {}):
            answered, _ = on_cpu(sessions, network)
            for one in variants(answered, provider):
                for way in ways(provider, sessions.shape(one), engines=engines)[:1]:
                    opened = sessions.open(one, way)
                    if opened is not None:
                        opened()
                        return True
    except (VitrineError, ValueError, Terminated) as error:
        log.info("%s does not run %s: %s", provider, pack.manifest.name, error)
    return False
