"""A reader that is slow: a relay between a client and the sidecar whose answers pass at a limited rate.

    python -m benchmarks.scenario.relay HOST PORT BYTES_PER_S

It listens on loopback, relays to loopback only, prints its port and ends when its standard input closes. What the
sidecar cannot get rid of stays in the sidecar: the relay's own buffers are small. The handshake's `Host` names the
sidecar's port again, since the sidecar answers to nothing else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import sys
import threading
import time

from .. import loop

CHUNK = 16 * 1024
RECEIVE_BUFFER = 64 * 1024
HEAD_BYTES = 8 * 1024
HOST_LINE = re.compile(rb"(?im)^host:[^\r\n]*")


class Relay:
    """Relays every connection that comes to (`host`, `port`)."""

    def __init__(self, host: str, port: int, bytes_per_s: float) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("only loopback is relayed to")
        self._host = host
        self._port = port
        self._bytes_per_s = bytes_per_s

    async def serve(self) -> None:
        """Listens, says where, and relays until it is ended."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)  # before the window is agreed on
        upstream.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(upstream, (self._host, self._port))
            there = await asyncio.open_connection(sock=upstream, limit=CHUNK)
            there[1].write(self._head(await reader.readuntil(b"\r\n\r\n")))
            await asyncio.wait(
                [asyncio.ensure_future(pass_on(reader, there[1])),
                 asyncio.ensure_future(pass_on(there[0], writer, self._bytes_per_s))],
                return_when=asyncio.FIRST_COMPLETED,
            )  # fmt: skip
            there[1].close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            upstream.close()
        finally:
            writer.close()

    def _head(self, head: bytes) -> bytes:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return HOST_LINE.sub(f"Host: {host}:{self._port}".encode(), head, count=1)


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_s: float = float("inf")
) -> None:
    """Hands on what comes, at most `bytes_per_s` on average, until one side is gone."""
    due_s = time.perf_counter()
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
            due_s = max(due_s, time.perf_counter() - 0.01) + len(data) / bytes_per_s
            if (wait_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
    except OSError:
        return


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop.run(Relay(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])).serve())
