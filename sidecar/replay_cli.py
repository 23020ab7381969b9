"""`vitrine replay`, and what `vitrine serve --record` says to people."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .config import DEFAULT_PORT

if TYPE_CHECKING:
    from .replay.reader import Recording
    from .replay.recorder import Recorder

log = logging.getLogger("vitrine.replay")
LANES = ("frame", "general")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `replay` to the command line."""
    replay = commands.add_parser(
        "replay",
        help="answer from a recording, without models",
        description="Serves what `vitrine serve --record FILE` recorded: the same socket, discovery and limits, no "
        "models. Runs until Ctrl-C.",
    )
    replay.add_argument("file", type=Path, metavar="FILE", help="the recording")
    replay.add_argument("--describe", action="store_true", help="say what is in it and end")
    replay.add_argument("--json", action="store_true", help="with --describe: print one JSON object")
    replay.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X", help="1.0 as recorded (default), 2.0 twice as fast, or max"
    )
    replay.add_argument("--loop", action="store_true", help="begin again after a stream's last frame, not hold it")
    replay.add_argument("--host", default="127.0.0.1", help="127.0.0.1 (default) or ::1; nothing but loopback is bound")
    replay.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"default {DEFAULT_PORT}; 0 picks a free one")
    replay.add_argument("--run-dir", type=Path, help="folder of run.json (default: VITRINE_RUN_DIR or the user's)")
    replay.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    replay.add_argument("--allow-host", action="append", default=[], metavar="HOST:PORT", help="accept this Host too")
    replay.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="accept this Origin too")
    replay.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    replay.set_defaults(run=run)


def _speed(text: str) -> float:
    if text == "max":
        return float("inf")
    value = float(text)
    if not 0.01 <= value <= 1000:
        raise argparse.ArgumentTypeError("a speed is between 0.01 and 1000, or max")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Describes or replays a recording; the result is the process's exit code."""
    from .replay import reader
    from .replay.records import NotARecording
    from .server.app import CannotListen
    from .server.discovery import AlreadyRunning, CannotPublish

    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s replay %(message)s")
    try:
        recording = reader.read(arguments.file)
        if arguments.describe:
            _describe(recording, as_json=arguments.json)
            return 0
        return _serve(recording, arguments)
    except (NotARecording, CannotListen, AlreadyRunning, CannotPublish) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1


# -- replaying -----------------------------------------------------------------------------------------------------


class _Packs:
    """The packs of the machine that recorded; no op lacks a model here, since none is run."""

    def __init__(self, recording: Recording) -> None:
        self._rows = [msgspec.structs.asdict(row) for row in recording.header.models]

    def missing(self, models: tuple[str, ...]) -> list[str]:
        """None."""
        return []

    def listing(self) -> list[dict[str, Any]]:
        """The rows of `model.list` as they were recorded."""
        return self._rows


def _serve(recording: Recording, arguments: argparse.Namespace) -> int:
    from .replay.handle import ReplayHandle
    from .replay.player import Player
    from .serve import calm_collector, run_on_loop
    from .server import app, auth, discovery
    from .server.gateway import Gateway
    from .server.workers import Workers
    from .wire.ops import OPS

    discovery.refuse_second(discovery.run_file(arguments.run_dir))
    listener = app.bind(arguments.host, arguments.port)
    handles = [
        ReplayHandle(
            lane,
            Player(recording, loop=arguments.loop),
            models=recording.models.get(lane, []),
            speed=arguments.speed,
        )
        for lane in LANES
    ]
    offered = recording.ops | {op for op, rule in OPS.items() if rule.lane == "gateway" or op == "server.echo"}
    token = auth.new_token()

    def listening(port: int) -> None:
        print(f"Vitrine listens on {arguments.host}:{port} and replays {recording.path}", flush=True)
        _say_damage(recording)

    async def main() -> None:
        workers = Workers(handles)
        gateway = Gateway(token=token, workers=workers, packs=_Packs(recording), offered=offered)
        workers.start()
        calm_collector()
        await app.run(
            gateway,
            listener,
            token=token,
            run_dir=arguments.run_dir,
            parent_pid=arguments.parent_pid,
            allow_hosts=frozenset(arguments.allow_host),
            allow_origins=frozenset(arguments.allow_origin),
            on_listening=listening,
        )

    run_on_loop(main())
    return 0


def _say_damage(recording: Recording) -> None:
    if recording.damage:
        print(f"vitrine: {recording.damage}", file=sys.stderr)


def _describe(recording: Recording, *, as_json: bool) -> None:
    from .replay.describe import describe

    found = describe(recording)
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    megabytes = f"{found['bytes'] / 1e6:.1f} MB"
    console.print(
        f"Recorded {found['made']} by {found['program']}: {found['seconds']:.1f} s, {found['pictures']} pictures, "
        f"{megabytes}; {found['failed']} failed, {found['dropped']} dropped while recording.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    table = Table("op", "what", "answers", "typical time", "size")
    for row in found["ops"]:
        answers = f"{row['frames']} frames" if row["frames"] else str(row["count"])
        cells = (row["op"], row["what"], answers, f"{row['service_ms']:.1f} ms", row["size"])
        table.add_row(*map(Text, cells))  # no markup: the words are the file's
    console.print(table)
    console.print(found["warning"], style="bold", soft_wrap=True, highlight=False)
    _say_damage(recording)


# -- recording -----------------------------------------------------------------------------------------------------


def prepare(path: Path, *, force: bool, inputs: bool) -> Recorder:
    """A recorder for `vitrine serve`. Raises `CannotRecord` before anything is started."""
    from .replay.recorder import Recorder
    from .replay.tape import Tape

    Tape.check(path, force=force)
    return Recorder(lambda: Tape.create(path, force=force), inputs=inputs)


def announce(path: Path, *, inputs: bool) -> None:
    """Says loudly, on the console and in the log, that people are being recorded."""
    what = "the pictures that are sent and those that come back" if inputs else "the pictures that come back"
    lines = (
        f"RECORDING to {path}",
        f"The file will hold {what}, with the people in them, and the arguments of every call.",
        "Tell whoever stands before the camera. Stop with Ctrl-C; delete the file when you are done with it.",
    )
    width = max(map(len, lines))
    print("\n".join(("*" * width, *lines, "*" * width)), file=sys.stderr, flush=True)
    log.warning("RECORDING: %s are written to a file, with the people in them", what)


def conclude(path: Path, recorder: Recorder) -> None:
    """Ends the recording and says what became of it."""
    tally = recorder.end()
    if tally is None:
        return
    dropped = f" ({tally.dropped} were dropped: the disk was too slow)" if tally.dropped else ""
    print(
        f"Recorded {tally.calls} calls and {tally.frames} frames{dropped}, {tally.file_bytes / 1e6:.1f} MB, "
        f"to {path}. It holds pictures of people.\nReplay it with: vitrine replay {path}",
        file=sys.stderr,
    )
    if tally.broken:
        print(f"vitrine: the recording stopped early: {tally.broken}.", file=sys.stderr)
    log.warning("the recording has ended: %d calls, %d frames, %d dropped", tally.calls, tally.frames, tally.dropped)
