"""`vitrine trace`: records what the running sidecar does for some seconds, as a file for Perfetto."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .endpoint import FILE, Endpoint, NoServer, UntrustedEndpoint, read_endpoint
from .trace import check, chrome
from .trace.check import Document, NotATrace
from .trace.merge import Merged, merge

ANSWER_S = 30.0
PIECE = 1 << 20
MESSAGE_BYTES = 4096


class NoTrace(RuntimeError):
    """There is no trace; the message says what to do."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `trace` to the command line."""
    parser = commands.add_parser(
        "trace",
        help="record where the time of calls goes, for Perfetto",
        description="Records the running sidecar for some seconds: every call from the bytes read to the answer "
        "written, with the models' runs in the workers. The file opens in Perfetto (ui.perfetto.dev) and in "
        "chrome://tracing. It holds names of ops and models, numbers and times: no words, no pictures.",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to record, up to 60 (default 10)")
    parser.add_argument("--out", type=Path, default=Path("vitrine-trace.json"), metavar="FILE", help="where to write")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument(
        "--kernels",
        action="store_true",
        help="profile the kernels of each model that runs: loads it a second time, which holds its worker up",
    )
    parser.add_argument(
        "--merge",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="add a client's own trace, tied to the calls it made; read after recording; give it again for more",
    )
    parser.add_argument("--from", type=Path, dest="source", metavar="FILE", help="merge into this trace, record none")
    parser.add_argument("--run-dir", type=Path, help="folder of run.json (default: VITRINE_RUN_DIR or the user's)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Records or reads, merges, writes; 1 when there is no server, no trace, or a file that cannot be used."""
    try:
        if arguments.source is not None and not arguments.merge:
            raise NoTrace("--from needs --merge: there is nothing to do with a trace alone")
        with _written(arguments.out, force=arguments.force) as (stream, path):
            if arguments.source is None:
                _record(arguments, stream)
                stream.flush()
            trace = check.read(arguments.source or path)
            found = merge(trace, [(str(name), check.read(name)) for name in arguments.merge]) if arguments.merge else []
            if found:
                stream.seek(0)
                stream.truncate()
                stream.write(chrome.whole(trace.otherData, trace.traceEvents))
    except (NoServer, UntrustedEndpoint, NoTrace, NotATrace, OSError) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1
    _tell(arguments.out, trace, found)
    return 0


def _record(arguments: argparse.Namespace, stream: BinaryIO) -> None:
    endpoint = read_endpoint(arguments.run_dir / FILE if arguments.run_dir else None)
    print(f"Recording for {arguments.seconds:g} s ...", file=sys.stderr, flush=True)
    for piece in record(endpoint, seconds=arguments.seconds, kernels=arguments.kernels):
        stream.write(piece)


def record(endpoint: Endpoint, *, seconds: float, kernels: bool = False) -> Iterator[bytes]:
    """The trace of the server at `endpoint`, in pieces. Raises `NoTrace`."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=seconds + ANSWER_S)
    try:
        wanted = f"/trace?seconds={seconds:g}&kernels={kernels:d}"
        connection.request("GET", wanted, headers={"Authorization": f"Bearer {endpoint.token}"})
        answer = connection.getresponse()
        if answer.status == 404:
            raise NoTrace("the running sidecar is older than this command; start it again")
        if answer.status != 200:
            raise NoTrace(answer.read(MESSAGE_BYTES).decode("utf-8", "replace").strip())
        size = 0
        while piece := answer.read(PIECE):
            size += len(piece)
            if size > check.LIMIT_BYTES:
                raise NoTrace("the trace is too large; record for a shorter time")
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise NoTrace("the sidecar did not answer; look at its log, or start it again") from error
    finally:
        connection.close()


@contextlib.contextmanager
def _written(path: Path, *, force: bool) -> Iterator[tuple[BinaryIO, Path]]:
    """A file beside the wanted one, which takes its place once everything has worked."""
    if path.exists() and not force:
        raise NoTrace(f"{path} exists; name another file, or replace it with --force")
    if not path.parent.is_dir():
        raise NoTrace(f"{path.parent} is not a folder; make it first")
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(number, "w+b") as stream:
            yield stream, made
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _tell(path: Path, trace: Document, found: list[Merged]) -> None:
    calls = {str(event["id"]) for event in trace.traceEvents if event["ph"] == "b"}
    slices = sum(event["ph"] == "X" for event in trace.traceEvents)
    print(f"{len(calls)} calls and frames in {slices} spans, written to {path.absolute()}")
    if lost := trace.otherData.get("lost"):
        print(f"{lost} more spans did not fit, the oldest ones; record for a shorter time.")
    for one in found:
        print(
            f"{one.session}: {one.tied} of {one.spans} spans that name a call were found here; "
            f"its clock is right within {one.within_us / 1000:.2f} ms"
        )
        if one.outside:
            print(f"  {one.outside} more lie outside the time that was recorded, and were left out")
    print("Open it with ui.perfetto.dev or chrome://tracing.")
