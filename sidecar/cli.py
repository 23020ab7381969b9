"""`vitrine`: the command line."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __version__
from .config import DEFAULT_PORT, PROVIDERS, ServeConfig

EPILOG = """examples:
  vitrine demo                    try it: pictures, an animation and a latency table in ./vitrine-demo
  vitrine serve                   run beside Unity; clients find it through run.json
  vitrine doctor                  what runs here, on which provider, and what to mend
  vitrine models install vision   fetch and convert the try-on models
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the result is the process's exit code."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vitrine",
        description="Vitrine: an inference sidecar for VR shopping, beside Unity on the same PC.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vitrine {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_demo(commands)
    _add_doctor(commands)
    _add_models(commands)
    _add_bench(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser("serve", help="run the sidecar", description="Runs the sidecar until Ctrl-C.")
    serve.add_argument("--host", default="127.0.0.1", help="127.0.0.1 (default) or ::1; nothing but loopback is bound")
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"default {DEFAULT_PORT}; 0 picks a free one")
    serve.add_argument("--run-dir", type=Path, help="folder of run.json (default: VITRINE_RUN_DIR or the user's)")
    serve.add_argument("--packs", type=Path, help="folder of the model packs (default: the user's cache)")
    serve.add_argument(
        "--provider",
        action="append",
        choices=PROVIDERS,
        help="allow only this execution provider; give it again for more (default: all, in the pack's order)",
    )
    serve.add_argument("--threads", type=int, help="threads of one model run (default: cores - 1)")
    serve.add_argument("--no-warm", action="store_true", help="load models at first use instead of at start")
    serve.add_argument("--no-install", action="store_true", help="do not install missing models; serve what is there")
    serve.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    serve.add_argument("--allow-host", action="append", default=[], metavar="HOST:PORT", help="accept this Host too")
    serve.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="accept this Origin too")
    serve.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    from .engine import flavours
    from .models_cli import ensure_installed
    from .serve import default_threads, serve
    from .server.app import CannotListen
    from .server.discovery import AlreadyRunning, CannotPublish

    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s gateway %(message)s")
    config = ServeConfig(
        host=arguments.host,
        port=arguments.port,
        run_dir=arguments.run_dir,
        packs=arguments.packs,
        providers=tuple(arguments.provider or PROVIDERS),
        threads=arguments.threads or default_threads(),
        warm=not arguments.no_warm,
        parent_pid=arguments.parent_pid,
        allow_hosts=frozenset(arguments.allow_host),
        allow_origins=frozenset(arguments.allow_origin),
        log_level=arguments.log_level,
    )
    try:
        flavours.check(flavours.installed())
        if not arguments.no_install and (code := ensure_installed("vision", packs=config.packs)):
            return code
        return serve(config, on_listening=lambda port: print(f"Vitrine listens on {config.host}:{port}", flush=True))
    except (flavours.WrongFlavours, CannotListen, AlreadyRunning, CannotPublish) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import demo

    demo.add_parser(commands)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import doctor

    doctor.add_parser(commands)


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import models_cli

    models_cli.add_parser(commands)


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure latency (the same as python -m benchmarks)",
        description="Measures this machine; everything after bench goes to python -m benchmarks.",
    )
    bench.add_argument("arguments", nargs=argparse.REMAINDER)
    bench.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    import subprocess

    return subprocess.call([sys.executable, "-m", "benchmarks", *arguments.arguments])


if __name__ == "__main__":
    raise SystemExit(main())
