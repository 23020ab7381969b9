"""`python -m benchmarks`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sidecar.demo.host import HostFailed
from sidecar.errors import VitrineError

from .csharp import CSharpFailed
from .latency_file import Unreadable
from .scenarios import SCENARIOS
from .streams import StreamBroken
from .target import FloorFailed, NotAnEcho

WIDTH = 120  # of a log or a file
FAILURES = (
    HostFailed, FloorFailed, NotAnEcho, StreamBroken, CSharpFailed, Unreadable, VitrineError, OSError
)  # fmt: skip

EPILOG = """examples:
  python -m benchmarks wire                            the wire beside its floors, about two minutes
  python -m benchmarks tryon --kills 20                try-on at 90 Hz, then 20 killed workers
  python -m benchmarks tryon --minutes 10 --check      a soak; exit code 3 when a target is missed
  python -m benchmarks bridge --check                  the C# client and the mirror's frame path, under Mono
  python -m benchmarks run mirror-90 --report out.html  one scenario, open loop, with a page to look at
  python -m benchmarks run --list                      the scenarios that there are
  python -m benchmarks compare A.json B.json           better, worse or cannot tell, with confidence intervals
  python -m benchmarks diffusion --rounds 9             what a step of an image model costs, and what the runner adds
  python -m benchmarks report latency.json             what Unity's Latency sample wrote, as a table
  python -m benchmarks frametimes ON.csv --against OFF.csv  what AI costs a game: PresentMon, OVR, SteamVR, Unity
  python -m benchmarks soak --minutes 30               half an hour of everything: slopes of memory, handles, latency
  python -m benchmarks wire --rounds 1 --seconds 0.5   a quick look; too short to trust, and it says so

Close other programs first. Every number stands beside a floor, a null target on the same stack in the same run:
compare ratios between machines, never milliseconds. Exit codes: 0, 1 could not run, 2 wrong usage, 3 target missed,
4 a threshold was crossed, or B is worse with --fail-if-worse.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one scenario; the result is the process's exit code."""
    arguments = _parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        report = arguments.run(arguments)
        report.show(console)
        if arguments.json is not None:
            report.write(arguments.json)
            console.print(f"Written to {arguments.json.absolute()}", soft_wrap=True, highlight=False)
    except FAILURES as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    code: int = report.exit_code(judged=arguments.check)
    return code


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures a sidecar that it starts for itself, beside null targets on the same stack.",
        epilog=EPILOG,
        formatter_class=layout,
    )
    commands = parser.add_subparsers(title="scenarios", metavar="SCENARIO", required=True)
    for scenario in SCENARIOS:
        one = commands.add_parser(
            scenario.name, help=scenario.summary, description=scenario.description, formatter_class=layout
        )
        if scenario.packs:
            one.add_argument("--packs", type=Path, help="folder of the model packs (default: the user's cache)")
        one.add_argument("--json", type=Path, metavar="FILE", help="write the whole result here too")
        one.add_argument("--check", action="store_true", help="exit with 3 when a target is missed")
        scenario.add_options(one)
        one.set_defaults(run=scenario.run)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
