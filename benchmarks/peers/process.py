"""A peer that runs: started on its leash, waited for, kept to loopback, ended with the block."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import family
from .environment import PeerFailed
from .http_client import Pool
from .protocol import SMALL

READY_S = 90.0
ASK_S = 5.0
POLL_S = 0.25
LEASH_S = 20.0
LOG_BYTES = 4096
MOST_WAITING = 640


@dataclass(frozen=True)
class Running:
    """A peer that answers: its first process, the mark of its family, its pool of connections."""

    pid: int
    mark: str
    pool: Pool

    def check_loopback(self) -> None:
        """Raises `PeerFailed` when any of its processes can be reached from beyond this machine."""
        try:
            found = family.outside(family.of(self.pid, self.mark))
        except family.CannotSee as error:
            raise PeerFailed(str(error)) from error
        if found:
            raise PeerFailed(f"it listens beyond loopback ({', '.join(found)})")


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str], *, port: int, echo: str, variables: Mapping[str, str], folder: Path
) -> AsyncIterator[Running]:
    """Starts a server in `folder` and yields it once it echoes and stays on loopback.

    `variables` are its whole environment; their PYTHONPATH must lead to this package. Raises `PeerFailed`.
    """
    mark, log = uuid.uuid4().hex, folder / "log.txt"
    leash = await _leash(mark, command, variables, folder, log)
    try:
        assert leash.stdout is not None
        first = await asyncio.wait_for(leash.stdout.readline(), ASK_S + LEASH_S)
        if not first:
            raise PeerFailed(f"it did not start{_last_words(log)}")
        async with Pool(port, most=MOST_WAITING) as pool:
            peer = Running(int(first), mark, pool)
            await _wait_ready(peer, leash, echo, log)
            peer.check_loopback()
            yield peer
    finally:
        await _let_go(leash)


async def _leash(
    mark: str, command: Sequence[str], variables: Mapping[str, str], folder: Path, log: Path
) -> asyncio.subprocess.Process:
    """The peer's keeper, a process of ours; the peer inherits the variables through it."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    with log.open("wb") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.peers.leash", mark, *command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=folder,
            env=dict(variables), **apart,
        )  # fmt: skip


async def _wait_ready(peer: Running, leash: asyncio.subprocess.Process, echo: str, log: Path) -> None:
    """Until a small call comes back. While it starts, its listeners are looked at too: it is stopped at once."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if leash.returncode is not None:
            raise PeerFailed(f"it ended with code {leash.returncode}{_last_words(log)}")
        peer.check_loopback()
        with contextlib.suppress(OSError, PeerFailed, asyncio.TimeoutError):
            await asyncio.wait_for(peer.pool.request(echo, b"", bytes(SMALL)), ASK_S)
            return
        await asyncio.sleep(POLL_S)
    raise PeerFailed(f"it did not answer within {READY_S:g} s{_last_words(log)}")


async def _let_go(leash: asyncio.subprocess.Process) -> None:
    assert leash.stdin is not None
    leash.stdin.close()
    try:
        await asyncio.wait_for(leash.wait(), LEASH_S)
    except asyncio.TimeoutError:
        leash.kill()
        await leash.wait()


def _last_words(log: Path) -> str:
    """The end of what it wrote."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_BYTES))
            lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return f": {lines[-1].strip()}" if lines else ""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
