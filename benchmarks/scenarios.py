"""What can be measured. A new scenario is one module with a line here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from . import tryon, wire
from .report import Report


@dataclass(frozen=True)
class Scenario:
    """One subcommand: `add_options` fills its parser, `run` measures."""

    name: str
    summary: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Report]


SCENARIOS = (
    Scenario("wire", "round trips of small messages and of pictures", wire.__doc__ or "", wire.add_options, wire.run),
    Scenario("tryon", "try-on: rate, age, memory, recovery", tryon.__doc__ or "", tryon.add_options, tryon.run),
)
