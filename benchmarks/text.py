"""How fast a text model says its tokens, in three ways on the very same graph and weights.

A plain loop over a session, whose cache comes out of every run as numpy arrays and goes back into the next; the runner,
whose cache stays in one buffer; onnxruntime-genai, where it is installed. Each answers the same prompt greedily in
interleaved rounds, and all must say the same tokens. Then what a second turn costs with and without the first's cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from sidecar.engine.runners.answer import Options

from . import environment, stats
from .report import Check, Report, Row
from .stats import Summary, summarise
from .text_ways import GENAI, PLAIN, RUNNER, SECOND_TURN, Bench, made, of_pack

REUSED, FRESH = "second turn, first reused", "second turn, all anew"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--pack", help="an installed model instead of one with random weights")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--tokens", type=int, default=128, help="tokens an answer (default 128)")
    parser.add_argument("--prompt", type=int, default=768, help="tokens of the prompt (default 768)")
    parser.add_argument("--threads", type=int, default=2, help="threads of a run (default 2)")
    parser.add_argument("--spin", action="store_true", help="threads wait in a loop, which the engine's never do")
    parser.add_argument("--layers", type=int, default=12, help="layers of the model (default 12)")
    parser.add_argument("--hidden", type=int, default=512, help="its width, a multiple of 64 (default 512)")
    parser.add_argument("--vocabulary", type=int, default=32_000, help="its tokens (default 32000)")


def run(options: argparse.Namespace) -> Report:
    """Measures all three. Raises `VitrineError` when the pack cannot be loaded, or no model can be made."""
    before = environment.fingerprint()
    report = Report("text", before, {name: value for name, value in vars(options).items() if isinstance(value, int)})
    console = Console(stderr=True)
    with console.status("making the model") as status, tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
        bench = of_pack(options) if options.pack else made(options, Path(folder))
        if GENAI not in bench.ways and not options.pack:
            report.warnings.append("onnxruntime-genai is not installed, so nothing is compared with it")
        said, measured = _rounds(bench, options, status.update)
        turns = _second_turns(bench, options, status.update)
    _judge(report, said, measured, turns)
    report.warnings += environment.warnings(before)
    return report


def _rounds(
    bench: Bench, options: argparse.Namespace, told: Any
) -> tuple[dict[str, list[int]], dict[str, list[Summary]]]:
    """What each says, and the milliseconds of each token after the first.

    The ways take turns token by token, so that whatever else the machine does slows all of them alike.
    """
    ways, measured = bench.ways, {name: list[Summary]() for name in bench.ways}
    for number in range(options.rounds):
        told(f"round {number + 1} of {options.rounds}")
        speaking = {name: says(bench.prompt, options.tokens) for name, says in ways.items()}
        said = {name: [next(tokens)] for name, tokens in speaking.items()}
        spent_ms: dict[str, list[float]] = {name: [] for name in ways}
        for place in range(options.tokens - 1):
            order = list(ways)[place % len(ways) :] + list(ways)[: place % len(ways)]
            for name in order:
                before = time.perf_counter()
                token = next(speaking[name], None)
                if token is not None:
                    said[name].append(token)
                    spent_ms[name].append(1000 * (time.perf_counter() - before))
            if len(said[RUNNER]) < place + 2:  # a model of somebody's own may be done before
                break
        for name in ways:
            measured[name].append(summarise(spent_ms[name]))
    return said, measured


def _second_turns(bench: Bench, options: argparse.Namespace, told: Any) -> dict[str, list[Summary]]:
    """Milliseconds to the first token of a second turn: in the first one's conversation, and in a new one."""
    found: dict[str, list[Summary]] = {REUSED: [], FRESH: []}
    random = np.random.default_rng(2)
    for number in range(options.rounds):
        told(f"second turn {number + 1} of {options.rounds}")
        conversation = bench.runner.conversation()
        first = conversation.generate(bench.prompt, Options(max_tokens=options.tokens))
        first.text()
        more = random.choice(bench.prompt, SECOND_TURN).tolist()
        prompt = [*bench.prompt, *first.tokens, *more]
        for name, place in ((REUSED, conversation), (FRESH, bench.runner.conversation())):
            before = time.perf_counter()
            next(place.generate(prompt, Options(max_tokens=1)))
            found[name].append(summarise([1000 * (time.perf_counter() - before)]))
    return found


def _judge(
    report: Report,
    said: dict[str, list[int]],
    measured: dict[str, list[Summary]],
    turns: dict[str, list[Summary]],
) -> None:
    for name, found in (measured | turns).items():
        unit = "ms a token" if name in measured else "ms"
        whole = stats.over_rounds(found)
        report.rows.append(Row(name, unit, whole, floor=name in (PLAIN, FRESH), rounds=tuple(found)))
    for name, found in measured.items():
        report.values[f"{name}: tokens a second"] = 1000 / stats.over_rounds(found).mean
        report.warnings += stats.instability(name, found)
        if name != RUNNER:
            ratio = stats.paired_ratio(found, measured[RUNNER])
            report.values[f"time a token, {name} / runner"] = ratio
            same = sum(one == other for one, other in zip(said[name], said[RUNNER], strict=False))
            report.checks.append(Check(f"tokens of the {name} that are the runner's", same, "==", len(said[RUNNER])))
    plain = stats.paired_ratio(measured[PLAIN], measured[RUNNER])
    report.checks.append(Check("time a token, plain session loop / runner", plain, ">=", 1.0, "x"))
    report.values["second turn, all anew / reused"] = stats.paired_ratio(turns[FRESH], turns[REUSED])
