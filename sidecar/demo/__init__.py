"""`vitrine demo`: the main job on this machine, from the portrait or a camera, over the real socket."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

OUT = Path("vitrine-demo")
CAMERA_NUMBERS = range(64)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `demo` to the command line."""
    demo = commands.add_parser(
        "demo",
        help="try it: pictures, an animation and a latency table",
        description="Installs the try-on models if they are missing, starts a sidecar of its own on a free port, "
        "streams a portrait (or the camera), tries on glasses, sunglasses and tops, and writes what came back.",
    )
    source = demo.add_mutually_exclusive_group()
    source.add_argument("--image", type=Path, metavar="FILE", help="a photo of one person to move about")
    source.add_argument("--camera", type=_camera, metavar="N", help="the N-th camera, from 0")
    demo.add_argument("--out", type=Path, default=OUT, metavar="DIR", help=f"where results go (default ./{OUT})")
    demo.add_argument("--seconds", type=_seconds, default=10.0, metavar="S", help="how long to stream (default 10)")
    demo.add_argument("--rate", type=_rate, default=90.0, metavar="HZ", help="frames made a second (default 90)")
    demo.add_argument("--packs", type=Path, help="folder of the model packs (default: the user's cache)")
    demo.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the demo; the result is the process's exit code."""
    from ..errors import VitrineError
    from ..models_cli import ensure_installed
    from .frames import BadSource
    from .host import HostFailed
    from .show import show

    if code := ensure_installed("vision", packs=arguments.packs):
        return code
    try:
        show(arguments)
    except (BadSource, HostFailed, VitrineError) as error:
        print(f"vitrine demo: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"vitrine demo: {arguments.out} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _camera(text: str) -> int:
    number = int(text)
    if number not in CAMERA_NUMBERS:
        raise argparse.ArgumentTypeError("cameras are numbered from 0 to 63")
    return number


def _seconds(text: str) -> float:
    return _between(float(text), 2.0, 600.0, "seconds")


def _rate(text: str) -> float:
    return _between(float(text), 1.0, 240.0, "frames a second")


def _between(value: float, least: float, most: float, what: str) -> float:
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"between {least:g} and {most:g} {what}")
    return value
