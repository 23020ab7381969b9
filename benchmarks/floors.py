"""Null targets, each in a process of its own: what a request costs before Vitrine does anything.

    python -m benchmarks.floors echo             bare websockets server: sends back what comes
    python -m benchmarks.floors copy MAP BYTES   the same, but each notice copies BYTES inside a map
    python -m benchmarks.floors hop [DESCRIPTOR] a blocking process behind a stream socket, niced like an engine worker

Each prints its port, serves one client after the other, and ends with its parent (its standard input closes).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import threading

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from . import loop, mapped

WRITE_LIMIT = 8 * 2**20
WORKER_NICE = 10


def main() -> int:
    """Runs one floor."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floors", description="A null target.")
    modes = parser.add_subparsers(dest="mode", required=True)
    modes.add_parser("echo")
    copy = modes.add_parser("copy")
    copy.add_argument("map")
    copy.add_argument("bytes", type=int)
    hop = modes.add_parser("hop")
    hop.add_argument("descriptor", type=int, nargs="?")
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if arguments.mode == "hop":
        _hop(arguments.descriptor)
    elif arguments.mode == "echo":
        loop.run(_serve(_echo))
    else:
        copier = Copier(arguments.map, arguments.bytes)
        loop.run(_serve(copier.answer))
    return 0


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # the other thread may sit in a blocking call


async def _serve(handler: object) -> None:
    options = {"compression": None, "max_size": None, "ping_interval": None, "write_limit": WRITE_LIMIT}
    async with serve(handler, "127.0.0.1", 0, subprotocols=["vitrine.v1"], **options) as server:  # type: ignore
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


async def _echo(peer: ServerConnection) -> None:
    try:
        while True:
            await peer.send(await peer.recv())
    except ConnectionClosed:
        return


class Copier:
    """One of the three copies of a picture that goes there and back: from the first half into the second."""

    def __init__(self, name: str, size: int) -> None:
        self._shared = np.frombuffer(mapped.existing(name, 2 * size), np.uint8)
        self._size = size

    async def answer(self, peer: ServerConnection) -> None:
        """One round a notice."""
        size = self._size
        try:
            while True:
                notice = await peer.recv()
                np.copyto(self._shared[size:], self._shared[:size])
                await peer.send(notice)
        except ConnectionClosed:
            return


def _hop(descriptor: int | None) -> None:
    if hasattr(os, "nice"):
        os.nice(WORKER_NICE)
    with _inherited(descriptor) if descriptor is not None else _accepted() as peer:
        while data := peer.recv(1 << 18):
            peer.sendall(data)


def _inherited(descriptor: int) -> socket.socket:
    print(0, flush=True)
    return socket.socket(fileno=descriptor)


def _accepted() -> socket.socket:
    """Where descriptors are not inherited: one client over loopback, as Windows makes its socket pairs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


if __name__ == "__main__":
    raise SystemExit(main())
