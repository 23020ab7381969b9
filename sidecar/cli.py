"""`vitrine`: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __version__, logs
from .config import DEFAULT_PORT, PROVIDERS, ServeConfig

EPILOG = """examples:
  vitrine demo                    try it: pictures, an animation and a latency table in ./vitrine-demo
  vitrine serve                   run beside Unity; clients find it through run.json
  vitrine replay shop.vrec        answer from a recording (vitrine serve --record shop.vrec), without models
  vitrine dashboard               sessions, queues, models, slowest calls, last errors, in the browser
  vitrine trace --seconds 10      where the time of each call goes, as a file for Perfetto
  vitrine doctor                  what runs here, on which provider, and what to mend
  vitrine models install vision   fetch and convert the try-on models
  vitrine export --list           models of the hub that can become packs here
  vitrine catalog import --help   a shop's own products, their pictures and sizes
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
    _add_replay(commands)
    _add_demo(commands)
    _add_dashboard(commands)
    _add_trace(commands)
    _add_doctor(commands)
    _add_models(commands)
    _add_export(commands)
    _add_catalog(commands)
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
        choices=(*PROVIDERS, "tensorrt"),
        help="allow only this execution provider; give it again for more (default: all but tensorrt)",
    )
    serve.add_argument("--threads", type=int, help="threads of one model run (default: cores - 1)")
    serve.add_argument(
        "--memory-mb", type=_positive, metavar="N", help="models leave, least recently used first, to stay within N MiB"
    )
    serve.add_argument("--vram-mb", type=_positive, metavar="N", help="the same for memory of the GPU")
    serve.add_argument("--pin", action="append", default=[], metavar="NAME", help="load it at start and keep it")
    serve.add_argument("--no-warm", action="store_true", help="load models at first use instead of at start")
    serve.add_argument("--no-install", action="store_true", help="do not install missing models; serve what is there")
    serve.add_argument(
        "--mode",
        default="balance",
        choices=("graphics", "balance", "responsive"),
        help="how far to yield to the game when it misses frames: graphics yields most (default: balance)",
    )
    serve.add_argument("--record", type=Path, metavar="FILE", help="record what is answered, pictures of people too")
    serve.add_argument("--record-inputs", action="store_true", help="record the pictures that are sent as well")
    serve.add_argument("--force", action="store_true", help="replace the recording if the file exists")
    serve.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    serve.add_argument("--allow-host", action="append", default=[], metavar="HOST:PORT", help="accept this Host too")
    serve.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="accept this Origin too")
    serve.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    serve.add_argument("--log-format", default="text", choices=logs.FORMS, help="json: one object a line")
    serve.set_defaults(run=_serve)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def _serve(arguments: argparse.Namespace) -> int:
    from .engine import flavours
    from .models_cli import ensure_installed
    from .serve import CannotPin, default_threads, serve
    from .server import parent
    from .server.app import CannotListen
    from .server.discovery import AlreadyRunning, CannotPublish

    logs.configure(level=arguments.log_level, process="gateway", form=arguments.log_format)
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
        log_format=arguments.log_format,
        mode=arguments.mode,
        memory_mb=arguments.memory_mb,
        vram_mb=arguments.vram_mb,
        pins=tuple(dict.fromkeys(arguments.pin)),
    )
    try:
        flavours.check(flavours.installed())
        with parent.needed(config.parent_pid):  # serving watches by itself
            code = 0 if arguments.no_install else ensure_installed("vision", packs=config.packs)
        if code:
            return code
        if arguments.record is not None:
            return _serve_recorded(config, arguments)
        return serve(config, on_listening=_listening(config))
    except parent.ParentGone:
        return 0
    except (flavours.WrongFlavours, CannotListen, AlreadyRunning, CannotPublish, CannotPin) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1


def _serve_recorded(config: ServeConfig, arguments: argparse.Namespace) -> int:
    from . import replay_cli
    from .replay.tape import CannotRecord
    from .serve import serve

    path: Path = arguments.record
    try:
        recorder = replay_cli.prepare(path, force=arguments.force, inputs=arguments.record_inputs)
        replay_cli.announce(path, inputs=arguments.record_inputs)
        try:
            return serve(config, on_listening=_listening(config), recorder=recorder)
        finally:
            replay_cli.conclude(path, recorder)
    except CannotRecord as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1


def _listening(config: ServeConfig) -> Callable[[int], None]:
    return lambda port: print(f"Vitrine listens on {config.host}:{port}", flush=True)


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import replay_cli

    replay_cli.add_parser(commands)


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import demo

    demo.add_parser(commands)


def _add_dashboard(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import dashboard_cli

    dashboard_cli.add_parser(commands)


def _add_trace(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import trace_cli

    trace_cli.add_parser(commands)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import doctor

    doctor.add_parser(commands)


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import models_cli

    models_cli.add_parser(commands)


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import export_cli

    export_cli.add_parser(commands)


def _add_catalog(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from . import catalog_cli

    catalog_cli.add_parser(commands)


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
