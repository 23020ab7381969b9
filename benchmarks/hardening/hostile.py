"""Messages that a program gone wrong, or somebody who means it, could send. Pure and seeded.

`mild` ones break a call, never the connection: each `call` among them is owed exactly one end. `mutants` are right
messages with something broken in them; what they do is for the server to say, but it must be something of the contract.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack

from sidecar.wire.ops import KINDS

NAN, INF = float("nan"), float("inf")
UNUSED_ID = 4_000_000_000
OPS = (*KINDS, "", "server.Echo", "nothing.here", "__class__", "x" * 64)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
HEAVY_SHARE = 0.02  # pictures that reach a decoder


@dataclass(frozen=True)
class Message:
    """One message's bytes; `call`: the id that it opens, if it does."""

    data: bytes
    call: int | None = None


def pack(value: object) -> bytes:
    """msgpack as the wire wants it."""
    return bytes(msgpack.packb(value, use_bin_type=True))


class Corpus:
    """An endless supply. Ids of calls count upwards, so that one is never open twice by itself."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._id = 0
        self._mild: tuple[Callable[[], Message], ...] = (
            self._unknown_op, self._bad_arguments, self._bad_options, self._bad_reference, self._deep, self._extension,
            self._gone, self._free_and_pace, self._junk_keys,
        )  # fmt: skip

    def mild(self) -> Message:
        """One that must cost a call at most."""
        if self._chance.random() < HEAVY_SHARE:
            return self._picture()
        return self._chance.choice(self._mild)()

    def mutant(self) -> bytes:
        """A right message, broken in one of many ways."""
        chance = self._chance
        data = bytearray(self._right())
        kind = chance.randrange(7)
        if kind == 0:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[chance.randrange(len(data)) :]
        elif kind == 2:
            data += chance.randbytes(chance.randrange(1, 9))
        elif kind == 3:
            at = chance.randrange(len(data))
            data[at:at] = chance.randbytes(chance.randrange(1, 5))
        elif kind == 4:
            return chance.randbytes(chance.randrange(0, 200))
        elif kind == 5:
            return self._bomb()
        else:
            for _ in range(4):
                data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)

    def chance(self, share: float) -> bool:
        """True in so large a share of the times."""
        return self._chance.random() < share

    def greeting(self) -> bytes:
        """What comes where a hello should."""
        if self.chance(0.5):
            return self.mutant()
        token = self._chance.choice(("", "wrong", "x" * 43, 7, None, ["t"]))
        version = self._chance.choice((1, 0, 2, -1, "1", None, 2**63))
        client = {"name": "x" * self._chance.randrange(5000), "version": "1"}
        return pack({"t": "hello", "v": version, "token": token, "client": client})

    def ping(self, number: int) -> bytes:
        """A right one, to see that the connection lives."""
        return pack({"t": "ping", "c0": number})

    # -- mild ----------------------------------------------------------------------------------------------------

    def _call(self, op: str, a: dict[str, Any], **more: Any) -> Message:
        self._id = (self._id + 1) % UNUSED_ID
        return Message(pack({"t": "call", "id": self._id, "op": op, "a": a, **more}), self._id)

    def _unknown_op(self) -> Message:
        return self._call(self._chance.choice(("", "server.Echo", "nothing.here", "__class__", "render.image")), {})

    def _bad_arguments(self) -> Message:
        choose = self._chance.choice
        wrong: Any = choose((NAN, -INF, "moon", 7, [[]], {"f": "rgb8"}, {"f": "raw", "d": b""}, b"x" * 400, -(2**63)))
        name = choose(("data", "image", "where"))
        value = wrong if name != "data" or not isinstance(wrong, (str, int, bytes, list)) else NAN
        return self._call("server.echo", {"where": choose(("gateway", "engine")), name: value})

    def _bad_options(self) -> Message:
        choose = self._chance.choice
        name, values = choose(
            (
                ("budget_ms", (NAN, INF, -1, "10", 1e12, [1])),
                ("prio", ("", "urgent", 1, "FRAME")),
                ("key", ("k" * 300, 1, {}, b"k")),
            )
        )
        return self._call("server.echo", {"data": 1}, **{name: choose(values)})

    def _bad_reference(self) -> Message:
        slot = self._chance.choice((0, 1, 7, 8, 255, 2**31, 2**32 - 1))
        ref = msgpack.ExtType(1, struct.pack(">IIQ", slot, self._chance.choice((0, 3, 2**32 - 1)), 1))
        image = {"w": 1, "h": 1, "f": "rgb8", "o": "top", "d": ref}
        return self._call("server.echo", {"where": self._chance.choice(("gateway", "engine")), "image": image})

    def _deep(self) -> Message:
        value: Any = 1
        for _ in range(self._chance.randrange(33, 200)):
            value = [value] if self._chance.random() < 0.5 else {"a": value}
        return self._call("server.echo", {"data": value})

    def _extension(self) -> Message:
        kind, size = self._chance.randrange(128), self._chance.choice((0, 1, 16, 17))
        return self._call("server.echo", {"data": msgpack.ExtType(kind, bytes(size))})

    def _gone(self) -> Message:
        kind = self._chance.choice(("push", "end", "cancel"))
        more = {"d": {"x": NAN, "image": {"f": "png", "d": b""}}} if kind == "push" else {}
        return Message(pack({"t": kind, "id": UNUSED_ID + self._chance.randrange(1000), **more}))

    def _free_and_pace(self) -> Message:
        if self._chance.random() < 0.5:
            return Message(pack({"t": "free", "slots": [self._chance.randrange(20) for _ in range(4)]}))
        return Message(pack({"t": "pace", "refresh_hz": 90.0, "frame_ms": 5.0, "dropped": 0}))

    def _junk_keys(self) -> Message:
        junk = {self._chance.choice("xyz") * n: [None] * n for n in range(1, 20)}
        return self._call("server.echo", {"data": 1}, budget_ms=-1, **junk)

    def _picture(self) -> Message:
        """Pictures that are none, or not of the size they say."""
        chance = self._chance
        form, data = chance.choice(
            (
                ("png", PNG + chance.randbytes(60)),
                ("jpeg", JPEG + chance.randbytes(200)),
                ("webp", b"RIFF\x40\x00\x00\x00WEBPVP8 " + chance.randbytes(60)),
                ("rgb8", bytes(chance.randrange(64))),
                ("rgba8", b""),
            )
        )
        size = chance.choice((0, 1, 3, 640, 100_000, 2**20))
        height = chance.choice((0, 1, size))
        if form == "rgb8" and size * height * 3 == len(data):
            height += 1
        image = {"w": size, "h": height, "f": form, "o": "top", "d": data}
        return self._call(chance.choice(("vision.segment", "tryon.still")), {"image": image, "layers": []})

    # -- what mutants are made of --------------------------------------------------------------------------------

    def _right(self) -> bytes:
        choose = self._chance.choice
        self._id = (self._id + 1) % UNUSED_ID
        image = {"w": 2, "h": 2, "f": "rgb8", "o": "top", "d": bytes(12)}
        return pack(
            choose(
                (
                    {"t": "call", "id": self._id, "op": "server.echo", "a": {"data": "x" * 20}, "budget_ms": 50.0},
                    {"t": "call", "id": self._id, "op": "server.echo", "a": {"where": "engine", "image": image}},
                    {"t": "call", "id": self._id, "op": choose(OPS), "a": {"image": image, "layers": []}, "key": "k"},
                    {"t": "push", "id": self._id, "d": {"n": 1, "t_us": 1, "image": image}},
                    {"t": "free", "slots": [1, 2, 3]},
                    {"t": "pace", "refresh_hz": 90.0, "frame_ms": 9.0, "dropped": 1},
                    {"t": "hello", "v": 1, "token": "no", "client": {"name": "x", "version": "1"}},
                )
            )
        )

    def _bomb(self) -> bytes:
        size = self._chance.choice((100, 2_000, 50_000))
        return self._chance.choice(
            (
                b"\x81\xa1t" + b"\x91" * size + b"\xc0",
                b"\x81\xa1t" + b"\x81\xa1a" * size + b"\xc0",
                b"\x82\xa1t\xa4call\xa1a\xdd\xff\xff\xff\xff",
                b"\xdf\xff\xff\xff\xff",
                b"\x82\xa1t\xa4call\xa1a\xc6\xff\xff\xff\xff",
                b"\x82\xa1t\xa4call\xa1a\xdd" + struct.pack(">I", size) + b"\x80" * size,
            )
        )
