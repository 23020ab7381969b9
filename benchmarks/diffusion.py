"""What a step of a diffusion model costs, and how much of it is the runner's own work.

The runner drives a model's graphs; each step is timed as a whole and inside the graphs, so that what is left is the
runner's: scaling, guidance, the scheduler. The same again over a denoiser that does nothing, at the latent sizes of 512
and 1024 pixels: the least that a step can cost. Then the first preview, and the picture at the end.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from sidecar.engine.manifest import TensorSpec
from sidecar.engine.registry import Registry
from sidecar.engine.runner_specs import Diffusion
from sidecar.engine.runners.diffusion import DiffusionRunner
from sidecar.engine.runners.graph import Graph
from sidecar.errors import NotFound

from . import diffusion_model, environment, stats
from .report import Check, Report, Row
from .stats import Summary, summarise

PROMPT = "a photo of a red dress"
STEP, INSIDE, OWN = "a step", "of it in graphs", "of it the runner's own"
KINDS = ("euler", "euler_ancestral", "ddim", "lcm")
MOST_OWN = 0.05
Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--pack", help="an installed model instead of one with random weights")
    parser.add_argument("--rounds", type=int, default=5, help="pictures (default 5)")
    parser.add_argument("--steps", type=int, default=8, help="steps a picture (default 8)")
    parser.add_argument("--side", type=int, default=256, help="of the made model's pictures (default 256)")
    parser.add_argument("--threads", type=int, default=2, help="threads of a run (default 2)")


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `VitrineError` for a pack that cannot be loaded or is of another kind."""
    before = environment.fingerprint()
    plain = {name: value for name, value in vars(options).items() if isinstance(value, int | str)}
    report = Report("diffusion", before, plain)
    with Console(stderr=True).status("the runner alone") as status:
        _alone(report, options, status.update)
        if options.pack is None and (missing := diffusion_model.missing()):
            report.warnings.append(f"no model can be made without {', '.join(missing)}; name an installed --pack")
        else:
            status.update("making the model")
            with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
                runner, timed = _from_pack(options) if options.pack else _made(options, Path(folder))
                _whole(report, runner, timed, options, status.update)
    report.warnings += environment.warnings(before)
    return report


