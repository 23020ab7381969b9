"""What a day can bring: workers killed at random moments, the gateway killed, the disk full, the clock wrong.

Each part runs under load, with seeded chance, and is judged the same way: no call that hangs, no connection lost that
was not cut, no error but the one that says what happened, memory where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console

from .. import environment, loop
from ..frames import Bank
from ..report import Report
from ..target import with_sidecar
from . import killed_gateway, killed_workers, moved_clock
from .full_disk import full_disk

Told = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--kills", type=int, default=100, help="of workers (default 100; 0 leaves the part out)")
    parser.add_argument("--gateway-kills", type=int, default=10, help="of the gateway (default 10)")
    parser.add_argument("--jumps", type=int, default=6, help="of the wall clock (default 6)")
    parser.add_argument("--no-disk", action="store_true", help="leave the full disk out")
    parser.add_argument("--seed", type=int, default=1, help="of every chance (default 1)")


def run(options: argparse.Namespace) -> Report:
    """Measures everything. Raises `HostFailed`, `VitrineError` or `OSError`."""
    before = environment.fingerprint()
    bank = Bank()
    plain = {name: getattr(options, name) for name in ("kills", "gateway_kills", "jumps", "no_disk", "seed")}
    report = Report("chaos", before, plain)
    with Console(stderr=True).status("starting the sidecar") as status:
        _parts(options, bank, report, status.update)
    report.environment |= {"packs": environment.packs_of(options.packs)}
    report.warnings += environment.warnings(before)
    return report


def _parts(options: argparse.Namespace, bank: Bank, report: Report, told: Told) -> None:
    packs, seed = options.packs, options.seed
    if options.kills:
        with_sidecar(
            packs,
            lambda host: killed_workers.measure(host, bank, report, kills=options.kills, seed=seed, told=told),
        )
    if options.gateway_kills:
        loop.run(
            killed_gateway.measure(packs, bank, report, kills=options.gateway_kills, seed=seed, told=told)
        )
    if options.jumps:
        loop.run(moved_clock.measure(packs, bank, report, jumps=options.jumps, told=told))
    if not options.no_disk:
        told("an installation runs out of disk")
        full_disk(report)
