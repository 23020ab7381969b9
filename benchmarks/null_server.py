"""The benchmarks' null target: answers each frame and call with what it holds, in one process, without any worker.

    python -m benchmarks.null_server [--inject FAULT]...

Speaks just enough of the contract for the same client loops: hello, `tryon.stream`, unary ops with a picture or bytes,
pings, shared memory. It prints its port and ends when its standard input closes. It checks nothing: never use it for
anything else. `--inject` puts faults in, see `faults.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from msgspec import structs
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from sidecar.wire import codec
from sidecar.wire.messages import SUBPROTOCOL, VERSION, Limits, ShmRef
from sidecar.wire.shm import Lane, create_lane

from . import faults, loop

SLOT_BYTES = 1 << 20
UP, DOWN = 8, 8
OPS = ("tryon.stream", "tryon.still", "vision.segment", "server.echo", "server.stats")
PICTURE_OF = {"tryon.still": "image", "vision.segment": "mask", "server.echo": "image"}

Message = dict[str, Any]


class Work:
    """Times the stages of one frame or call, faults included."""

    def __init__(self, wrong: faults.Faults, number: int) -> None:
        wrong.stall()
        self._wrong = wrong
        self._number = number
        self._start = self._since = time.perf_counter()
        self._ms: dict[str, float] = {}

    def end(self, stage: str) -> None:
        """Everything since the last stage was this one."""
        self._wrong.slow(stage, self._number)
        now = time.perf_counter()
        self._ms[f"{stage}_ms"] = 1000 * (now - self._since)
        self._since = now

    def timing(self) -> dict[str, float]:
        """The answer's `tm`."""
        return {"queue_ms": 0.0, **self._ms, "total_ms": 1000 * (time.perf_counter() - self._start)}


class NullPeer:
    """One connection."""

    def __init__(self, peer: ServerConnection, wrong: faults.Faults) -> None:
        self._peer = peer
        self._wrong = wrong
        self._lane: Lane = create_lane(slot_bytes=SLOT_BYTES, up=UP, down=DOWN)
        self._down = deque(range(UP, UP + DOWN))
        self._private = memoryview(bytearray(SLOT_BYTES))
        self._sequence = 0
        self._parts = 0
        self._calls = 0

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

    def _answers(self, message: Message) -> list[Message]:
        kind = message["t"]
        if kind == "hello":
            return [self._welcome()]
        if kind == "free":
            self._down.extend(message["slots"])
        elif kind == "push":
            return self._frame(message["id"], message["d"])
        elif kind == "call" and message["op"] != "tryon.stream":
            return self._call(message["id"], message["op"], message["a"])
        elif kind == "ping":
            now_us = time.monotonic_ns() // 1000
            return [{"t": "pong", "c0": message["c0"], "s1": now_us, "s2": now_us}]
        elif kind == "end":
            counts = {"frames_in": self._parts, "frames_out": self._parts, "superseded": 0}
            self._parts = 0
            return [{"t": "done", "id": message["id"], "d": counts, "tm": {}}]
        return []

    def _welcome(self) -> Message:
        server = {"name": "null", "version": "0", "pid": os.getpid()}
        offer, limits = structs.asdict(self._lane.offer), structs.asdict(Limits())
        head = {"t": "welcome", "v": VERSION, "session": "null", "server": server, "ops": list(OPS)}
        return {**head, "limits": limits, "shm": offer}

    def _frame(self, call_id: int, d: Message) -> list[Message]:
        work = Work(self._wrong, d["n"])
        image, freed = self._back(d["image"], work)
        part = {"n": d["n"], "t_us": d["t_us"], "image": image, "confidence": 1.0}
        answer = {"t": "part", "id": call_id, "n": self._parts, "d": part, "tm": work.timing()}
        self._parts += 1
        return [*freed, answer]

    def _call(self, call_id: int, op: str, a: Message) -> list[Message]:
        if op == "server.stats":
            d: Message = {"version": "0", "workers": [], "providers": [], "models": []}
            return [{"t": "done", "id": call_id, "d": d, "tm": {}}]
        work = Work(self._wrong, self._calls)
        self._calls += 1
        d = {key: a[key] for key in ("data",) if key in a}
        freed: list[Message] = []
        if "image" in a:
            d[PICTURE_OF[op]], freed = self._back(a["image"], work)
        else:
            for stage in faults.STAGES:
                work.end(stage)
        return [*freed, {"t": "done", "id": call_id, "d": d, "tm": work.timing()}]

    def _back(self, image: Message, work: Work) -> tuple[Message, list[Message]]:
        """The picture as it goes back, and what frees the client's slot: as many copies as a worker's."""
        ref = image["d"]
        if not isinstance(ref, ShmRef):
            for stage in faults.STAGES:
                work.end(stage)
            return image, []
        private = self._private[: ref.length]
        self._lane.read_into(ref, private)
        work.end("decode")
        work.end("infer")
        self._sequence += 1
        back: object = bytes(private)
        if self._down:
            back = self._lane.write(self._down.popleft(), self._sequence, private)
        work.end("encode")
        return {**image, "d": back}, [{"t": "free", "slots": [ref.slot]}]


async def _serve(wrong: faults.Faults) -> None:
    async def handler(peer: ServerConnection) -> None:
        await NullPeer(peer, wrong).serve()

    options: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}
    async with serve(handler, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], **options) as server:  # type: ignore[list-item]
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until the parent is gone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.null_server", description="A null target.")
    parser.add_argument("--inject", action="append", default=[], type=faults.parse, metavar="FAULT")
    wrong = faults.Faults(parser.parse_args(argv).inject)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop.run(_serve(wrong))


if __name__ == "__main__":
    main()