class _Timed:
    """A graph that counts the time inside it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self.inside_s = 0.0

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        start = time.perf_counter()
        found = self._graph(feeds, outputs)
        self.inside_s += time.perf_counter() - start
        return found


class _Null:
    """A graph that answers with what it was made with, at once."""

    def __init__(self, answer: NDArray[np.float32], **inputs: Any) -> None:
        self.inputs = tuple(TensorSpec(name=name, dtype=kind, shape=shape) for name, (kind, shape) in inputs.items())
        self.outputs = (TensorSpec(name="out", dtype="float32", shape=answer.shape),)
        self._answer = answer

    def __call__(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        return {"out": self._answer}


def _null_runner(side: int, kind: str) -> tuple[DiffusionRunner, dict[str, _Timed]]:
    made = diffusion_model
    latent = side // made.FACTOR
    sample = ("float32", ("batch", made.CHANNELS, "height", "width"))
    words = ("float32", ("batch", made.TOKENS, made.WORDS))
    noise = np.random.default_rng(0).standard_normal((2, made.CHANNELS, latent, latent), np.float32)
    graphs = {
        "text_encoder": _Null(
            np.zeros((1, made.TOKENS, made.WORDS), np.float32), input_ids=("int64", ("batch", made.TOKENS))
        ),
        "denoiser": _Null(noise, sample=sample, timestep=("float32", ()), encoder_hidden_states=words),
        "decoder": _Null(np.zeros((1, 3, side, side), np.float32), latent=sample),
    }
    timed = {name: _Timed(graph) for name, graph in graphs.items()}
    spec = made.spec(side, scheduler=made.scheduler(kind), text_outputs=("out",))
    return DiffusionRunner(spec, {"tokenizer.json": made.tokenizer()}, timed), timed


def _alone(report: Report, options: argparse.Namespace, told: Told) -> None:
    """The runner over graphs that cost nothing, by scheduler and side."""
    for side in (512, 1024):
        for kind in KINDS:
            told(f"the runner alone: {kind}, {side}")
            runner, timed = _null_runner(side, kind)
            _picture(runner, timed, options.steps)
            rounds = [_picture(runner, timed, options.steps)[OWN] for _ in range(options.rounds)]
            found = tuple(summarise(one) for one in rounds)
            name = f"null denoiser, {side} px, {kind}"
            report.rows.append(Row(name, "ms a step", stats.over_rounds(found), floor=True, rounds=found))


def _from_pack(options: argparse.Namespace) -> tuple[DiffusionRunner, dict[str, _Timed]]:
    from sidecar.engine.runtime import Runtime  # only now: this package starts without ONNX Runtime

    runtime = Runtime(Registry(options.packs), providers=["cuda", "directml", "cpu"], threads=options.threads)
    model = runtime.load(options.pack)
    spec = model.pack.manifest.runner
    if not isinstance(spec, Diffusion):
        raise NotFound(f"{options.pack} is no diffusion model; name one that makes pictures")
    timed = {name: _Timed(graph) for name, graph in model.graphs.items()}
    names = [name for name in (spec.tokenizer, spec.tokenizer_2) if name is not None]
    return DiffusionRunner(spec, {name: model.file(name) for name in names}, timed), timed


def _made(options: argparse.Namespace, folder: Path) -> tuple[DiffusionRunner, dict[str, _Timed]]:
    timed = {name: _Timed(graph) for name, graph in diffusion_model.graphs(folder, options.threads).items()}
    spec = diffusion_model.spec(options.side, text_outputs=("out",))
    return DiffusionRunner(spec, {"tokenizer.json": diffusion_model.tokenizer()}, timed), timed


def _whole(
    report: Report, runner: DiffusionRunner, timed: dict[str, _Timed], options: argparse.Namespace, told: Told
) -> None:
    rounds: dict[str, list[Summary]] = {}
    _picture(runner, timed, 2)
    for number in range(options.rounds):
        told(f"picture {number + 1} of {options.rounds}")
        for name, samples in _picture(runner, timed, options.steps).items():
            rounds.setdefault(name, []).append(summarise(samples))
    for name, found in rounds.items():
        floor = name == INSIDE
        report.rows.append(Row(name, "ms", stats.over_rounds(found), floor=floor, rounds=tuple(found)))
    report.warnings += stats.instability(STEP, rounds[STEP])
    ratio = stats.paired_ratio(rounds[STEP], rounds[INSIDE])
    report.values["the runner's share of a step, %"] = 100 * (1 - 1 / ratio)
    report.checks.append(Check("a step / its graphs' own time", ratio, "<=", 1 + MOST_OWN, "x"))


def _picture(runner: DiffusionRunner, timed: dict[str, _Timed], steps: int) -> dict[str, list[float]]:
    """One picture; milliseconds by what they were spent on. The first step is counted from its text's encoding on."""
    found: dict[str, list[float]] = {STEP: [], INSIDE: [], OWN: []}
    denoiser = timed["denoiser"]
    begun = start = time.perf_counter()
    inside_s = denoiser.inside_s
    for step in runner.generate(prompt=PROMPT, steps=steps, seed=1):
        spent_ms = 1000 * (time.perf_counter() - start)
        inside_ms = 1000 * (denoiser.inside_s - inside_s)
        if step.index > 1:
            found[STEP].append(spent_ms)
            found[INSIDE].append(inside_ms)
            found[OWN].append(spent_ms - inside_ms)
        elif step.of > 1:
            step.preview()
            found["first preview, from the start"] = [1000 * (time.perf_counter() - begun)]
        start, inside_s = time.perf_counter(), denoiser.inside_s
    step.image()
    found["decoding the picture"] = [1000 * (time.perf_counter() - start)]
    found["the whole picture"] = [1000 * (time.perf_counter() - begun)]
    return found
