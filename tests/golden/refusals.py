"""Messages that a server must not take, with what it answers: a close code, or a `fail` of the named call.

`state` is where the connection stands: `fresh` before `hello`, `open` after the welcome. `before` are messages that
were taken first; the state after them is `state`.
"""

from __future__ import annotations

from typing import Any

import msgpack
from make import call, pack

Json = dict[str, Any]
WHO = {"name": "vectors", "version": "1.0"}
HELLO = {"t": "hello", "v": 1, "token": "T0k-en_", "client": WHO}
CALL = {"t": "call", "id": 1, "op": "server.echo", "a": {}}
STREAM = {"t": "call", "id": 2, "op": "tryon.stream", "a": {"layers": []}}
NAN = bytes.fromhex("cb7ff8000000000000")
INFINITY = bytes.fromhex("cb7ff0000000000000")
INFINITY_32 = bytes.fromhex("ca7f800000")


def _with_raw(value: Json, raw: bytes) -> bytes:
    """`value` with its one `"@"` replaced by bytes that `pack` would not write."""
    return pack(value).replace(pack("@"), raw)


def _closes_fresh() -> dict[str, tuple[bytes, int]]:
    return {
        "nothing at all": (b"", 4000),
        "an int": (b"\x01", 4000),
        "an array": (b"\x90", 4000),
        "a byte that msgpack never uses": (b"\xc1", 4000),
        "two maps": (pack(HELLO) + b"\x80", 4000),
        "hello cut short": (pack(HELLO)[:-1], 4000),
        "int keys": (bytes.fromhex("8101a0"), 4000),
        "binary keys": (bytes.fromhex("81c40174a568656c6c6f"), 4000),
        "no t": (pack({"v": 1}), 4000),
        "t is a list": (pack({"t": ["hello"]}), 4000),
        "t is a map": (pack({"t": {}}), 4000),
        "t unknown": (pack({"t": "hallo"}), 4000),
        "t of the server": (pack({"t": "welcome"}), 4000),
        "text that is not UTF-8": (bytes.fromhex("81a174a2c328"), 4000),
        "call before hello": (pack(CALL), 4001),
        "ping before hello": (pack({"t": "ping", "c0": 0}), 4001),
        "free before hello": (pack({"t": "free", "slots": []}), 4001),
        "version 2": (pack({**HELLO, "v": 2}), 4002),
        "version 1.0": (pack({**HELLO, "v": 1.0}), 4002),
        "version true": (pack({**HELLO, "v": True}), 4002),
        "no version": (pack({"t": "hello", "token": "T", "client": WHO}), 4002),
        "no token": (pack({"t": "hello", "v": 1, "client": WHO}), 1008),
        "token is binary": (pack({**HELLO, "token": {"$bin": "00"}}), 1008),
        "no client": (pack({"t": "hello", "v": 1, "token": "T"}), 4000),
        "a language unknown": (pack({**HELLO, "lang": "fr"}), 4000),
        "an absurd headset": (pack({**HELLO, "client": {**WHO, "refresh_hz": 0.0}}), 4000),
        "a headset of NaN hertz": (_with_raw({**HELLO, "client": {**WHO, "refresh_hz": "@"}}, NAN), 4000),
        "a profile without consent said": (pack({**HELLO, "profile": {"id": "anna"}}), 4000),
        "a first message over 4 KiB": (pack({**HELLO, "more": "x" * 4096}), 1009),
        "a map of four billion keys": (bytes.fromhex("dfffffffff"), 4000),
        "depth bomb": (b"\x81\xa1t" + b"\x91" * 2000 + b"\xc0", 4000),
    }


def _closes_open() -> dict[str, tuple[bytes, int]]:
    return {
        "hello again": (pack(HELLO), 4001),
        "an id used again": (pack(CALL), 4001),
        "an id used again by a call that is not valid": (pack({**CALL, "a": []}), 4001),
        "a call without an id": (pack({"t": "call", "op": "server.echo", "a": {}}), 4000),
        "a call with an id below zero": (pack(call(-1, "server.echo", {})), 4000),
        "a call with an id of 33 bits": (pack(call(2**32, "server.echo", {})), 4000),
        "a call with an id that is true": (pack({**CALL, "id": True}), 4000),
        "a free without slots": (pack({"t": "free"}), 4000),
        "a free of too many": (pack({"t": "free", "slots": [0] * 1025}), 4000),
        "a ping with a text": (pack({"t": "ping", "c0": "now"}), 4000),
        "a pace of NaN": (_with_raw({"t": "pace", "refresh_hz": 90.0, "frame_ms": "@", "dropped": 0}, NAN), 4000),
        "a pace before zero": (pack({"t": "pace", "refresh_hz": 90.0, "frame_ms": 11.1, "dropped": -1}), 4000),
        "unknown t": (pack({"t": "shout", "id": 1}), 4000),
        "cut short": (pack(call(5, "server.echo", {"data": "abc"}))[:-2], 4000),
        "more maps than a message may hold": (_large_maps(), 4000),
    }


