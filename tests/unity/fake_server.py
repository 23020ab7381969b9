"""A small server of the wire contract for the C# suites: no models, ops that misbehave on purpose.

fake_server.py RUN_DIR     writes run.json there, serves until its standard input closes
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import mmap
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

import msgpack
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

SLOT_BYTES = 1 << 20
UP = DOWN = 4
TIMING = {"queue_ms": 0.5, "decode_ms": 0.0, "infer_ms": 1.0, "encode_ms": 0.0, "total_ms": 1.5}
TOKEN = "fake-token"
REF = struct.Struct(">IIQ")


class Lane:
    """One connection's mapping."""

    def __init__(self) -> None:
        size = SLOT_BYTES * (UP + DOWN)
        self.fd = os.memfd_create("vitrine-test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, size)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self.map = mmap.mmap(self.fd, size)
        self.free = list(range(UP, UP + DOWN))
        self.mapped = False
        self.sequence = 0

    def offer(self) -> dict[str, Any]:
        name = f"/proc/{os.getpid()}/fd/{self.fd}"
        return {"name": name, "bytes": SLOT_BYTES * (UP + DOWN), "slot_bytes": SLOT_BYTES, "up": UP, "down": DOWN}

    def read(self, data: bytes) -> tuple[bytes, int]:
        slot, length, sequence = REF.unpack(data)
        at = slot * SLOT_BYTES
        assert slot < UP and struct.unpack_from("<QI", self.map, at) == (sequence, length)
        return self.map[at + 64 : at + 64 + length], slot

    def write(self, payload: bytes) -> object:
        if not self.mapped or not self.free or len(payload) > SLOT_BYTES - 64:
            return payload
        slot = self.free.pop()
        self.sequence += 1
        at = slot * SLOT_BYTES
        struct.pack_into("<Q", self.map, at, 0)
        self.map[at + 64 : at + 64 + len(payload)] = payload
        struct.pack_into("<I", self.map, at + 8, len(payload))
        struct.pack_into("<Q", self.map, at, self.sequence)
        return msgpack.ExtType(1, REF.pack(slot, len(payload), self.sequence))

    def close(self) -> None:
        self.map.close()
        os.close(self.fd)


class TryOn:
    """What an open tryon.stream shows: the rgba8 frame itself, mirrored as asked, with a hat in the first layer's
    `#rrggbb` over its top quarter; only the hat in an overlay. Products that misbehave: `reason:CODE` says so in each
    answer, `fail:CODE` ends the stream, `mute` answers nothing, `broken` answers pictures that are none."""

    def __init__(self, a: dict[str, Any]) -> None:
        self.layers: list[dict[str, Any]] = a["layers"]
        self.overlay = a.get("output") == "overlay"
        self.mirror = a.get("mirror", False)

    @property
    def product(self) -> str:
        return self.layers[0].get("product", "") if self.layers else ""

    def trouble(self, kind: str) -> str | None:
        name, _, code = self.product.partition(":")
        return code if name == kind else None

    def dress(self, image: dict[str, Any], data: bytes) -> bytes:
        colour = self.layers[0].get("colour", "") if self.layers else ""
        if image["f"] != "rgba8" or not (colour.startswith("#") or self.mirror or self.overlay):
            return data
        width, height = image["w"], image["h"]
        pixels = bytes(len(data)) if self.overlay else data
        if self.mirror:
            rows = memoryview(pixels).cast("I")
            pixels = b"".join(rows[y * width : (y + 1) * width][::-1].tobytes() for y in range(height))
        if colour.startswith("#"):
            hat = (bytes.fromhex(colour[1:]) + b"\xff") * (width * (height // 4))
            rest = len(pixels) - len(hat)
            pixels = pixels[:rest] + hat if image["o"] == "bottom" else hat + pixels[len(hat) :]
        return pixels


class Peer:
    """One connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.lane = Lane()
        self.streams: dict[int, int] = {}
        self.worn: dict[int, TryOn] = {}
        self.counts = {"cancels": 0, "inline": 0, "shared": 0, "pace": 0, "ends": 0, "frames": 0, "layers": 0}
        self.mute = False
        self.open: set[int] = set()

    async def send(self, message: dict[str, Any]) -> None:
        if not self.mute:
            await self.socket.send(msgpack.packb(message))

    async def done(self, call: int, d: dict[str, Any]) -> None:
        self.open.discard(call)
        await self.send({"t": "done", "id": call, "d": d, "tm": TIMING})

    async def part(self, call: int, n: int, d: dict[str, Any]) -> None:
        await self.send({"t": "part", "id": call, "n": n, "d": d, "tm": TIMING})

    async def fail(self, call: int, code: str, **more: object) -> None:
        self.open.discard(call)
        await self.send({"t": "fail", "id": call, "code": code, "msg": "Said by the fake server.", **more})

    async def run(self) -> None:
        hello = msgpack.unpackb(await self.socket.recv())
        if hello["t"] != "hello" or hello["token"] != TOKEN:
            await self.socket.close(1008, "bad token")
            return
        limits = {"message_bytes": 1 << 22, "open_calls": 16, "image_px": 1 << 24}
        server = {"name": "fake", "version": "0.0.1", "pid": os.getpid()}
        welcome = {"t": "welcome", "v": 1, "session": "s", "server": server, "ops": ["server.echo"], "limits": limits}
        await self.send({**welcome, "shm": self.lane.offer()} if hello["shm"] else welcome)
        async for raw in self.socket:
            message = msgpack.unpackb(raw)
            await getattr(self, "on_" + message["t"])(message)

    async def on_free(self, message: dict[str, Any]) -> None:
        self.lane.mapped = True
        assert not set(message["slots"]) & set(self.lane.free), "a slot was given back twice"
        self.lane.free += message["slots"]

    async def on_ping(self, message: dict[str, Any]) -> None:
        now = time.monotonic_ns() // 1000
        await self.send({"t": "pong", "c0": message["c0"], "s1": now, "s2": now})

    async def on_pace(self, message: dict[str, Any]) -> None:
        self.counts["pace"] += 1

    async def on_cancel(self, message: dict[str, Any]) -> None:
        if message["id"] in self.open:
            self.counts["cancels"] += 1
            self.streams.pop(message["id"], None)
            self.worn.pop(message["id"], None)
            await self.fail(message["id"], "cancelled")

    async def on_end(self, message: dict[str, Any]) -> None:
        self.counts["ends"] += 1
        frames = self.streams.pop(message["id"])
        self.worn.pop(message["id"], None)
        await self.done(message["id"], {"frames_in": frames, "frames_out": frames, "superseded": 0})

    async def on_push(self, message: dict[str, Any]) -> None:
        call, d = message["id"], message["d"]
        if call in self.worn:
            await self.try_on(call, d)
        elif call in self.streams:
            answer = {key: value for key, value in d.items() if key != "image"}
            if "image" in d:
                answer["image"] = await self.echoed(d["image"])
            self.streams[call] += 1
            await self.part(call, self.streams[call] - 1, answer)

    async def try_on(self, call: int, d: dict[str, Any]) -> None:
        worn = self.worn[call]
        if "layers" in d:
            worn.layers = d["layers"]
            self.counts["layers"] += 1
        if "image" not in d:
            return
        data = await self.taken(d["image"])
        self.counts["frames"] += 1
        code = worn.trouble("fail")
        if code is not None:
            self.streams.pop(call)
            self.worn.pop(call)
            await self.fail(call, code)
            return
        if worn.product == "mute":
            return
        shown = {**d["image"], "d": self.lane.write(worn.dress(d["image"], data))}
        if worn.product == "broken":
            shown = {**d["image"], "w": "wide", "d": b""}
        answer = {"n": d["n"], "t_us": d["t_us"], "image": shown, "confidence": 0.875}
        reason = worn.trouble("reason")
        if reason is not None:
            answer |= {"confidence": 0.0, "reason": {"code": reason, "text": "Said by the fake server: " + reason}}
        self.streams[call] += 1
        await self.part(call, self.streams[call] - 1, answer)

    async def taken(self, image: dict[str, Any]) -> bytes:
        data = image["d"]
        self.counts["shared" if isinstance(data, msgpack.ExtType) else "inline"] += 1
        if isinstance(data, msgpack.ExtType):
            data, slot = self.lane.read(data.data)
            await self.send({"t": "free", "slots": [slot]})
        return bytes(data)

    async def echoed(self, image: dict[str, Any]) -> dict[str, Any]:
        return {**image, "d": self.lane.write(await self.taken(image))}

    async def on_call(self, message: dict[str, Any]) -> None:
        call, a = message["id"], message["a"]
        self.open.add(call)
        op = message["op"].replace(".", "_")
        await getattr(self, "op_" + op)(call, a)

    async def op_server_echo(self, call: int, a: dict[str, Any]) -> None:
        result = {key: a[key] for key in ("data",) if key in a}
        if "image" in a:
            result["image"] = await self.echoed(a["image"])
        await self.done(call, result)

    async def op_test_stream(self, call: int, a: dict[str, Any]) -> None:
        self.streams[call] = 0

    async def op_tryon_stream(self, call: int, a: dict[str, Any]) -> None:
        self.streams[call] = 0
        self.worn[call] = TryOn(a)

    async def op_test_count(self, call: int, a: dict[str, Any]) -> None:
        for n in range(a["parts"]):
            await self.part(call, n, {"i": n})
        await self.done(call, {"parts": a["parts"]})

    async def op_test_hold(self, call: int, a: dict[str, Any]) -> None:
        """Answers only a cancel."""

    async def op_test_fail(self, call: int, a: dict[str, Any]) -> None:
        await self.fail(call, "overloaded", retry_ms=250)

    async def op_test_counts(self, call: int, a: dict[str, Any]) -> None:
        await self.done(call, {**self.counts, "free": len(self.lane.free)})

    async def op_test_gap(self, call: int, a: dict[str, Any]) -> None:
        await self.part(call, 1, {})

    async def op_test_drop(self, call: int, a: dict[str, Any]) -> None:
        self.socket.transport.abort()

    async def op_test_mute(self, call: int, a: dict[str, Any]) -> None:
        self.mute = True

    async def op_test_note(self, call: int, a: dict[str, Any]) -> None:
        await self.send({"t": "note", "topic": "model", "d": {"name": "pose-lite", "state": "ready"}})
        await self.done(call, {})

    async def op_test_torn(self, call: int, a: dict[str, Any]) -> None:
        reference = self.lane.write(bytes(12))
        slot = REF.unpack(reference.data)[0]
        struct.pack_into("<Q", self.lane.map, slot * SLOT_BYTES, self.lane.sequence + 5)
        await self.done(call, {"image": {"w": 2, "h": 2, "f": "rgb8", "o": "top", "d": reference}})

    async def op_test_garbage(self, call: int, a: dict[str, Any]) -> None:
        await self.socket.send(b"\xc1")


async def handle(socket: ServerConnection) -> None:
    peer = Peer(socket)
    try:
        await peer.run()
    except ConnectionClosed:
        return
    finally:
        peer.lane.close()


def start_time() -> float:
    """Seconds since 1970, from the system's own books."""
    ticks = float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


async def main(folder: Path) -> None:
    async with serve(handle, "127.0.0.1", 0, compression=None, max_size=1 << 23, subprotocols=["vitrine.v1"]) as server:
        port = server.sockets[0].getsockname()[1]
        running = {"pid": os.getpid(), "started": start_time(), "host": "127.0.0.1", "port": port, "token": TOKEN}
        temporary = folder / "run.tmp"
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({**running, "version": "0.0.1"}))
        temporary.rename(folder / "run.json")
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
