"""What installed models cost on the GPU that is here, each beside the CPU in the same run.

Each network of each model is loaded in every way that its provider really offers, by the session's own word: plain
runs; runs on tensors that stay on the device (I/O binding); captured runs (CUDA graphs) where all sizes are fixed; on
CUDA also without TF32; TensorRT with its engine built and with the engine from the cache; every precision that the pack
has. Blocks of runs take turns with blocks on the CPU. Beside the times: seconds to load, the first run, GPU memory
before, loaded, at its peak and after, how far the answers are from the CPU's, and how many nodes ran on the CPU after
all. On CUDA, loading under half and under twice of that memory shows whether gpu_mem_limit is kept.

With --check, answers beyond the pack's tolerance, memory that stays, and a limit that is not kept are missed targets.
Without a GPU it ends with what to install. --cpu measures the CPU against itself: what differs from 1x there is noise.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from sidecar.engine import flavours
from sidecar.engine.registry import Registry
from sidecar.engine.vram import open_nvml
from sidecar.errors import NotFound, Unavailable

from .. import environment
from ..report import Report

if TYPE_CHECKING:
    from .table import Lines

HARNESS = "--cpu: the CPU was measured against itself, to try the benchmark; this says nothing of any GPU"
SHARED = "the driver does not tell processes apart here: VRAM is the whole card's, with what others took meanwhile"
UNREAD = "GPU memory was not measured: for NVIDIA, pip install nvidia-ml-py; other cards are not read"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--cpu", action="store_true", help="the CPU alone, to try the benchmark where no GPU is")
    parser.add_argument("--pack", action="append", metavar="NAME", help="only this model; again for more")
    parser.add_argument("--rounds", type=_positive, default=5, help="rounds of two blocks (default 5)")
    parser.add_argument("--seconds", type=_seconds, default=0.5, metavar="S", help="of a block (default 0.5)")
    parser.add_argument(
        "--size", type=_size, action="append", default=[], metavar="AXIS=N", help="of a free axis, such as sequence=128"
    )
    parser.add_argument("--vram-mb", type=_positive, metavar="N", help="gpu_mem_limit of every session")
    parser.add_argument("--threads", type=_positive, help="of a run on the CPU (default: cores - 1)")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("it must be a number above 0, at most 600")
    return value


def _size(text: str) -> tuple[str, int]:
    axis, sign, number = text.partition("=")
    if not (axis and sign and number.isdecimal() and int(number) <= 1 << 20):
        raise argparse.ArgumentTypeError("it must be AXIS=N, such as sequence=128")
    return axis, int(number)


def run(options: argparse.Namespace) -> Lines:
    """Measures everything. Raises `VitrineError` with what to do where nothing can be measured."""
    installed = flavour()  # before what imports ONNX Runtime, which the other scenarios do without
    from .memory import Ledger
    from .models import Measuring
    from .sessions import Sessions
    from .table import outcome
    from .ways import GPUS

    logging.getLogger("vitrine").addHandler(logging.NullHandler())  # what fails is in the table
    before = environment.fingerprint()
    report = Report("gpu", before, {name: value for name, value in vars(options).items() if _is_plain(value)})
    registry = Registry(options.packs)
    names = options.pack or sorted(registry.installed())
    if not names:
        raise NotFound("No model is installed to be measured; run: vitrine models install vision")
    threads = options.threads or max(1, environment.usable_cores() - 1)
    with tempfile.TemporaryDirectory(prefix="vitrine-") as folder, Console(stderr=True).status("looking") as status:
        ledger = Ledger(None if options.cpu else open_nvml(pid=os.getpid()))
        allowed = ["cpu"] if options.cpu else [*GPUS, "cpu"]
        sessions = Sessions(registry, providers=allowed, threads=threads, engines=Path(folder))
        whole = Measuring(options, sessions, ledger, Path(folder), status.update)
        whole.everything([registry.open(name) for name in names], installed)
        if ledger.is_there and not ledger.is_own:
            report.warnings.append(SHARED)
    before["providers"] = whole.providers
    before["packs"] = {name: sha for name, sha in environment.packs_of(options.packs).items() if name in names}
    if options.cpu:
        report.warnings.append(HARNESS)
    elif not ledger.is_there:
        report.warnings.append(UNREAD)
    report.warnings += [*whole.left_out, *environment.warnings(before)]
    return outcome(report, whole.lines, whole.limits)


def flavour() -> str:
    """The ONNX Runtime that is installed. Raises `Unavailable` for none or several, with the command that helps."""
    try:
        return flavours.check(flavours.installed())
    except flavours.WrongFlavours as error:
        raise Unavailable(str(error)) from error


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, int | float | str | list)