def _large_maps() -> bytes:
    return pack(call(5, "x", {"$bin": ""})).replace(pack({"$bin": ""}), b"\xdc\x50\x00" + b"\x80" * 0x5000)


def _fails() -> dict[str, tuple[bytes, int, str]]:
    echo = call(5, "server.echo", {"data": "@"})
    timestamp = bytes(msgpack.packb(msgpack.Timestamp(1, 2)))
    return {
        "no such op": (pack(call(5, "server.shout", {})), 5, "unknown_op"),
        "a is missing": (pack({"t": "call", "id": 5, "op": "server.echo"}), 5, "bad_request"),
        "a is a list": (pack({**CALL, "id": 5, "a": []}), 5, "bad_request"),
        "a key of a is binary": (_with_raw({**CALL, "id": 5, "a": "@"}, b"\x81\xc4\x01ad"), 5, "bad_request"),
        "op is an int": (pack({**CALL, "id": 5, "op": 7}), 5, "bad_request"),
        "a budget of NaN": (_with_raw(call(5, "server.echo", {}, budget_ms="@"), NAN), 5, "bad_request"),
        "a budget before zero": (pack(call(5, "server.echo", {}, budget_ms=-1)), 5, "bad_request"),
        "a budget of years": (pack(call(5, "server.echo", {}, budget_ms=1e12)), 5, "bad_request"),
        "a budget of text": (pack(call(5, "server.echo", {}, budget_ms="soon")), 5, "bad_request"),
        "a priority unknown": (pack(call(5, "server.echo", {}, prio="urgent")), 5, "bad_request"),
        "a key that is too long": (pack(call(5, "server.echo", {}, key="k" * 257)), 5, "bad_request"),
        "NaN inside": (_with_raw(echo, NAN), 5, "bad_request"),
        "an infinity inside": (_with_raw(echo, INFINITY), 5, "bad_request"),
        "an infinity of 32 bits inside": (_with_raw(echo, INFINITY_32), 5, "bad_request"),
        "an extension unknown": (_with_raw(echo, bytes.fromhex("d40700")), 5, "bad_request"),
        "a reference of 8 bytes": (_with_raw(echo, bytes.fromhex("d7010000000000000000")), 5, "bad_request"),
        "a timestamp": (_with_raw(echo, timestamp), 5, "bad_request"),
        "nested too deep": (_with_raw(echo, b"\x91" * 40 + b"\xc0"), 5, "bad_request"),
        "push to a call that takes none": (pack({"t": "push", "id": 1, "d": {}}), 1, "bad_request"),
        "end of a call that takes none": (pack({"t": "end", "id": 1}), 1, "bad_request"),
        "push of a list": (pack({"t": "push", "id": 2, "d": []}), 2, "bad_request"),
        "push of NaN": (_with_raw({"t": "push", "id": 2, "d": {"n": "@"}}, NAN), 2, "bad_request"),
        "push without d": (pack({"t": "push", "id": 2}), 2, "bad_request"),
    }


def refused() -> Json:
    """The content of `refused.json`; in every open case call 1 is a U call and call 2 a B call."""
    before = [pack(CALL).hex(), pack(STREAM).hex()]
    cases: list[Json] = [
        {"name": name, "state": "fresh", "hex": data.hex(), "close": code}
        for name, (data, code) in _closes_fresh().items()
    ]
    cases += [
        {"name": name, "state": "open", "before": before, "hex": data.hex(), "close": code}
        for name, (data, code) in _closes_open().items()
    ]
    cases += [
        {"name": name, "state": "open", "before": before, "hex": data.hex(), "id": call_id, "fail": code}
        for name, (data, call_id, code) in _fails().items()
    ]
    return {"cases": cases}
