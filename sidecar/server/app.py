"""Listening and stopping: one loopback socket, `run.json` while it listens, a parent that may go away."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from .. import __version__
from ..endpoint import Endpoint
from . import discovery, parent
from .gateway import Gateway
from .http import Door, Pages

log = logging.getLogger("vitrine.server")
CLOCK_LOOK_S = 1.0
LOOPBACK = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


class CannotListen(RuntimeError):
    """The address is not ours to bind; the message says what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A listening loopback socket. Raises `CannotListen`; never takes another port than the one asked for."""
    family = LOOPBACK.get("127.0.0.1" if host == "localhost" else host)
    if family is None:
        raise CannotListen(f"Vitrine binds to this machine only; use --host 127.0.0.1 or ::1 instead of {host}.")
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1" if host == "localhost" else host, port))
        listener.listen(128)
        listener.setblocking(False)
        return listener
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise CannotListen(
                f"Port {port} is taken by another program; stop it, or start with --port 0 for a free one."
            ) from error
        raise


async def run(
    gateway: Gateway,
    listener: socket.socket,
    *,
    token: str,
    run_dir: Path | None,
    parent_pid: int | None,
    allow_hosts: frozenset[str],
    allow_origins: frozenset[str],
    on_listening: Callable[[int], None],
) -> None:
    """Serves until a signal or the parent's end; `run.json` stands exactly as long as the socket listens."""
    loop = asyncio.get_running_loop()
    host, port = listener.getsockname()[:2]
    door = Door(port, allow_hosts, allow_origins)
    gateway.pages = Pages(door, token, gateway.readiness, gateway.metrics, gateway.tickets.issue, gateway.traces.answer)
    stopping = asyncio.Event()
    _stop_on_signals(loop, stopping)
    if parent_pid is not None:
        _stop_with_parent(loop, stopping, parent_pid)
    server = await loop.create_server(gateway.connect, sock=listener)
    gateway.start_ticking()
    path = discovery.run_file(run_dir)
    endpoint = Endpoint(
        pid=os.getpid(),
        started=discovery.own_start_time(),
        host=host,
        port=port,
        token=token,
        version=__version__,
    )
    try:
        discovery.publish(path, endpoint)
        on_listening(port)
        await _until_stopped(stopping, path, endpoint)
    finally:
        discovery.withdraw(path)
        server.close()
        await gateway.shut_down()


async def _until_stopped(stopping: asyncio.Event, path: Path, endpoint: Endpoint) -> None:
    """Waits for the end, and keeps `run.json` true while the system's clock is set."""
    while not stopping.is_set():
        try:
            endpoint = discovery.follow_clock(path, endpoint)
        except discovery.CannotPublish as error:
            log.warning("%s", error)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), CLOCK_LOOK_S)


def _stop_on_signals(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopping.set)
        except NotImplementedError:  # Windows: the handler runs between bytecodes and wakes the loop itself
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))


def _stop_with_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event, pid: int) -> None:
    def gone() -> None:
        log.info("the parent (pid %d) is gone; stopping", pid)
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stopping.set)

    parent.watch(pid, gone)
