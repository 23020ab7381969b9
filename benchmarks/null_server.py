"""The try-on benchmark's null target: answers each frame with itself, in one process, without any worker.

    python -m benchmarks.null_server

Speaks just enough of the contract for the same client loop: hello, one `tryon.stream`, shared memory. It prints its
port and ends when its standard input closes. It checks nothing: never use it for anything else.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from typing import Any

from msgspec import structs
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from sidecar.wire import codec
from sidecar.wire.messages import SUBPROTOCOL, VERSION, Limits, ShmRef
from sidecar.wire.shm import Lane, create_lane

from . import loop

SLOT_BYTES = 1 << 20
UP, DOWN = 8, 8


class NullPeer:
    """One connection."""

    def __init__(self, peer: ServerConnection) -> None:
        self._peer = peer
        self._lane: Lane = create_lane(slot_bytes=SLOT_BYTES, up=UP, down=DOWN)
        self._down = deque(range(UP, UP + DOWN))
        self._private = memoryview(bytearray(SLOT_BYTES))
        self._sequence = 0
        self._parts = 0

    async def serve(self) -> None:
        """Answers until the client leaves."""
        try:
            while True:
                message = codec.decode(await self._peer.recv())  # type: ignore[arg-type]
                for answer in self._answers(message):
                    await self._peer.send(codec.encode(answer))
        except ConnectionClosed:
            return
        finally:
            self._lane.close()

    def _answers(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        kind = message["t"]
        if kind == "hello":
            return [self._welcome()]
        if kind == "free":
            self._down.extend(message["slots"])
        elif kind == "push":
            return self._frame(message["id"], message["d"])
        elif kind == "end":
            counts = {"frames_in": self._parts, "frames_out": self._parts, "superseded": 0}
            self._parts = 0
            return [{"t": "done", "id": message["id"], "d": counts, "tm": {}}]
        return []

    def _welcome(self) -> dict[str, Any]:
        server = {"name": "null", "version": "0", "pid": os.getpid()}
        offer, limits = structs.asdict(self._lane.offer), structs.asdict(Limits())
        head = {"t": "welcome", "v": VERSION, "session": "null", "server": server, "ops": ["tryon.stream"]}
        return {**head, "limits": limits, "shm": offer}

    def _frame(self, call_id: int, d: dict[str, Any]) -> list[dict[str, Any]]:
        image = d["image"]
        answers: list[dict[str, Any]] = []
        if isinstance(image["d"], ShmRef):
            ref = image["d"]
            private = self._private[: ref.length]
            self._lane.read_into(ref, private)
            answers.append({"t": "free", "slots": [ref.slot]})
            self._sequence += 1
            image = {**image, "d": self._lane.write(self._down.popleft(), self._sequence, private)}
        part = {"n": d["n"], "t_us": d["t_us"], "image": image, "confidence": 1.0}
        answers.append({"t": "part", "id": call_id, "n": self._parts, "d": part, "tm": {}})
        self._parts += 1
        return answers


async def _serve() -> None:
    async def handler(peer: ServerConnection) -> None:
        await NullPeer(peer).serve()

    options: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}
    async with serve(handler, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], **options) as server:  # type: ignore[list-item]
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop.run(_serve())
