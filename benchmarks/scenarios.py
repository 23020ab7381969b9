"""What can be measured. A new scenario is one module with a line here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from . import bridge, compare, diffusion, game, latency_file, run_scenario, text, tryon, wire
from .device import command as gpu
from .frametimes import command as frametimes
from .hardening import chaos, flood, fuzz, soak
from .peers import run as peers
from .reports import html


class Outcome(Protocol):
    """What a subcommand ends with: a report, a comparison, a page."""

    def show(self, console: Console) -> None:
        """Prints it."""

    def write(self, path: Path) -> None:
        """Writes its JSON. Raises `OSError`."""

    def exit_code(self, *, judged: bool) -> int:
        """The process's exit code; `judged`: with --check."""


@dataclass(frozen=True)
class Scenario:
    """One subcommand: `add_options` fills its parser, `run` measures; `packs`: whether it starts a sidecar."""

    name: str
    summary: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Outcome]
    packs: bool = True


SCENARIOS = (
    Scenario(
        "run", "plays a scenario: mirror-90, mixed, burst ..., or a .toml file of yours", run_scenario.__doc__ or "",
        run_scenario.add_options, run_scenario.run,
    ),
    Scenario("wire", "round trips of small messages and of pictures", wire.__doc__ or "", wire.add_options, wire.run),
    Scenario("game", "what AI costs a simulated game", game.__doc__ or "", game.add_options, game.run),
    Scenario("tryon", "try-on: rate, age, memory, recovery", tryon.__doc__ or "", tryon.add_options, tryon.run),
    Scenario(
        "bridge", "the C# client and the mirror's frame path, under Mono", bridge.__doc__ or "",
        bridge.add_options, bridge.run,
    ),
    Scenario(
        "report", "shows what Unity's Latency sample wrote", latency_file.__doc__ or "",
        latency_file.add_options, latency_file.run, packs=False,
    ),
    Scenario(
        "compare", "compares two results: better, worse, cannot tell", compare.__doc__ or "",
        compare.add_options, compare.run, packs=False,
    ),
    Scenario(
        "frametimes", "what AI costs a game's frames: PresentMon, OVR Metrics, SteamVR, Unity",
        frametimes.__doc__ or "", frametimes.add_options, frametimes.run, packs=False,
    ),
    Scenario(
        "html", "writes a result as one HTML page", html.__doc__ or "", html.add_options, html.run, packs=False
    ),
    Scenario(
        "chaos", "killed workers, a killed gateway, a full disk, a clock that jumps", chaos.__doc__ or "",
        chaos.add_options, chaos.run,
    ),
    Scenario(
        "peers", "beside FastAPI, LitServe, BentoML, Ray Serve, as ratios", peers.__doc__ or "",
        peers.add_options, peers.run,
    ),
    Scenario(
        "diffusion", "a diffusion step, and what of it is the runner's own", diffusion.__doc__ or "",
        diffusion.add_options, diffusion.run,
    ),
    Scenario(
        "text", "tokens a second beside a plain loop and onnxruntime-genai", text.__doc__ or "",
        text.add_options, text.run,
    ),
    Scenario("gpu", "models on the GPU, each beside the CPU", gpu.__doc__ or "", gpu.add_options, gpu.run),
    Scenario("fuzz", "a million hostile messages", fuzz.__doc__ or "", fuzz.add_options, fuzz.run),
    Scenario(
        "flood", "a thousand connections, ten thousand calls", flood.__doc__ or "", flood.add_options, flood.run
    ),
    Scenario(
        "soak", "does anything grow over a long run: memory, handles, latency", soak.__doc__ or "",
        soak.add_options, soak.run,
    ),
)
