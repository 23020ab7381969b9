"""A peer of the standard library alone, for the harness's own tests: echoes, and dresses frames or only delays them.

    python stdlib_peer.py MODEL DELAY_MS HOST...

MODEL: `tryon` is the real session, `none` sends the pixels back. It listens on every HOST; the first one's port is
that of the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

from benchmarks.peers.protocol import FRAME_BYTES, PORT, REQUEST, RESPONSE

Work = Callable[[bytes], bytes]


def undressed(body: bytes) -> bytes:
    if len(body) < FRAME_BYTES:
        return body
    (t_us,) = REQUEST.unpack_from(body)
    return RESPONSE.pack(t_us, 0.0, 1.0) + body[REQUEST.size :]


async def serve(work: Work, delay_s: float, hosts: list[str]) -> None:
    turn = asyncio.Lock()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
                body = await reader.readexactly(length)
                if length >= FRAME_BYTES:
                    async with turn:  # one after the other, as models work
                        await asyncio.sleep(delay_s)
                        body = work(body)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    for number, host in enumerate(hosts):
        await asyncio.start_server(client, host, 0 if number else int(os.environ[PORT]))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    model: Work = undressed
    if sys.argv[1] == "tryon":
        from benchmarks.peers.tryon_model import TryOn

        model = TryOn().answer
    asyncio.run(serve(model, float(sys.argv[2]) / 1000, sys.argv[3:]))
